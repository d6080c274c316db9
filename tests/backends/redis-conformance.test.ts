import { afterAll, beforeAll, expect, test } from "vitest";
import { backendChecks } from "../../src/backends/conformance.js";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { describeRedis } from "../helpers/describe-redis.js";
import { storeForTests } from "../helpers/redis-server.js";

describeRedis("RedisBackend does what every backend does", () => {
  let store: Awaited<ReturnType<typeof storeForTests>>;

  beforeAll(async () => {
    store = await storeForTests();
  });
  afterAll(() => store.stop());

  async function emptyBackend(): Promise<RedisBackend> {
    const backend = new RedisBackend({ url: store.url });
    await backend.clear();
    return backend;
  }

  const checks = backendChecks(emptyBackend);
  for (const check of checks) test(check.name, check.run);

  test("there are checks", () => expect(checks.length).toBeGreaterThan(10));
});
