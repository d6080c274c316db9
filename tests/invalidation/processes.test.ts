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
  await server.wrote("of 2");
  await lastRun(server);
  expect(await cache.invalidate({ tags: ["number:1"] }, { actor: SYSTEM })).toBe(1);
  await expect.poll(() => server.output).toMatch(/of 2\nrun \d+ of 1\n/);
  const last = await lastRun(server);
  const load = cache.cached("numbers", { name: "load" })(async (_: { id: number }) => "another");
  expect(await load({ id: 1 })).toMatchObject({ value: expect.stringMatching(new RegExp(`: ${last}$`)) });
  expect(await cache.invalidate({ namespace: "numbers" }, { actor: SYSTEM })).toBe(2);
  await server.wrote(`run ${last + 2}`);
}

/**
 * The number of the last run, once there are no more. A run that began between a removal and the news of it is not
 * remembered, so there may be another.
 */
async function lastRun(server: NodeProcess): Promise<number> {
  for (;;) {
    const before = server.output;
    await sleep(200);
    if (server.output === before) return before.trim().split("\n").length;
  }
}

test(
  "what one process invalidates, another makes anew: one SQLite file",
  () => sharing(sqliteStore()),
  60_000,
);

describeRedisServer("on one Redis", () => {
  test("what one process invalidates, another makes anew", async () => sharing(await redisStore()), 60_000);
});
