import { createRequire } from "node:module";
import { expect, onTestFinished, test } from "vitest";
import { RedisBackend, type RedisBackendOptions } from "../../../src/backends/redis/index.js";
import { StoreError, StoreUnavailableError, type TieredBackendOptions } from "../../../src/index.js";
import { describeRedisServer } from "../../helpers/describe-redis.js";
import { entry, reference } from "../../helpers/entries.js";
import { type RedisServerOptions, startRedis } from "../../helpers/redis-server.js";
import { Relay } from "../../helpers/relay.js";
import { coherent, tiersOver } from "../../helpers/tiers.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

const A = reference(1);
const B = reference(2);
const old = entry({ value: "old" });
const fresh = entry({ value: "fresh" });

/** Milliseconds between signs of life. */
const BEAT = 500;
const commandTimeout = 300;

async function server(options: RedisServerOptions = {}) {
  const redis = await startRedis(options);
  onTestFinished(() => redis.stop());
  return redis;
}

async function serverOn(
  { url }: { url: string },
  options: Partial<TieredBackendOptions> = {},
  redis: RedisBackendOptions = {},
) {
  const { tiers } = tiersOver(new RedisBackend({ url, commandTimeout, ...redis }), options);
  await tiers.exists(B);
  await coherent(tiers);
  return tiers;
}

describeRedisServer("copies of what is in Redis", () => {
  test("are out of use as soon as the server ends, and in use again when it is back", async () => {
    const redis = await server({ persist: true });
    const tiers = await serverOn(redis);
    await tiers.set(A, old);
    await redis.kill();
    await coherent(tiers, false);
    await expect(tiers.get(A)).rejects.toThrow(StoreError);
    await redis.restart();
    await coherent(tiers);
    expect(await tiers.get(A)).toEqual(old);
  });

  test("are out of use as soon as the connection is cut on which changes are told", async () => {
    const redis = await server();
    const [one, other] = [await serverOn(redis), await serverOn(redis)];
    await one.set(A, old);
    await other.settle();
    await other.get(A);
    const raw = new Redis(redis.url);
    onTestFinished(() => raw.disconnect());
    for (let n = 0; n < 5; n++) {
      await raw.call("client", "kill", "type", "pubsub");
      await raw.set(`mcp-refcache:entry:${A}`, "unreadable");
      await coherent(other, false);
      await expect(other.get(A)).rejects.toMatchObject({ code: "entry_unreadable" });
      await one.set(A, fresh);
      expect(await other.get(A)).toEqual(fresh);
      await coherent(other);
      expect(await other.get(A)).toEqual(fresh);
    }
  });

  test("are out of use in time when that connection dies in silence", async () => {
    const redis = await server();
    const relay = await Relay.before(redis.port);
    onTestFinished(() => relay.stop());
    const [behind, direct] = [await serverOn(relay), await serverOn(redis)];
    await behind.set(A, old);
    await behind.settle();
    expect(await behind.get(A)).toEqual(old);
    relay.silenced = "tracking";
    await direct.set(A, fresh);
    await new Promise((resolve) => setTimeout(resolve, BEAT + commandTimeout));
    expect(await behind.get(A)).toEqual(fresh);
    relay.silenced = undefined;
    await coherent(behind);
  });

  test("are out of use in time when the server freezes, and calls do not each wait for it", async () => {
    const redis = await server();
    const tiers = await serverOn(redis, { breaker: { failures: 3 } });
    await tiers.set(A, old);
    redis.freeze();
    await new Promise((resolve) => setTimeout(resolve, BEAT + commandTimeout));
    for (let n = 0; n < 3; n++) await expect(tiers.get(A)).rejects.toThrow(StoreError);
    const start = performance.now();
    for (let n = 0; n < 1000; n++) await expect(tiers.get(A)).rejects.toThrow(StoreUnavailableError);
    expect(performance.now() - start).toBeLessThan(1000 * commandTimeout * 0.1);
    redis.thaw();
    await coherent(tiers);
    await expect.poll(async () => (await tiers.health()).breaker, { timeout: 10_000 }).toBe("closed");
    expect(await tiers.get(A)).toEqual(old);
  });

  test("with a fallback are used on, and what is stored meanwhile is in Redis afterwards", async () => {
    const redis = await server();
    const tiers = await serverOn(redis, { fallback: "memory", breaker: { failures: 2 } });
    await tiers.setLinked(A, old, "name");
    redis.freeze();
    for (let n = 0; n < 3; n++) expect(await tiers.getLink("name")).toBe(A);
    expect(await tiers.get(A)).toEqual(old);
    await tiers.setLinked(B, fresh, "name");
    expect(tiers.isLocal(B)).toBe(true);
    expect((await tiers.health()).state).toBe("fallback");
    redis.thaw();
    await expect.poll(async () => (await tiers.health()).waiting, { timeout: 10_000 }).toBe(0);
    const raw = new Redis(redis.url);
    onTestFinished(() => raw.disconnect());
    expect(await raw.get("mcp-refcache:link:name")).toBe(B);
    expect(await raw.get(`mcp-refcache:entry:${B}`)).toContain("fresh");
  });

  test("are not made for a user who may not be told of changes, and all else works", async () => {
    const rights = ["+@all", "-client|tracking", "-subscribe"];
    const redis = await server({ config: [["user", "app", "on", ">secret", "~*", "&*", ...rights]] });
    const l2 = new RedisBackend({ url: redis.url, username: "app", password: "secret", commandTimeout });
    const { tiers } = tiersOver(l2);
    await tiers.setLinked(A, old, "name");
    await new Promise((resolve) => setTimeout(resolve, 2 * BEAT));
    expect([await tiers.get(A), await tiers.getLink("name")]).toEqual([old, A]);
    expect(await tiers.health()).toMatchObject({ isCoherent: false, state: "up", copies: { hits: 0 } });
  });

  test("need no more rights than these", async () => {
    const rights =
      "+get +getrange +set +unlink +scan +multi +exec +pttl +client|id +client|tracking +subscribe +ping";
    const user = [
      "app",
      "on",
      ">secret",
      "~mcp-refcache:*",
      "resetchannels",
      "&__redis__:invalidate",
      "-@all",
    ];
    const redis = await server({ config: [["user", ...user, ...rights.split(" ")]] });
    const tiers = await serverOn(redis, {}, { username: "app", password: "secret" });
    await tiers.setLinked(A, old, "name");
    await tiers.settle();
    for (let n = 0; n < 3; n++) expect([await tiers.get(A), await tiers.getLink("name")]).toEqual([old, A]);
    expect((await tiers.health()).copies.hits).toBeGreaterThan(3);
  });

  test("take one connection more, and none after closing", async () => {
    const redis = await server();
    const raw = new Redis(redis.url);
    onTestFinished(() => raw.disconnect());
    const connections = async () =>
      String(await raw.call("client", "list"))
        .trim()
        .split("\n").length - 1;
    const tiers = await serverOn(redis);
    expect(await connections()).toBe(2);
    await tiers.close();
    await expect.poll(connections).toBe(0);
  });
});
