import { describe, expect, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { ConfigurationError, MemoryBackend, RefCache, StoreUnavailableError } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { memoryStore, sqliteStore } from "../helpers/raw-stores.js";
import { startRedis } from "../helpers/redis-server.js";

describe.each([
  ["memory", memoryStore],
  ["SQLite", sqliteStore],
])("%s", (_, open) => {
  test("is up, and tells how full it is", async () => {
    const cache = new RefCache({ name: "test", backend: open().connect() });
    await cache.set("k", "x".repeat(100_000));
    const { status, store, capacity } = await cache.health();
    expect([status, store.isReachable, store.code]).toEqual(["up", true, undefined]);
    expect(store.milliseconds).toBeGreaterThan(0);
    expect(capacity?.bytes).toBeGreaterThan(100_000);
  });

  test("is down once it is closed", async () => {
    const cache = new RefCache({ name: "test", backend: open().connect() });
    await cache.close();
    const { status, store, capacity } = await cache.health();
    expect([status, store.isReachable, store.code]).toEqual(["down", false, "store_unavailable"]);
    expect(capacity).toBeUndefined();
  });
});

test("memory knows its bounds", async () => {
  const backend = new MemoryBackend({ maxEntries: 7, maxBytes: 10_000 });
  const cache = new RefCache({ name: "test", backend });
  await cache.set("k", 1);
  expect((await cache.health()).capacity).toEqual({
    entries: 1,
    maxEntries: 7,
    bytes: 513,
    maxBytes: 10_000,
  });
});

test("a store that hangs is down within the time-out, and its probes are not counted as traffic", async () => {
  const backend = Object.assign(new MemoryBackend(), { exists: () => new Promise<never>(() => {}) });
  const cache = new RefCache({ name: "test", backend });
  const health = await cache.health({ timeout: 30 });
  expect(health).toMatchObject({ status: "down", store: { isReachable: false, code: "store_timeout" } });
  expect((await cache.stats()).operations).toEqual({});
});

test("what is not known of the capacity says nothing of the store", async () => {
  const capacity = () => Promise.reject(new StoreUnavailableError("no"));
  const cache = new RefCache({ name: "test", backend: Object.assign(new MemoryBackend(), { capacity }) });
  const health = await cache.health();
  expect(health.status).toBe("up");
  expect(health).not.toHaveProperty("capacity");
});

test.each([0, -1, Number.NaN, 2 ** 31])("a time-out of %d is refused", async (timeout) => {
  const cache = new RefCache({ name: "test" });
  await expect(cache.health({ timeout })).rejects.toThrow(ConfigurationError);
});

describeRedisServer("Redis", () => {
  test("tells its memory, and nothing where the user may not ask", async () => {
    const acl = ["user", "app", "on", ">secret", "~mcp-refcache:*", "+get", "+getrange", "+select"];
    const server = await startRedis({ config: [["maxmemory", "64mb"], acl] });
    try {
      const cache = new RefCache({ name: "test", backend: new RedisBackend({ url: server.url }) });
      const { status, capacity } = await cache.health();
      expect([status, capacity?.maxBytes]).toEqual(["up", 64 * 1024 * 1024]);
      expect(capacity?.bytes).toBeGreaterThan(100_000);
      await cache.close();
      const url = server.url.replace("redis://", "redis://app:secret@");
      const limited = new RefCache({ name: "test", backend: new RedisBackend({ url }) });
      expect(await limited.health()).toMatchObject({ status: "up", capacity: {} });
      await limited.close();
    } finally {
      await server.stop();
    }
  });

  test("is down when it is gone, and up when it is back", async () => {
    const server = await startRedis();
    const cache = new RefCache({ name: "test", backend: new RedisBackend({ url: server.url }) });
    try {
      expect((await cache.health()).status).toBe("up");
      await server.stop();
      const { status, store } = await cache.health();
      expect([status, store.isReachable]).toEqual(["down", false]);
      expect(store.code).toMatch(/^store_(unavailable|timeout)$/);
    } finally {
      await cache.close();
    }
  });
});
