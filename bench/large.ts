import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeProcess } from "../tests/helpers/processes.js";
import { startRedis } from "../tests/helpers/redis-server.js";
import { fromJson, RefCache, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { type Pair, pairs } from "./raw.js";

const MB = 1_000_000;
const asServer = { actor: SYSTEM };

/** A page and a preview of 10 and 100 MB against those of 1 MB, on every store. */
export async function* largeContests(isShort: boolean): AsyncGenerator<Contest, void> {
  for await (const pair of pairs()) {
    const cache = new RefCache({ name: "bench", backend: pair.backend });
    const small = await stored(cache, 1);
    for (const megabytes of isShort ? [2] : [10, 100]) {
      const large = await stored(cache, megabytes);
      yield contest(pair, `${megabytes} MB`, "page", (refId) => cache.get(refId, { ...asServer, page: 5 }), [
        large,
        small,
      ]);
      yield contest(pair, `${megabytes} MB`, "preview", (refId) => cache.get(refId, asServer), [
        large,
        small,
      ]);
      await cache.delete(large, asServer);
    }
  }
}

function contest(
  pair: Pair,
  size: string,
  what: string,
  show: (refId: string) => Promise<unknown>,
  [large, small]: readonly [string, string],
): Contest {
  return {
    what: `${what}, ${pair.name}`,
    size,
    against: `the ${what} of 1 MB`,
    aim: pair.name === "memory" ? 1.2 : 2,
    ours: inTurn(() => show(large)),
    ceiling: inTurn(() => show(small)),
  };
}

async function stored(cache: RefCache, megabytes: number): Promise<string> {
  const rows = async function* () {
    for (let bytes = 0, id = 0; bytes < megabytes * MB; id++) {
      const text = `{"id":${id},"name":"row ${id}","text":"${"lorem ipsum ".repeat(1 + (id % 8))}"}`;
      yield `${id === 0 ? "[" : ","}${text}`;
      bytes += text.length + 1;
    }
    yield "]";
  };
  const { refId } = await cache.set(`rows ${megabytes}`, fromJson(rows()), { ttl: "1h" });
  return refId;
}

interface Streamed {
  readonly bytes: number;
  readonly peakMB: number;
  readonly grownMB: number;
  readonly took: { readonly set: number; readonly resolveStream: number; readonly items: number };
}

type Stalls = Record<string, { readonly took: number; readonly max: number; readonly p99: number }>;

/** Lines of streams through a process of 256 MB of heap, and of how long 100 MB hold up others. */
export async function* largeProcesses(isShort: boolean): AsyncGenerator<string[], void> {
  const folder = mkdtempSync(join(tmpdir(), "refcache-bench-"));
  const redis = await startRedis();
  const stores = [
    { name: "memory", store: "memory", where: "" },
    { name: "SQLite", store: "sqlite", where: join(folder, "cache.db") },
    { name: "Redis", store: "redis", where: redis.url },
  ];
  const [much, less] = isShort ? [5, 5] : [500, 100];
  try {
    for (const { name, store, where } of stores.slice(1))
      yield streamed(name, much, await run<Streamed>("stream", store, where, `${much}`));
    for (const { name, store, where } of stores)
      yield* stalled(name, less, await run<Stalls>("stall", store, where, `${less}`));
  } finally {
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

function streamed(name: string, megabytes: number, { bytes, took, peakMB, grownMB }: Streamed): string[] {
  const speed = (milliseconds: number) => `${(bytes / milliseconds / 1000).toFixed(0)} MB/s`;
  return [
    `stream, ${name}, ${megabytes} MB in 256 MB of heap`,
    `set ${speed(took.set)}, resolveStream ${speed(took.resolveStream)}, items ${speed(took.items)}`,
    `memory at most ${peakMB} MB, grown by ${grownMB} MB`,
  ];
}

function* stalled(name: string, megabytes: number, stalls: Stalls): Generator<string[]> {
  for (const what of ["set", "preview", "page", "list", "resolve"]) {
    const { took, max, p99 } = stalls[what] ?? { took: 0, max: 0, p99: 0 };
    yield [`held up, ${name}, ${megabytes} MB`, `${what}: ${took} ms`, `at most ${max} ms, p99 ${p99} ms`];
  }
}

async function run<T>(mode: string, store: string, where: string, megabytes: string): Promise<T> {
  const script = join(import.meta.dirname, "../tests/streams/children/large-stream.ts");
  const environment = {
    ...(mode === "stream" ? { NODE_OPTIONS: "--max-old-space-size=256" } : {}),
    RESOLVE: "1",
  };
  const child = new NodeProcess(script, [mode, store, where, megabytes, "dist"], environment);
  const { output } = await child.end(300_000);
  const result = /RESULT (.*)/.exec(output)?.[1];
  if (result === undefined) throw new Error(output);
  return JSON.parse(result) as T;
}
