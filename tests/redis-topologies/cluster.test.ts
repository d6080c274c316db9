import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { connect } from "../../src/backends/redis/connect.js";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { slotOf } from "../../src/backends/redis/slot.js";
import { StoreFullError } from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { all, entry, reference } from "../helpers/entries.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { type ClusterTopology, startCluster } from "../helpers/redis-cluster.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import type { RedisServer } from "../helpers/redis-server.js";
import { expectSound, report } from "./expectations.js";
import { Traffic, untyped } from "./traffic.js";

const { Redis, Cluster } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

describeRedisServer("a cluster, in use", () => {
  let topology: ClusterTopology;

  beforeAll(async () => {
    topology = await startCluster();
  });
  beforeEach(() => topology.settled());
  afterAll(() => topology?.stop());

  /** Ends a primary in some way; gives what brings it back. */
  const ENDS: Record<
    string,
    (primary: RedisServer, replica: RedisServer) => Promise<() => Promise<unknown>>
  > = {
    killed: async (primary) => {
      await primary.kill();
      return () => primary.start();
    },
    frozen: async (primary) => {
      primary.freeze();
      return async () => primary.thaw();
    },
    "told to hand over": async (_, replica) => {
      await ask(replica, "cluster", "failover");
      return async () => {};
    },
  };

  test.each(Object.entries(ENDS))("a primary is %s", { timeout: 60_000 }, async (how, end) => {
    const traffic = await new Traffic({ url: topology.url }).start();
    await sleep(300);
    const [primary] = await topology.primaries();
    if (primary === undefined) throw new Error("no primary");
    const replica = await topology.replicaOf(primary);
    const endedAt = performance.now();
    const mend = await end(primary, replica);
    await topology.promoted(replica);
    const knownAt = performance.now();
    await sleep(1500);
    await mend();
    await topology.settled();
    await traffic.stop();
    const incident = { endedAt, knownAt, lost: await traffic.lost() };
    report(`cluster, ${how}`, traffic, incident);
    expectSound(traffic, incident);
    if (how === "told to hand over") expect(incident.lost).toEqual([]);
  });

  test("slots move from one primary to another: nothing fails, nothing is lost", {
    timeout: 60_000,
  }, async () => {
    const traffic = await new Traffic({ url: topology.url }).start();
    const [source, target] = await topology.primaries();
    if (source === undefined || target === undefined) throw new Error("no primaries");
    const slots = await topology.slotsOf(source);
    const endedAt = performance.now();
    await topology.move(slots.slice(0, 60), target);
    const knownAt = performance.now();
    await eventually("the writes after it", async () =>
      expect(traffic.acknowledged.at(-1)?.at).toBeGreaterThan(knownAt),
    );
    await traffic.stop();
    const incident = { endedAt, knownAt, lost: await traffic.lost() };
    report("cluster, 60 slots moved", traffic, incident);
    expectSound(traffic, incident);
    expect(traffic.failures).toEqual([]);
    expect(incident.lost).toEqual([]);
  });

  test("with replicas that confirm, a killed primary loses nothing", { timeout: 60_000 }, async () => {
    const traffic = await new Traffic({ url: topology.url, durability: "replicated" }).start();
    const [primary] = await topology.primaries();
    if (primary === undefined) throw new Error("no primary");
    const replica = await topology.replicaOf(primary);
    const endedAt = performance.now();
    await primary.kill();
    await topology.promoted(replica);
    const knownAt = performance.now();
    await sleep(500);
    await primary.start();
    await topology.settled();
    await traffic.stop();
    const incident = { endedAt, knownAt, lost: await traffic.lost() };
    report("cluster, killed, replicated", traffic, incident);
    expect(traffic.wrong).toEqual([]);
    expect(untyped(traffic.failures)).toEqual([]);
    expect(incident.lost).toEqual([]);
  });

  test("keys are in the slots in which the servers look for them", async () => {
    const client = new Redis(topology.servers[0]?.port ?? 0);
    const keys = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.stringMatching(/^[ab{}]{0,8}$/));
    await fc.assert(
      fc.asyncProperty(fc.array(keys, { minLength: 20, maxLength: 20 }), async (batch) => {
        for (const key of batch) expect(slotOf(key)).toBe(await client.cluster("KEYSLOT", key));
      }),
      { numRuns: 20 },
    );
    client.disconnect();
  });

  test("a refused entry leaves its name leading to the former one, on another server", async () => {
    const backend = new RedisBackend({ url: topology.url, logger: recordingLogger() });
    const link = await topology.primaryOf(slotOf("mcp-refcache:link:name"));
    const ids = Array.from({ length: 50 }, (_, n) => reference(n));
    const holders = await Promise.all(
      ids.map((id) => topology.primaryOf(slotOf(`mcp-refcache:entry:${id}`))),
    );
    const elsewhere = holders.findIndex((holder) => holder !== link);
    const [former, refused] = [reference(99), ids[elsewhere] ?? ""];
    await backend.setLinked(former, entry(), "name");
    await ask(holders[elsewhere], "config", "set", "maxmemory", "1");
    await expect(backend.setLinked(refused, entry(), "name")).rejects.toThrow(StoreFullError);
    await ask(holders[elsewhere], "config", "set", "maxmemory", "0");
    expect(await backend.getLink("name")).toBe(former);
    await backend.close();
  });

  test("tasks go on while the server with their list refuses writes, and new ones are refused", async () => {
    const backend = new RedisBackend({ url: topology.url, logger: recordingLogger() });
    const list = await topology.primaryOf(slotOf("mcp-refcache:tasks"));
    const ids = Array.from({ length: 50 }, (_, n) => reference(n));
    const holders = await Promise.all(
      ids.map((id) => topology.primaryOf(slotOf(`mcp-refcache:entry:${id}`))),
    );
    const [known = "", other = ""] = ids.filter((_, n) => holders[n] !== list);
    const record = entry({ expiresIn: 60_000 });
    await backend.addTask(known, record, { lease: 1 });
    await ask(list, "config", "set", "maxmemory", "1");
    expect(await backend.renewTask(known, 1, 20_000)).toBe(true);
    expect(await backend.changeTask(known, record, 1, 20_000)).toBe(true);
    await expect(backend.addTask(other, record, { lease: 1 })).rejects.toThrow(StoreFullError);
    await ask(list, "config", "set", "maxmemory", "0");
    expect(await backend.readTask(other)).toBeUndefined();
    expect(await backend.abandonedTasks(10)).toEqual([]);
    expect(Number(await ask(list, "zscore", "mcp-refcache:tasks", known))).toBeGreaterThan(Date.now());
    await backend.clear();
    await backend.close();
  });

  test("entries are listed once each, and cleared, while slots move", { timeout: 60_000 }, async () => {
    const backend = new RedisBackend({ nodes: topology.nodes });
    await backend.clear();
    const ids = Array.from({ length: 3000 }, (_, n) => reference(n));
    await Promise.all(ids.map((id) => backend.set(id, entry())));
    const [source, target] = await topology.primaries();
    if (source === undefined || target === undefined) throw new Error("no primaries");
    const moving = topology.move((await topology.slotsOf(source)).slice(0, 30), target);
    for (let n = 0; n < 3; n++) {
      const listed = await all(backend.keys());
      expect(new Set(listed).size).toBe(listed.length);
    }
    await moving;
    expect((await all(backend.keys())).sort()).toEqual(ids);
    expect(await backend.clear()).toBe(3000);
    await backend.close();
  });

  test("a transaction of one slot is done while that slot moves", { timeout: 60_000 }, async () => {
    const connection = connect({ nodes: topology.nodes });
    const [key, sidecar] = ["mcp-refcache:a", "mcp-refcache:b:{mcp-refcache:a}"];
    await connection.call(["set", key, "0"]);
    const source = await topology.primaryOf(slotOf(key));
    const target = (await topology.primaries()).find((each) => each !== source);
    if (target === undefined) throw new Error("no other primary");
    const finish = await topology.beginMove(slotOf(key), target);
    for (let n = 1; n < 4; n++)
      await connection.inOrder([
        ["set", key, n],
        ["set", sidecar, n],
      ]);
    expect(
      await connection.send([
        ["get", key],
        ["get", sidecar],
      ]),
    ).toEqual(["3", "3"]);
    await finish();
    expect(
      await connection.send([
        ["get", key],
        ["get", sidecar],
      ]),
    ).toEqual(["3", "3"]);
    await connection.send([
      ["unlink", key],
      ["unlink", sidecar],
    ]);
    await connection.close();
  });

  test("a slot moves to a server that had none", { timeout: 60_000 }, async () => {
    const connection = connect({ nodes: topology.nodes, logger: recordingLogger() });
    const given = new Cluster(topology.nodes);
    const other = connect({ client: given, logger: recordingLogger() });
    const slot = slotOf("{mcp-refcache:new}");
    await other.call(["get", "{mcp-refcache:new}:0"]);
    const finish = await topology.beginMove(slot, await topology.join());
    for (const [n, each] of [connection, other].entries()) {
      await each.call(["set", `{mcp-refcache:new}:${n}`, n]);
      expect(await each.call(["get", `{mcp-refcache:new}:${n}`])).toBe(`${n}`);
    }
    await finish();
    for (const each of [connection, other]) {
      const read = await each.send([0, 1].map((n) => ["get", `{mcp-refcache:new}:${n}`]));
      expect(read).toEqual(["0", "1"]);
      expect(await each.servers()).toHaveLength(4);
      await each.close();
    }
    given.disconnect();
  });
});
