import { setTimeout as sleep } from "node:timers/promises";
import type { Entry } from "mcp-refcache";
import { DEFAULT_POLICY, MemoryBackend, RefCache } from "./built.js";

/** What holds the entries. */
export type Kind = "map" | "backend" | "cache" | "keyed";

const [kind = "", count = ""] = process.argv.slice(2);
const ENTRIES = Number(count);
const AT_ONCE = 1000;
const HOUR_MS = 3_600_000;

/** A value of some 100 bytes, each another one. */
function smallValue(n: number) {
  return { id: n, name: `Item ${n}`, note: "a short text, as many results have one", city: "Utrecht" };
}

/** As long as a reference, and of one piece: what is pieced together takes more. */
function referenceOf(n: number): string {
  const scrambled = Math.imul(n + 1, 2_654_435_761) >>> 0;
  return Buffer.from(`bench:${scrambled.toString(16).padStart(8, "0").repeat(4)}`).toString("latin1");
}

function entryOf(n: number): Entry {
  const json = JSON.stringify(smallValue(n));
  const metadata = { toolName: null, totalItems: 4, totalSize: json.length, strictJson: true };
  const createdAt = Date.now();
  return {
    json,
    namespace: "public",
    policy: DEFAULT_POLICY,
    createdAt,
    expiresAt: createdAt + HOUR_MS,
    metadata,
  };
}

function roomy(): MemoryBackend {
  return new MemoryBackend({ maxEntries: ENTRIES, maxBytes: 4 * 1024 ** 3 });
}

const fillers: Readonly<Record<Kind, () => Promise<unknown>>> = {
  map: async () => {
    const map = new Map<string, string>();
    for (let n = 0; n < ENTRIES; n++) map.set(referenceOf(n), JSON.stringify(smallValue(n)));
    return map;
  },
  backend: async () => {
    const backend = roomy();
    for (let n = 0; n < ENTRIES; n++) await backend.set(referenceOf(n), entryOf(n));
    return backend;
  },
  cache: async () => {
    const cache = new RefCache({ name: "bench", backend: roomy() });
    for (let from = 0; from < ENTRIES; from += AT_ONCE)
      await cache.setMany(Array.from({ length: AT_ONCE }, (_, n) => ({ value: smallValue(from + n) })));
    return cache;
  },
  keyed: async () => {
    const cache = new RefCache({ name: "bench", backend: roomy() });
    for (let n = 0; n < ENTRIES; n++) await cache.set(`key ${n}`, smallValue(n));
    return cache;
  },
};

/** Bytes in use once what nobody holds is gone. */
async function bytesInUse(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.();
    await sleep(10);
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const fill = fillers[kind as Kind];
const before = await bytesInUse();
const held = await fill();
const bytes = (await bytesInUse()) - before;
process.stdout.write(`${bytes}`);
process.exit(held === undefined ? 1 : 0); // it is held until here
