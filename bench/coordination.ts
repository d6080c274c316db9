import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { CacheBackend } from "mcp-refcache";
import { startRedis } from "../tests/helpers/redis-server.js";
import { RedisBackend, RefCache, SqliteBackend } from "./built.js";
import type { Order, Report } from "./coordination-server.js";
import { type Contest, inTurn } from "./measure.js";

interface SharedStore {
  readonly name: string;
  /** As the servers are told it: a path, or a URL. */
  readonly location: string;
  readonly connect: () => CacheBackend;
  close(): unknown;
}

const SERVERS = 4;
const CALLS_EACH = 250;
/** Milliseconds that the tool takes which a thousand calls ask for. */
const TAKES = 100;

/** What it costs to run equal calls of several servers once, and what it saves. */
export async function* coordinationContests(): AsyncGenerator<Contest, void> {
  for (const open of [openSqlite, openRedis]) {
    const store = await open();
    try {
      yield* missing(store);
      yield* crowding(store);
    } finally {
      await store.close();
    }
  }
}

/** A call that no other server makes: what it pays for the chance that one might. */
async function* missing(store: SharedStore): AsyncGenerator<Contest, void> {
  const cache = new RefCache({ name: "bench", backend: store.connect() });
  const toolOf = (name: string, coordination?: false) =>
    cache.cached("misses", { name, coordination })(async ({ n }: { n: number }) => n);
  const [coordinated, alone] = [toolOf("coordinated"), toolOf("alone", false)];
  yield {
    what: `a lonely miss, ${store.name}`,
    size: "a number",
    against: "the same under `coordination: false`",
    ours: inTurn((n) => coordinated({ n })),
    ceiling: inTurn((n) => alone({ n })),
  };
  await cache.close();
}

/** Equal calls of several processes at once, against a single run of the tool. */
async function* crowding(store: SharedStore): AsyncGenerator<Contest, void> {
  const servers = Array.from({ length: SERVERS }, () => start(store));
  await Promise.all(servers.map((server) => once(server, "message")));
  yield {
    what: `${SERVERS} processes, ${CALLS_EACH} equal calls each, ${store.name}`,
    size: `a tool of ${TAKES} ms`,
    against: "one run of it",
    ours: inTurn(async (n) => {
      const reports = await Promise.all(servers.map((server) => order(server, { n })));
      const runs = reports.reduce((sum, report) => sum + report.runs, 0);
      if (runs !== 1) throw new Error(`there were ${runs} runs of one call`);
    }),
    ceiling: inTurn(() => sleep(TAKES)),
  };
  for (const server of servers) server.kill();
}

function start({ location }: SharedStore): ChildProcess {
  const script = fileURLToPath(new URL("coordination-server.ts", import.meta.url));
  return fork(script, [location, `${CALLS_EACH}`, `${TAKES}`], { execArgv: ["--import", "tsx"] });
}

async function order(server: ChildProcess, what: Order): Promise<Report> {
  const reported = once(server, "message");
  server.send(what);
  const [report] = (await reported) as [Report];
  return report;
}

async function openSqlite(): Promise<SharedStore> {
  const folder = mkdtempSync(join(tmpdir(), "refcache-bench-"));
  const location = join(folder, "shared.db");
  return {
    name: "SQLite",
    location,
    connect: () => new SqliteBackend(location),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function openRedis(): Promise<SharedStore> {
  const server = await startRedis();
  return {
    name: "Redis",
    location: server.url,
    connect: () => new RedisBackend({ url: server.url }),
    close: () => server.stop(),
  };
}
