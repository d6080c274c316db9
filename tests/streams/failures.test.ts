import { join } from "node:path";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { ROWS_NOTE } from "../../src/backends/sqlite/whole-row.js";
import { fromJson, RefCache, StoreError, StoreUnavailableError } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { temporaryFolder } from "../helpers/folders.js";
import { startRedis } from "../helpers/redis-server.js";
import { sqlite } from "../helpers/sqlite.js";

const ROWS = Array.from({ length: 30_000 }, (_, id) => ({ id, name: `row ${id} é😀` }));

/** Rows, and something to be done after half of them. */
async function* halfway(work: () => unknown): AsyncGenerator<unknown> {
  yield* ROWS.slice(0, 15_000);
  await work();
  yield* ROWS.slice(15_000);
}

describe("a stream into SQLite", () => {
  function open() {
    const path = join(temporaryFolder(), "cache.db");
    const cache = new RefCache({ name: "s", backend: sqlite(path) });
    const raw = new Database(path, { timeout: 5000 });
    onTestFinished(() => void raw.close());
    const count = (table: string) => raw.prepare(`SELECT count(*) FROM ${table}`).pluck().get();
    return { path, cache, raw, count };
  }

  test("is found by the Python implementation where it looks, once it is stored", async () => {
    const { cache, raw } = open();
    for (const rows of [ROWS, Array.from({ length: 4 }, () => ROWS).flat()]) {
      const { refId } = await cache.set(
        "k",
        halfway.call(null, () => {}),
      );
      const read = raw.prepare("SELECT value_json FROM cache_entries WHERE key = ?").pluck().get(refId);
      expect(JSON.parse(read as string)).toEqual(ROWS);
      const large = await cache.set("k", fromJson(JSON.stringify(rows)));
      const other = raw
        .prepare("SELECT value_json FROM cache_entries WHERE key = ?")
        .pluck()
        .get(large.refId);
      expect(other === JSON.stringify(rows)).toBe(true);
    }
  });

  test("is read from its rows where it is in no column, and told to other readers as JSON", async () => {
    const { cache, raw } = open();
    const { refId } = await cache.set(
      "k",
      halfway(() => {}),
    );
    raw.prepare("UPDATE cache_entries SET value_json = ? WHERE key = ?").run(ROWS_NOTE, refId);
    expect(JSON.parse(ROWS_NOTE)).toMatchObject({ mcp_refcache_rows: 1 });
    expect(await cache.resolve(refId, asServer)).toEqual(ROWS);
    expect(await cache.get(refId, asServer)).toMatchObject({ is_complete: false, total_items: ROWS.length });
    expect(await cache.resolveMany([refId], asServer)).toMatchObject([{ status: "fulfilled", value: ROWS }]);
  });

  test("of a process that was killed goes by itself, and one that goes on fails", async () => {
    const { path, cache, raw, count } = open();
    const silent = async () => {
      expect(count("refcache_writing")).toBe(1);
      expect(count("refcache_texts")).toBeGreaterThan(0);
      raw.exec("UPDATE refcache_writing SET touched_at = touched_at - 601");
      await sqlite(path).exists("s:00000000000000000000000000000001"); // sweeps when it is opened
      await expect.poll(() => count("refcache_writing"), { timeout: 10_000 }).toBe(0);
      expect(count("refcache_texts")).toBe(0);
    };
    await expect(cache.set("k", halfway(silent))).rejects.toThrow(StoreUnavailableError);
    expect(count("cache_entries")).toBe(0);
    expect(count("refcache_texts")).toBe(0);
  });

  test("leaves no row where its source throws", async () => {
    const { cache, count } = open();
    const broken = () => {
      throw new Error("broken");
    };
    await expect(cache.set("k", halfway(broken))).rejects.toThrow("broken");
    expect([count("refcache_writing"), count("refcache_texts"), count("cache_entries")]).toEqual([0, 0, 0]);
  });

  test("is gone with all its rows when its entry is deleted", async () => {
    const { cache, count } = open();
    const { refId } = await cache.set(
      "k",
      halfway(() => {}),
    );
    expect(await cache.delete(refId, asServer)).toBe(true);
    expect([count("refcache_texts"), count("refcache_outlines")]).toEqual([0, 0]);
  });
});

describeRedisServer("a stream into Redis", () => {
  async function open() {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const cache = new RefCache({ name: "s", backend: new RedisBackend({ url: server.url }) });
    onTestFinished(() => cache.close());
    const raw = new Redis(server.url);
    onTestFinished(() => raw.disconnect());
    raw.on("error", () => {});
    return { server, cache, raw, temporary: () => raw.keys("mcp-refcache:writing:*") };
  }

  test("lies under a key that ends by itself, and is no entry before its end", async () => {
    const { cache, raw, temporary } = await open();
    const look = async () => {
      const [key = ""] = await temporary();
      expect(await raw.pttl(key)).toBeGreaterThan(0);
      expect(await raw.keys("mcp-refcache:entry:*")).toEqual([]);
    };
    const { refId } = await cache.set("k", halfway(look), { ttl: "1h" });
    expect(await temporary()).toEqual([]);
    expect(JSON.parse((await raw.get(`mcp-refcache:entry:${refId}`)) ?? "")).toMatchObject({ value: ROWS });
    expect(await raw.pttl(`mcp-refcache:entry:${refId}`)).toBeGreaterThan(3_500_000);
  });

  test("fails where what was written has ended, and never makes a cut entry", async () => {
    const { cache, raw, temporary } = await open();
    const end = async () => void (await raw.unlink(...(await temporary())));
    await expect(cache.set("k", halfway(end))).rejects.toThrow(StoreUnavailableError);
    expect(await raw.keys("*")).toEqual([]);
  });

  test("leaves no key where its source throws", async () => {
    const { cache, raw } = await open();
    const broken = () => {
      throw new Error("broken");
    };
    await expect(cache.set("k", halfway(broken))).rejects.toThrow("broken");
    expect(await raw.keys("*")).toEqual([]);
  });

  test("fails with the store's error where the server dies, and in a tool, too", async () => {
    const { server, cache } = await open();
    let runs = 0;
    const tool = cache.cached("n")(() => {
      runs++;
      return halfway(() => server.stop());
    });
    await expect(tool()).rejects.toThrow(StoreError);
    expect(runs).toBe(1);
  });
});
