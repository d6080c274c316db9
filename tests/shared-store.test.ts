import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../src/backends/redis/index.js";
import { SqliteBackend } from "../src/backends/sqlite/index.js";
import { type Actor, type CacheBackend, RefCache } from "../src/index.js";
import golden from "./golden/entries.json" with { type: "json" };
import { asServer } from "./helpers/actors.js";
import { describeRedisServer } from "./helpers/describe-redis.js";
import { all } from "./helpers/entries.js";
import { temporaryFolder } from "./helpers/folders.js";
import { startRedis } from "./helpers/redis-server.js";

/** Makes a store of its own, and gives what connects to it, as each server does. */
type MakeStore = () => Promise<() => CacheBackend>;

function sharing(makeStore: MakeStore): void {
  const serversOf = async (...names: string[]) => {
    const connect = await makeStore();
    const caches = names.map((name) => new RefCache({ name, backend: connect() }));
    onTestFinished(async () => void (await Promise.all(caches.map((cache) => cache.close()))));
    return caches as [RefCache, RefCache, RefCache];
  };
  const counting = (cache: RefCache, runs: string[]) =>
    cache.cached("n")(async function load({ id }: { id: number }) {
      runs.push(cache.name);
      return { id, exact: 2n ** 80n };
    });

  test("one server's reference is the other's value", async () => {
    const [one, two] = await serversOf("one", "two");
    const { refId } = await one.set("k", { rows: [1, 2n ** 70n, Number.NaN, -0, "日本"] });
    expect(await two.resolve(refId, asServer)).toStrictEqual({
      rows: [1, 2n ** 70n, Number.NaN, -0, "日本"],
    });
    expect(await two.get(refId, { ...asServer, page: 1 })).toMatchObject({ page: 1, total_items: 1 });
  });

  test("replicas of one server find each other's results, other servers do not", async () => {
    const runs: string[] = [];
    const [one, replica, other] = await serversOf("one", "one", "other");
    const first = await counting(one, runs)({ id: 1 });
    expect(await counting(replica, runs)({ id: 1 })).toEqual(first);
    expect(runs).toEqual(["one"]);
    await counting(other, runs)({ id: 1 });
    expect(runs).toEqual(["one", "other"]);
  });

  test("a key leads everybody to the newest value, exactly", async () => {
    const [one, two] = await serversOf("one", "two");
    await one.set("report", 1, { namespace: "a" });
    const { refId } = await two.set("report", 2, { namespace: "a" });
    expect((await one.lookup("report", { ...asServer, namespace: "a" }))?.refId).toBe(refId);
    expect(await one.lookup("port", { ...asServer, namespace: "a" })).toBeUndefined();
    expect(await one.lookup("report", { ...asServer, namespace: "aa" })).toBeUndefined();
    expect((await all(one.list({ ...asServer, namespace: "a" }))).length).toBe(2);
    expect(await two.clear("a", asServer)).toBe(2);
    expect(await one.lookup("report", { ...asServer, namespace: "a" })).toBeUndefined();
  });
}

describe("servers on one SQLite file", () => {
  sharing(async () => {
    const path = join(temporaryFolder(), "cache.db");
    return () => new SqliteBackend(path);
  });
});

describeRedisServer("servers on one Redis", () => {
  sharing(async () => {
    const { url, stop } = await ownRedis();
    onTestFinished(stop);
    return () => new RedisBackend({ url });
  });

  test("what Python wrote is resolved, shown and listed", async () => {
    const redis = await ownRedis();
    const raw = new Redis(redis.url);
    const cache = new RefCache({ name: "ours", backend: new RedisBackend({ url: redis.url }) });
    onTestFinished(async () => {
      raw.disconnect();
      await cache.close();
      await redis.stop();
    });
    for (const { redis_key, redis_value } of golden) await raw.set(redis_key, redis_value);
    const refIds = golden.map(({ redis_key }) => redis_key.slice("mcp-refcache:entry:".length));
    expect((await all(cache.list(asServer))).map(({ refId }) => refId).sort()).toEqual([...refIds].sort());
    expect(await cache.resolve(refIds[0] ?? "", asServer)).toEqual([2, 3, 5, 7, 11]);
    expect(await cache.resolve(refIds[5] ?? "", asServer)).toMatchObject({
      big: 2n ** 80n,
      nan: Number.NaN,
      f: 1e22,
      f4: -0,
    });
    expect(await cache.get(refIds[5] ?? "", asServer)).toMatchObject({
      value: { big: "1208925819614629174706176", nan: "NaN" },
    });
    const [own, other] = [{ actor: agentOf("secrets") }, { actor: agentOf("x") }]; // it lies in user:secrets
    const refused = { code: "reference_unavailable" };
    await expect(cache.get(refIds[2] ?? "", own)).rejects.toMatchObject(refused);
    expect(await cache.resolve(refIds[2] ?? "", own)).toBe(42);
    await expect(cache.resolve(refIds[2] ?? "", other)).rejects.toMatchObject(refused);
  });
});

function agentOf(id: string): Actor {
  return { type: "agent", id };
}

async function ownRedis(): Promise<{ url: string; stop(): Promise<void> }> {
  const redis = await startRedis();
  return { url: redis.url, stop: async () => void (await redis.stop()) };
}
