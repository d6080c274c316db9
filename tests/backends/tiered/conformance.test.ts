import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { CacheBackend } from "../../../src/backends/backend.js";
import { backendChecks } from "../../../src/backends/conformance.js";
import { RedisBackend } from "../../../src/backends/redis/index.js";
import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import { MemoryBackend, TieredBackend } from "../../../src/index.js";
import { describeRedis } from "../../helpers/describe-redis.js";
import { temporaryFolder } from "../../helpers/folders.js";
import { MinimalBackend } from "../../helpers/minimal-backend.js";
import { storeForTests } from "../../helpers/redis-server.js";
import { coherent } from "../../helpers/tiers.js";

const STORES: Record<string, () => CacheBackend> = {
  memory: () => new MemoryBackend(),
  sqlite: () => new SqliteBackend(join(temporaryFolder(), "cache.db")),
  "a backend without capabilities": () => new MinimalBackend(),
};

for (const [name, make] of Object.entries(STORES)) {
  describe(`TieredBackend over ${name} does what every backend does`, () => {
    for (const fallback of [undefined, "memory"] as const) {
      const checks = backendChecks(async () => new TieredBackend({ l2: make(), fallback }));
      for (const check of checks) test(`${check.name}, fallback ${fallback ?? "none"}`, check.run);
    }
  });
}

describeRedis("TieredBackend over redis does what every backend does", () => {
  let store: Awaited<ReturnType<typeof storeForTests>>;

  beforeAll(async () => {
    store = await storeForTests();
  });
  afterAll(() => store.stop());

  for (const fallback of [undefined, "memory"] as const) {
    const checks = backendChecks(async () => {
      const backend = new TieredBackend({ l2: new RedisBackend({ url: store.url }), fallback });
      await backend.clear();
      await coherent(backend);
      return backend;
    });
    for (const check of checks) test(`${check.name}, fallback ${fallback ?? "none"}`, check.run);
  }
});
