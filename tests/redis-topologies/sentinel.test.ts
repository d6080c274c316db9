import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { ask, type SentinelTopology, startSentinels } from "../helpers/redis-sentinels.js";
import type { RedisServer } from "../helpers/redis-server.js";
import { expectSound, report } from "./expectations.js";
import { Traffic } from "./traffic.js";

describeRedisServer("a primary behind sentinels, in use", () => {
  let topology: SentinelTopology;

  beforeAll(async () => {
    topology = await startSentinels();
  });
  beforeEach(() => topology.settled());
  afterAll(() => topology?.stop());

  /** Ends the primary in some way; gives what brings it back. */
  const ENDS: Record<string, (primary: RedisServer) => Promise<() => Promise<unknown>>> = {
    killed: async (primary) => {
      await primary.kill();
      return () => primary.start();
    },
    frozen: async (primary) => {
      primary.freeze();
      return async () => primary.thaw();
    },
    "told to hand over": async () => {
      await topology.failOver();
      return async () => {};
    },
    "told to hand over while writes are held": async (primary) => {
      await ask(primary, "client", "pause", 5000, "write");
      await topology.failOver();
      return async () => {};
    },
  };

  test.each(Object.entries(ENDS))("the primary is %s", { timeout: 60_000 }, async (how, end) => {
    const traffic = await new Traffic({ url: topology.url }).start();
    await sleep(300);
    const old = await topology.primary();
    const endedAt = performance.now();
    const mend = await end(old);
    await topology.newPrimary(old);
    const knownAt = performance.now();
    await sleep(1500);
    await mend();
    await sleep(500); // it takes itself for the primary still, and nobody must go back to it
    await topology.follow(old);
    await topology.settled();
    await traffic.stop();
    const incident = { endedAt, knownAt, lost: await traffic.lost() };
    report(`sentinel, ${how}`, traffic, incident);
    expectSound(traffic, incident);
    if (how.includes("held")) expect(incident.lost).toEqual([]);
  });
});
