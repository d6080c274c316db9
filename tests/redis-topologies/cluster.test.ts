import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { type ClusterTopology, startCluster } from "../helpers/redis-cluster.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import type { RedisServer } from "../helpers/redis-server.js";
import { expectSound, report } from "./expectations.js";
import { Traffic } from "./traffic.js";

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
    await topology.move(slots.slice(0, 200), target);
    const knownAt = performance.now();
    await eventually("the writes after it", async () =>
      expect(traffic.acknowledged.at(-1)?.at).toBeGreaterThan(knownAt),
    );
    await traffic.stop();
    const incident = { endedAt, knownAt, lost: await traffic.lost() };
    report("cluster, 200 slots moved", traffic, incident);
    expectSound(traffic, incident);
    expect(traffic.failures).toEqual([]);
    expect(incident.lost).toEqual([]);
  });
});
