import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";
import { backendChecks } from "../../src/backends/conformance.js";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/index.js";
import { ACL_RULES } from "../../src/backends/redis/rights.js";
import { RefCache, SYSTEM } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { entry, reference } from "../helpers/entries.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { startCluster } from "../helpers/redis-cluster.js";
import { ask } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** The line an operator copies. */
const LINE =
  /^ACL SETUSER (refcache .*~.*)$/m.exec(
    readFileSync(new URL("../../docs/production.md", import.meta.url), "utf8"),
  )?.[1] ?? "";
const RULES = LINE.split(" ");
const USER = { username: "refcache", password: "a-long-password" };

test("the documented rights are those of the code", () => {
  expect(RULES.slice(3)).toEqual(ACL_RULES);
});

describeRedisServer("a user with the documented rights, where the default user is off", () => {
  let server: RedisServer;
  let options: RedisBackendOptions;

  beforeAll(async () => {
    server = await startRedis();
    const admin = new Redis(server.url);
    await admin.call("acl", "setuser", ...RULES);
    await admin.call("acl", "setuser", "default", "off");
    admin.disconnect();
    options = { host: server.host, port: server.port, ...USER };
  });
  afterAll(() => server?.stop());

  const checks = backendChecks(async () => {
    const backend = new RedisBackend(options);
    await backend.clear();
    return backend;
  });
  for (const check of checks) test(check.name, check.run);

  test("nobody else gets in", async () => {
    const anonymous = new RedisBackend({ host: server.host, port: server.port });
    await expect(anonymous.get(reference(1))).rejects.toThrow(/password/);
    await anonymous.close();
  });

  test("a cache works, and the server has refused it nothing", async () => {
    const logger = recordingLogger();
    const backend = new RedisBackend({ ...options, logger });
    const cache = new RefCache({ name: "rights", backend, logger });
    const square = cache.cached("squares")(async ({ n }: { n: number }) => n * n);
    expect(await square({ n: 7 })).toMatchObject({ value: 49 });
    expect(await square({ n: 7 })).toMatchObject({ value: 49 });
    const { refId } = await cache.set("key", [1, 2, 3], { actor: SYSTEM, namespace: "rights" });
    expect((await cache.lookup("key", { actor: SYSTEM, namespace: "rights" }))?.refId).toBe(refId);
    expect(await cache.resolve(refId, { actor: SYSTEM })).toEqual([1, 2, 3]);
    expect(await cache.clear("rights", { actor: SYSTEM })).toBe(1);
    await cache.close();
    expect(logger.lines).toEqual([]);
  });
});

describeRedisServer("a user with the documented rights, on a cluster", () => {
  test("stores, waits for replicas, reads, lists and clears", async () => {
    const cluster = await startCluster();
    for (const server of cluster.servers) await ask(server, "acl", "setuser", ...RULES);
    const backend = new RedisBackend({ nodes: cluster.nodes, ...USER, durability: "replicated" });
    for (let n = 0; n < 50; n++) await backend.setLinked(reference(n), entry(), `name-${n}`);
    expect(await backend.getLink("name-7")).toBe(reference(7));
    expect(await backend.clear()).toBe(50);
    const logs = await Promise.all(cluster.servers.map((server) => ask(server, "acl", "log")));
    await backend.close();
    await cluster.stop();
    expect(logs.flat()).toEqual([]);
  }, 40_000);
});
