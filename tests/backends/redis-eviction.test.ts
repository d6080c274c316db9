import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { RefCache, ReferenceUnavailableError, SYSTEM } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { reference } from "../helpers/entries.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { ask } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

/** How long a warning may take to come, or not to. */
const WARNING_MS = 500;

describeRedisServer("a server whose memory is bounded", () => {
  /** What a backend warns of on a server with such settings, called twice. */
  async function warnings(config: Record<string, string>, options = {}): Promise<string[]> {
    const server = await startRedis({ config: Object.entries(config) });
    if ("username" in options)
      await ask(server, "acl", "setuser", "app", "on", ">secret", "~*", "-@all", "+get");
    const logger = recordingLogger();
    const backend = new RedisBackend({ url: server.url, logger, ...options });
    for (let n = 0; n < 2; n++) {
      await backend.get(reference(1));
      await ask(server, "client", "kill", "type", "normal", "skipme", "yes");
      await sleep(WARNING_MS);
    }
    await backend.close();
    await server.stop();
    return logger.lines;
  }

  test.each([
    ["allkeys-lru", /evicts any key.*allkeys-lru/],
    ["allkeys-lfu", /evicts any key/],
    ["allkeys-random", /at random/],
    ["volatile-random", /at random/],
    ["volatile-ttl", /expires first, which leases do/],
    ["noeviction", /refuses every write/],
  ])("%s is warned of, once", async (policy, expected) => {
    const lines = await warnings({ maxmemory: "50mb", "maxmemory-policy": policy });
    expect(lines).toEqual([expect.stringMatching(expected)]);
  });

  test.each([
    ["volatile-lru", { maxmemory: "50mb", "maxmemory-policy": "volatile-lru" }],
    ["no bound", { maxmemory: "0", "maxmemory-policy": "allkeys-lru" }],
  ])("%s is not", async (_, config) => {
    expect(await warnings(config)).toEqual([]);
  });

  test("a user who may not look is told nothing, and works", async () => {
    const config = { maxmemory: "50mb", "maxmemory-policy": "allkeys-lru" };
    expect(await warnings(config, { username: "app", password: "secret" })).toEqual([]);
  });
});

describeRedisServer("an entry that was evicted", () => {
  async function withCache(policy: string, use: (cache: RefCache, server: RedisServer) => Promise<void>) {
    const server = await startRedis({
      config: [
        ["maxmemory", "8mb"],
        ["maxmemory-policy", policy],
      ],
    });
    const logger = recordingLogger();
    const cache = new RefCache({
      name: "small",
      backend: new RedisBackend({ url: server.url, logger }),
      logger,
    });
    try {
      await use(cache, server);
    } finally {
      await cache.close();
      await server.stop();
    }
  }

  test.each(["volatile-lru", "allkeys-lru"])("is a clean miss under %s", async (policy) => {
    await withCache(policy, async (cache, server) => {
      const values = new Map<string, string>();
      for (let n = 0; n < 100; n++) {
        const value = `${n}`.padEnd(200_000, "x");
        values.set((await cache.set(`key-${n}`, value, { actor: SYSTEM })).refId, value);
      }
      expect(
        Number(/evicted_keys:(\d+)/.exec(String(await ask(server, "info", "stats")))?.[1]),
      ).toBeGreaterThan(20);
      let misses = 0;
      for (const [refId, value] of values) {
        const read = await cache.resolve(refId, { actor: SYSTEM }).catch((error: unknown) => error);
        if (read instanceof ReferenceUnavailableError) misses++;
        else expect(read === value).toBe(true);
      }
      expect(misses).toBeGreaterThan(20);
      for await (const { refId } of cache.list({ actor: SYSTEM })) expect(values.has(refId)).toBe(true);
    });
  });

  test("makes a cached tool run again", async () => {
    await withCache("allkeys-lru", async (cache) => {
      let runs = 0;
      const report = cache.cached("reports")(async ({ n }: { n: number }) => {
        runs++;
        return `${n}`.padEnd(400_000, "x");
      });
      for (let n = 0; n < 60; n++) await report({ n });
      expect(await report({ n: 0 })).toMatchObject({ is_complete: false });
      expect(runs).toBe(61);
    });
  });
});
