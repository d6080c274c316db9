import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { slotOf } from "../../src/backends/redis/slot.js";
import { EntryUnreadableError } from "../../src/index.js";
import { countingClient } from "../helpers/counting-client.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { entry } from "../helpers/entries.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

const LEASE = 60_000;
const LIST = "mcp-refcache:tasks";
const NAME = "mcp-refcache:task:name:name";
const refId = (n: number) => `test:${n.toString(16).padStart(40, "0")}`;
const A = refId(1);
const RECORD = `mcp-refcache:task:{mcp-refcache:entry:${A}}`;
const LEASE_KEY = `mcp-refcache:task:lease:{mcp-refcache:entry:${A}}`;
const record = (wish: Parameters<typeof entry>[0] = {}) => entry({ expiresIn: 10 * LEASE, ...wish });

describeRedisServer("records of tasks in Redis", () => {
  let server: RedisServer;
  let raw: InstanceType<typeof Redis>;

  beforeAll(async () => {
    server = await startRedis();
    raw = new Redis(server.url);
  });
  beforeEach(() => raw.flushall());
  afterAll(async () => {
    raw.disconnect();
    await server.stop();
  });

  function connect() {
    const { client, trips } = countingClient(server.url);
    const backend = new RedisBackend({ client });
    onTestFinished(() => backend.close());
    return { backend, trips: () => trips.splice(0) };
  }

  test("lie with the result, each under a key that ends by itself, but for the list", async () => {
    const { backend } = connect();
    await backend.addTask(A, record(), { lease: LEASE, name: "name" });
    expect((await raw.keys("*")).sort()).toEqual([LEASE_KEY, NAME, RECORD, LIST].sort());
    for (const key of [RECORD, NAME]) expect(await raw.pttl(key)).toBeGreaterThan(9 * LEASE);
    expect(await raw.pttl(LEASE_KEY)).toBeLessThanOrEqual(LEASE);
    const slots = [RECORD, LEASE_KEY, `mcp-refcache:entry:${A}`].map(slotOf);
    expect(new Set(slots).size).toBe(1);
    expect(await backend.clear()).toBe(0);
    expect(await raw.keys("*")).toEqual([]);
  });

  test("are read in one round trip, renewed and changed in one", async () => {
    const { backend, trips } = connect();
    const same = record();
    await backend.addTask(A, same, { lease: LEASE, name: "name" });
    await backend.renewTask(A, 1, LEASE);
    await backend.changeTask(A, same, 1);
    trips();
    await backend.readTask(A);
    expect(trips()).toEqual([["hmget", "pttl"]]);
    await backend.changeTask(A, same, 2);
    expect(trips()).toEqual([["evalsha"]]);
    await backend.renewTask(A, 3, LEASE); // both are sent at once
    expect(trips()).toEqual([["evalsha"], ["zadd"]]);
    await backend.taskOf("another");
    expect(trips()).toEqual([["get"]]);
    await backend.abandonedTasks(10);
    expect(trips()).toEqual([["zrangebyscore"]]);
  });

  test("are changed all the same when the server has forgotten the scripts", async () => {
    const { backend } = connect();
    await raw.script("FLUSH");
    expect(await backend.addTask(A, record(), { lease: LEASE })).toBe(true);
    await raw.script("FLUSH");
    expect(await backend.changeTask(A, record(), 1, LEASE)).toBe(true);
  });

  test("that are none are errors that name them, and abandoned by nobody", async () => {
    const { backend } = connect();
    const damages: (() => Promise<unknown>)[] = [
      () => raw.hset(RECORD, "record", '{"value":1'),
      () => raw.hset(RECORD, "revision", "first"),
      () => raw.hdel(RECORD, "revision"),
      () => raw.hdel(RECORD, "record"),
      () => raw.multi().del(RECORD).set(RECORD, "a text").exec(),
    ];
    for (const damage of damages) {
      await raw.del(RECORD);
      await backend.addTask(A, record(), { lease: LEASE });
      await damage();
      await expect(backend.readTask(A)).rejects.toThrow(EntryUnreadableError);
    }
    await raw.zadd(LIST, 0, A);
    expect(await backend.abandonedTasks(10)).toEqual([]);
    expect(await raw.zcard(LIST)).toBe(0);
  });

  test("a list that is wrong is put right by who looks through it", async () => {
    const { backend } = connect();
    const [gone, finished, leased, abandoned] = [refId(1), refId(2), refId(3), refId(4)];
    for (const task of [finished, leased, abandoned])
      await backend.addTask(task, record(), { lease: task === abandoned ? 1 : LEASE });
    await backend.changeTask(finished, record(), 1, 0);
    expect((await raw.zrange(LIST, "0", "-1")).sort()).toEqual([leased, abandoned]);
    for (const task of [gone, finished, leased]) await raw.zadd(LIST, 1, task);
    await sleep(10);
    expect(await backend.abandonedTasks(10)).toEqual([abandoned]);
    expect((await raw.zrange(LIST, "0", "-1")).sort()).toEqual([leased, abandoned]);
    expect(Number(await raw.zscore(LIST, leased))).toBeGreaterThan(Date.now() + LEASE / 2);
  });

  test("abandoned ones are found behind hundreds that only seem so", async () => {
    const { backend } = connect();
    const tasks = Array.from({ length: 250 }, (_, n) => refId(n));
    await Promise.all(tasks.map((task) => backend.addTask(task, record(), { lease: LEASE })));
    for (const [n, task] of tasks.entries()) await raw.zadd(LIST, n, task);
    for (const n of [5, 120, 249]) await raw.del(LEASE_KEY.replace(A, refId(n)));
    expect(await backend.abandonedTasks(10)).toEqual([refId(5), refId(120), refId(249)]);
    expect(await raw.zcount(LIST, "-inf", 1000)).toBe(3);
  });

  test("a list that was lost comes back with the renewals", async () => {
    const { backend } = connect();
    await backend.addTask(A, record(), { lease: LEASE });
    await raw.del(LIST);
    await backend.renewTask(A, 1, 1);
    await sleep(20);
    expect(await backend.abandonedTasks(10)).toEqual([A]);
  });

  test("a list of another type is in the way of new tasks, not of those that run", async () => {
    const { backend } = connect();
    await backend.addTask(A, record(), { lease: LEASE });
    await raw.multi().del(LIST).set(LIST, "a text").exec();
    expect(await backend.renewTask(A, 1, LEASE)).toBe(true);
    expect(await backend.changeTask(A, record(), 1, LEASE)).toBe(true);
    expect(await backend.changeTask(A, record(), 2, 0)).toBe(true);
    await expect(backend.addTask(refId(2), record(), { lease: LEASE })).rejects.toMatchObject({
      code: "store_unusable",
    });
    expect(await backend.readTask(refId(2))).toBeUndefined();
  });

  test("leases are renewed while memory is full", async () => {
    const { backend } = connect();
    await backend.addTask(A, record(), { lease: LEASE });
    await raw.config("SET", "maxmemory", "1");
    onTestFinished(async () => void (await raw.config("SET", "maxmemory", "0")));
    expect(await backend.renewTask(A, 1, 2 * LEASE)).toBe(true);
    await expect(backend.changeTask(A, record(), 1)).rejects.toMatchObject({ code: "store_full" });
    await raw.config("SET", "maxmemory", "0");
    const task = await backend.readTask(A);
    expect(task?.revision).toBe(1);
    expect(task?.leaseLeft).toBeGreaterThan(LEASE);
  });

  test("a name that another task has since is not kept for the former", async () => {
    const { backend } = connect();
    const soon = record({ expiresIn: LEASE });
    await backend.addTask(A, soon, { lease: LEASE, name: "name" });
    await backend.addTask(refId(2), soon, { lease: LEASE, name: "name" });
    await backend.changeTask(A, record(), 1);
    expect(await raw.pttl(NAME)).toBeLessThanOrEqual(LEASE);
    await backend.changeTask(refId(2), record(), 1);
    expect(await raw.pttl(NAME)).toBeGreaterThan(9 * LEASE);
  });
});
