import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backendChecks } from "../../src/backends/conformance.js";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { startCluster } from "../helpers/redis-cluster.js";
import { startSentinels } from "../helpers/redis-sentinels.js";

const { Cluster } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

interface Topology {
  url: string;
  stop(): Promise<void>;
}

/** Runs all checks on one topology. */
function conforms<T extends Topology>(
  title: string,
  start: () => Promise<T>,
  optionsOf: (topology: T) => RedisBackendOptions,
): void {
  describeRedisServer(title, () => {
    let topology: T;

    beforeAll(async () => {
      topology = await start();
    });
    afterAll(() => topology?.stop());

    const checks = backendChecks(async () => {
      const backend = new RedisBackend(optionsOf(topology));
      await backend.clear();
      return backend;
    });
    for (const check of checks) test(check.name, check.run);

    test("there are checks", () => expect(checks.length).toBeGreaterThan(10));
  });
}

conforms("RedisBackend behind sentinels, by URL", startSentinels, ({ url }) => ({ url }));
conforms("RedisBackend on a cluster, by nodes", startCluster, ({ nodes }) => ({ nodes }));

/** One client for all backends of the checks; it stays open until the cluster goes. */
let given: InstanceType<typeof Cluster> | undefined;
afterAll(() => given?.disconnect());
conforms("RedisBackend on a cluster, by a given client", startCluster, ({ nodes }) => {
  given ??= new Cluster(nodes);
  return { client: given };
});
