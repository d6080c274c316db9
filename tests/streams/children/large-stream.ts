import { createHash } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { CacheBackend } from "../../../src/index.js";

/** Stores and reads back a large value, and tells what that took, as one line of JSON. */
const [mode = "stream", store = "sqlite", where = "", megabytes = "100", from = "src"] =
  process.argv.slice(2);
const load = <T>(module: string): Promise<T> =>
  import(new URL(`../../../${from}/${module}`, import.meta.url).href) as Promise<T>;
const { fromJson, MemoryBackend, RefCache, SYSTEM } =
  await load<typeof import("../../../src/index.js")>("index.js");
const { RedisBackend } =
  await load<typeof import("../../../src/backends/redis/index.js")>("backends/redis/index.js");
const { SqliteBackend } =
  await load<typeof import("../../../src/backends/sqlite/index.js")>("backends/sqlite/index.js");
const size = Number(megabytes) * 1_000_000;
const asServer = { actor: SYSTEM };

const STORES: Record<string, () => CacheBackend> = {
  memory: () => new MemoryBackend({ maxBytes: 2_000_000_000 }),
  sqlite: () => new SqliteBackend(where),
  redis: () => new RedisBackend({ url: where }),
};

const backend = STORES[store]?.() as CacheBackend;
const cache = new RefCache({ name: "large", backend, limits: { maxValueBytes: 1_000_000_000 } });
const row = (id: number) => ({
  id,
  name: `row ${id}`,
  text: "lorem ipsum dolor sit amet ".repeat(1 + (id % 8)),
});
const peak = { rss: 0 };
const start = process.memoryUsage.rss();
const watch = setInterval(() => {
  peak.rss = Math.max(peak.rss, process.memoryUsage.rss());
}, 20);

async function stream(): Promise<object> {
  let given = 0;
  let count = 0;
  const rows = async function* () {
    while (given < size) {
      const item = row(count++);
      given += JSON.stringify(item).length + 1;
      yield item;
    }
  };
  const began = performance.now();
  const { refId, bytes } = await cache.set("k", rows());
  const wrote = performance.now();
  let read = 0;
  const digest = createHash("sha256");
  for await (const chunk of cache.resolveStream(refId, asServer)) {
    digest.update(chunk);
    read += chunk.length;
  }
  const readAll = performance.now();
  let items = 0;
  for await (const item of cache.items<{ id: number }>(refId, asServer)) if (item.id === items) items++;
  const took = { set: wrote - began, resolveStream: readAll - wrote, items: performance.now() - readAll };
  return { bytes, read, count, items, took };
}

function listOf(bytes: number): Buffer {
  const text = Buffer.alloc(bytes, " ");
  for (let at = 0, id = 0; at < bytes - 400; id++)
    at += text.write(`${id === 0 ? "[" : ","}${JSON.stringify(row(id))}`, at);
  text.write("]", bytes - 1);
  return text;
}

/** What a process does for the first time takes long, whatever the size. */
async function warmUp(): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const { refId } = await cache.set("warm", fromJson(listOf(1_000_000)));
    await cache.get(refId, asServer);
    await cache.get(refId, { ...asServer, page: 5 });
    for await (const _ of cache.list(asServer));
    await cache.delete(refId, asServer);
  }
}

async function stall(): Promise<object> {
  const text = listOf(size);
  await warmUp();
  await sleep(300);
  const figures: Record<string, unknown> = {};
  const measure = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await sleep(20);
    const began = performance.now();
    const result = await work();
    const took = performance.now() - began;
    await sleep(20);
    delay.disable();
    const [max, p99] = [delay.max, delay.percentile(99)].map((ns) => Math.round(ns / 1e5) / 10);
    figures[what] = { took: Math.round(took * 10) / 10, max, p99 };
    return result;
  };
  const { refId } = await measure("set", () => cache.set("k", fromJson(text)));
  await measure("preview", () => cache.get(refId, asServer));
  await measure("page", () => cache.get(refId, { ...asServer, page: 500 }));
  await measure("list", async () => {
    for await (const _ of cache.list(asServer));
  });
  if (process.env.RESOLVE) await measure("resolve", () => cache.resolve(refId, asServer));
  return figures;
}

const result = await (mode === "stream" ? stream() : stall());
clearInterval(watch);
const grown = Math.round((peak.rss - start) / 1e6);
process.stdout.write(
  `RESULT ${JSON.stringify({ ...result, peakMB: Math.round(peak.rss / 1e6), grownMB: grown })}\n`,
);
await cache.close();
