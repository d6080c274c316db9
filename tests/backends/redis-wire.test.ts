import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { EntryUnreadableError } from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { all, entry, reference } from "../helpers/entries.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

interface Golden {
  title: string;
  redis_key: string;
  redis_value: string;
  sqlite_row: { key: string; value_json: string; namespace: string };
}
const golden: Golden[] = JSON.parse(readFileSync(new URL("../golden/entries.json", import.meta.url), "utf8"));

const REF = reference(1);
const KEY = `mcp-refcache:entry:${REF}`;
/** Members as Python writes them, for entries that are made by hand. */
const HEAD =
  '"namespace": "hand", "policy": {"user_permissions": 31, "agent_permissions": 17, "owner": null, "owner_permissions": 31, "allowed_actors": null, "denied_actors": null, "bound_session": null}, "created_at": 4102444800.5, "expires_at": null, "metadata": {}';

describeRedisServer("RedisBackend and the wire format", () => {
  let server: RedisServer;
  let raw: InstanceType<typeof Redis>;
  let backend: RedisBackend;

  beforeAll(async () => {
    server = await startRedis();
    raw = new Redis(server.url);
    backend = new RedisBackend({ url: server.url });
  });
  beforeEach(() => raw.flushall());
  afterAll(async () => {
    raw.disconnect();
    await backend.close();
    await server.stop();
  });

  test.each(golden)("reads what Python wrote: $title", async ({ redis_key, redis_value, sqlite_row }) => {
    await raw.set(redis_key, redis_value);
    const read = await backend.get(sqlite_row.key);
    expect(read?.json).toBe(sqlite_row.value_json);
    expect(read?.namespace).toBe(sqlite_row.namespace);
    expect(await backend.exists(sqlite_row.key)).toBe(true);
    expect(await all(backend.keys(sqlite_row.namespace))).toEqual([sqlite_row.key]);
    expect(await backend.clear(sqlite_row.namespace)).toBe(1);
  });

  test.each(golden)("writes what Python reads: $title", async ({ redis_key, redis_value, sqlite_row }) => {
    await raw.set(redis_key, redis_value);
    const read = await backend.get(sqlite_row.key);
    if (read === undefined) throw new Error("the golden entry is not there");
    await backend.set(sqlite_row.key, read);
    const written = (await raw.get(redis_key)) ?? "";
    const rest = (text: string) => JSON.parse(`{${text.slice(text.lastIndexOf('"namespace"'))}`);
    expect(rest(written)).toEqual(rest(redis_value));
    expect(written.startsWith(`{"value":${sqlite_row.value_json},"namespace":`)).toBe(true);
  });

  test("writes all members under the key, and nothing else", async () => {
    await backend.set(REF, entry({ json: "[1,2]", namespace: "users", expiresIn: 60_000 }));
    expect(await raw.keys("*")).toEqual([KEY]);
    const stored = JSON.parse((await raw.get(KEY)) ?? "");
    expect(Object.keys(stored).sort()).toEqual(
      ["value", "namespace", "policy", "created_at", "expires_at", "metadata"].sort(),
    );
    expect(stored.policy).toEqual({
      user_permissions: 31,
      agent_permissions: 17,
      owner: null,
      owner_permissions: 31,
      allowed_actors: null,
      denied_actors: null,
      bound_session: null,
    });
    expect(stored.expires_at - stored.created_at).toBeCloseTo(60, 3);
  });

  test("the native expiry is no shorter than the remaining life", async () => {
    const mortal = { ...entry(), expiresAt: Date.now() + 59_999.5 };
    await backend.set(REF, mortal);
    const expiry = Number(await raw.call("pexpiretime", KEY));
    expect(expiry).toBeGreaterThanOrEqual(mortal.expiresAt);
    expect(expiry).toBeLessThan(mortal.expiresAt + 1000);
    await backend.set(REF, entry());
    expect(await raw.pttl(KEY)).toBe(-1);
  });

  test("believes expires_at where Redis has no expiry", async () => {
    await raw.set(KEY, `{"value": 1, ${HEAD.replace('"expires_at": null', '"expires_at": 1000.5')}}`);
    expect(await backend.get(REF)).toBeUndefined();
    expect(await backend.exists(REF)).toBe(false);
    expect(await all(backend.keys())).toEqual([]);
    expect(await backend.delete(REF)).toBe(false);
    expect(await raw.exists(KEY)).toBe(0);
  });

  test("reads heads that stand before the value, or are too long for the tail", async () => {
    await raw.set(KEY, `{${HEAD}, "value": "${"x".repeat(5000)}"}`);
    const long = entry({ namespace: "hand", policy: { allowedActors: Array(500).fill("user:somebody") } });
    await backend.set(reference(2), long);
    expect((await backend.head(REF))?.namespace).toBe("hand");
    expect((await backend.head(reference(2)))?.policy.allowedActors).toHaveLength(500);
    expect((await all(backend.keys("hand"))).sort()).toEqual([REF, reference(2)]);
  });

  test.each([
    ["no JSON", "hello"],
    ["an empty text", ""],
    ["a list", "[1]"],
    ["no policy", '{"value": 1, "namespace": "hand", "created_at": 1, "expires_at": null}'],
    ["camelCase", `{"value": 1, ${HEAD.replace("agent_permissions", "agentPermissions")}}`],
    ["long rubbish", "x".repeat(100_000)],
    ["half an entry", `{"value": [1, 2`],
  ])("%s under the prefix is unreadable, and nobody else suffers", async (_, text) => {
    await raw.set(KEY, text);
    await backend.set(reference(2), entry({ namespace: "hand" }));
    if (text !== "") await expect(backend.get(REF)).rejects.toThrow(EntryUnreadableError);
    expect(await backend.exists(REF)).toBe(false);
    expect(await all(backend.keys())).toEqual([reference(2)]);
    expect(await backend.clear("hand")).toBe(1);
    expect(await backend.delete(REF)).toBe(true);
  });

  test("keys of another type are unreadable, are skipped and can be removed", async () => {
    await raw.lpush(KEY, "a");
    await raw.hset(`mcp-refcache:entry:${reference(3)}`, "a", "b");
    await backend.set(reference(2), entry());
    await expect(backend.get(REF)).rejects.toThrow(EntryUnreadableError);
    await expect(backend.head(REF)).rejects.toThrow(EntryUnreadableError);
    expect(await backend.exists(REF)).toBe(false);
    expect(await all(backend.keys())).toEqual([reference(2)]);
    expect(await backend.delete(REF)).toBe(true);
    expect(await backend.clear()).toBe(2);
  });

  test("a key of another type is overwritten", async () => {
    await raw.lpush(KEY, "a");
    await backend.set(REF, entry({ json: "7" }));
    expect((await backend.get(REF))?.json).toBe("7");
  });

  test("clears everything of ours and nothing else", async () => {
    await raw.set("mcp-refcache:other", "1");
    await raw.set("mcp-refcache:entryX", "1");
    await raw.set("xmcp-refcache:entry:a:00000000", "1");
    await backend.setLinked(REF, entry(), "name");
    expect(await backend.clear()).toBe(1);
    expect((await raw.keys("*")).sort()).toEqual(
      ["mcp-refcache:entryX", "mcp-refcache:other", "xmcp-refcache:entry:a:00000000"].sort(),
    );
  });

  test("links lie outside the entries' prefix and expire natively", async () => {
    await backend.setLinked(REF, entry({ expiresIn: 60_000 }), "memo:1");
    expect((await raw.keys("*")).sort()).toEqual([`mcp-refcache:entry:${REF}`, "mcp-refcache:link:memo:1"]);
    expect(await raw.pttl("mcp-refcache:link:memo:1")).toBeGreaterThan(50_000);
  });

  test("an entry of 60 MB goes there and back", async () => {
    const large = entry({ json: JSON.stringify("x".repeat(60_000_000)) });
    await backend.set(REF, large);
    const read = await backend.get(REF);
    expect(read?.json === large.json).toBe(true);
    expect(await backend.exists(REF)).toBe(true);
  });

  test("get and set are one round trip, and one command", async () => {
    await backend.set(REF, entry());
    await raw.config("RESETSTAT");
    await backend.set(REF, entry({ expiresIn: 1000 }));
    await backend.get(REF);
    await backend.exists(REF);
    const stats = await raw.info("commandstats");
    const calls = [...stats.matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)].map(([, name, n]) => [name, n]);
    expect(Object.fromEntries(calls.filter(([name]) => name !== "config|resetstat"))).toEqual({
      set: "1",
      get: "1",
      getrange: "1",
    });
  });

  test("without options, the environment says where the server is", async () => {
    vi.stubEnv("REDIS_URL", `${server.url}/3`);
    const elsewhere = new RedisBackend();
    vi.unstubAllEnvs();
    await elsewhere.set(REF, entry());
    expect(await backend.exists(REF)).toBe(false);
    expect(await raw.info("keyspace")).toContain("db3:keys=1");
    await elsewhere.close();
  });

  test("a ready ioredis client can be given, and stays open", async () => {
    const listeners = raw.listenerCount("close");
    const borrowed = new RedisBackend({ client: raw });
    await borrowed.set(REF, entry({ json: "8" }));
    expect((await borrowed.get(REF))?.json).toBe("8");
    await borrowed.close();
    await expect(borrowed.get(REF)).rejects.toThrow(/closed/);
    expect(await raw.ping()).toBe("PONG");
    expect(raw.listenerCount("close")).toBe(listeners);
  });

  test("a given client that has not connected yet is connected", async () => {
    const lazy = new Redis(server.url, { lazyConnect: true, enableOfflineQueue: false });
    const borrowed = new RedisBackend({ client: lazy });
    expect(await borrowed.exists(REF)).toBe(false);
    await borrowed.close();
    lazy.disconnect();
  });
});
