import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { ConfigurationError, ReplicationUnknownError } from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { entry, reference } from "../helpers/entries.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

const REF = reference(1);
const KEY = `mcp-refcache:entry:${REF}`;
const FAST = [["repl-diskless-sync-delay", "0"]];

describeRedisServer('durability: "replicated"', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  let backend: RedisBackend;

  beforeEach(async () => {
    primary = await startRedis({ config: FAST });
    replica = await startRedis({ config: [...FAST, ["replicaof", primary.host, `${primary.port}`]] });
    backend = new RedisBackend({ url: primary.url, durability: "replicated" });
    await eventually("the replica", () => backend.set(REF, entry()));
  });
  afterEach(async () => {
    await backend.close();
    await Promise.all([primary, replica].map((server) => server.stop()));
  });

  test("a write that is done is on the replica, whichever it is", async () => {
    for (let n = 0; n < 50; n++) {
      await backend.set(REF, entry({ json: `${n}` }));
      expect(await ask(replica, "get", KEY)).toContain(`{"value":${n},`);
    }
    await backend.replace(REF, entry({ json: '"replaced"' }));
    expect(await ask(replica, "get", KEY)).toContain('"replaced"');
    await backend.setLinked(reference(2), entry(), "name");
    expect(await ask(replica, "get", "mcp-refcache:link:name")).toBe(reference(2));
    await backend.delete(REF);
    expect(await ask(replica, "exists", KEY)).toBe(0);
  });

  test("records of tasks are on the replica as entries are, and what is not is told", async () => {
    const record = (json: string) => entry({ json, expiresIn: 60_000 });
    const key = `mcp-refcache:task:{${KEY}}`;
    for (let n = 0; n < 20; n++) {
      await backend.clear();
      await backend.addTask(REF, record("1"), { lease: 10_000, name: "name" });
      expect(await ask(replica, "hget", key, "record")).toContain('{"value":1,');
      expect(await ask(replica, "get", "mcp-refcache:task:name:name")).toBe(REF);
      await backend.changeTask(REF, record("2"), 1, 0);
      expect(await ask(replica, "hget", key, "record")).toContain('{"value":2,');
    }
    replica.freeze();
    await expect(backend.changeTask(REF, record("3"), 2)).rejects.toThrow(ReplicationUnknownError);
    expect(await backend.readTask(REF)).toMatchObject({ revision: 3 });
    replica.thaw();
  });

  test("a lease of a task is renewed without waiting for a replica", async () => {
    await backend.addTask(REF, entry({ expiresIn: 60_000 }), { lease: 10_000 });
    replica.freeze();
    expect(await backend.renewTask(REF, 1, 20_000)).toBe(true);
    replica.thaw();
  });

  test("writes at the same time are all on the replica, and share the waiting", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, n) => backend.set(reference(n), entry())));
    expect(await ask(replica, "dbsize")).toBe(200);
    const waits = /cmdstat_wait:calls=(\d+)/.exec(String(await ask(primary, "info", "commandstats")))?.[1];
    expect(Number(waits)).toBeLessThan(50);
  });

  test("a replica that hangs: the error says so, the write is there, and it works again with it", async () => {
    replica.freeze();
    const start = performance.now();
    const writes = Array.from({ length: 50 }, (_, n) => backend.set(reference(n), entry({ json: `${n}` })));
    const refusals = await Promise.all(writes.map((write) => write.catch((error: unknown) => error)));
    expect(performance.now() - start).toBeLessThan(2000);
    for (const refusal of refusals) expect(refusal).toBeInstanceOf(ReplicationUnknownError);
    expect(refusals[0]).toMatchObject({
      code: "replication_unknown",
      message: expect.stringContaining("0 of 1"),
    });
    expect((await backend.get(reference(7)))?.json).toBe("7");
    replica.thaw();
    await eventually("the replica", () => backend.set(REF, entry()), 5000);
  });

  test("no replica at all, and one too few", async () => {
    await replica.kill();
    await expect(backend.set(REF, entry())).rejects.toThrow(ReplicationUnknownError);
    await replica.start();
    await eventually("the replica", () => backend.set(REF, entry()), 10_000);
    const two = new RedisBackend({ url: primary.url, durability: "replicated", replicas: 2 });
    await expect(two.set(REF, entry())).rejects.toThrow(/1 of 2/);
    await two.close();
  });

  test("a connection that is lost while it waits: never taken for replicated", async () => {
    replica.freeze();
    const writing = backend.set(REF, entry({ json: "2" })).catch((error: unknown) => error);
    await sleep(50);
    await ask(primary, "client", "kill", "type", "normal", "skipme", "yes");
    expect(await writing).toBeInstanceOf(ReplicationUnknownError);
    expect((await backend.get(REF))?.json).toBe("2");
    replica.thaw();
  });
});

test.each([
  ["durability", { durability: "fsync" }],
  ["replicas", { durability: "replicated", replicas: 0 }],
])("a bad %s is refused by name", (option, options) => {
  expect(() => new RedisBackend({ host: "localhost", ...options } as object)).toThrow(ConfigurationError);
  expect(() => new RedisBackend({ host: "localhost", ...options } as object)).toThrow(option);
});
