import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { RefCache, SYSTEM } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { NodeProcess } from "../helpers/processes.js";
import { type RawStore, redisStore, sqliteStore } from "../helpers/raw-stores.js";

async function sharing(store: RawStore): Promise<void> {
  const cache = new RefCache({ name: "numbers", backend: store.connect() });
  const where = store.location.url ?? store.location.path ?? "";
  const server = new NodeProcess("tests/invalidation/number-server.ts", [store.kind, where]);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  await server.wrote("run 2 of 2");
  await sleep(100);
  expect(server.output).not.toContain("run 3");
  expect(await cache.invalidate({ tags: ["number:1"] }, { actor: SYSTEM })).toBe(1);
  await server.wrote("run 3 of 1");
  await sleep(100);
  expect(server.output).not.toContain("run 4");
  const load = cache.cached("numbers", { name: "load" })(async (_: { id: number }) => "another");
  expect(await load({ id: 1 })).toMatchObject({ value: expect.stringMatching(/: 3$/) });
  expect(await cache.invalidate({ namespace: "numbers" }, { actor: SYSTEM })).toBe(2);
  await server.wrote("run 5");
}

test(
  "what one process invalidates, another makes anew: one SQLite file",
  () => sharing(sqliteStore()),
  60_000,
);

describeRedisServer("on one Redis", () => {
  test("what one process invalidates, another makes anew", async () => sharing(await redisStore()), 60_000);
});
