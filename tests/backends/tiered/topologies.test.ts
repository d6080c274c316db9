import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../../src/backends/redis/index.js";
import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import type { TieredBackend } from "../../../src/index.js";
import { describeRedisServer } from "../../helpers/describe-redis.js";
import { entry, reference } from "../../helpers/entries.js";
import { temporaryFolder } from "../../helpers/folders.js";
import { type ClusterTopology, startCluster } from "../../helpers/redis-cluster.js";
import { ask, eventually, type SentinelTopology, startSentinels } from "../../helpers/redis-sentinels.js";
import { coherent, tiersOver } from "../../helpers/tiers.js";
import { childResult } from "../sqlite-children/run.js";

const REFERENCES = Array.from({ length: 30 }, (_, n) => reference(n));

async function connected(url: string) {
  const { tiers } = tiersOver(new RedisBackend({ url }));
  await eventually("the first answer", () => tiers.exists(reference(99)));
  await coherent(tiers);
  return tiers;
}

/** What one server writes, the other reads: from its copies the second time, and not after it has changed. */
async function expectCoherent(one: TieredBackend, other: TieredBackend): Promise<void> {
  for (const value of ["old", "new"]) {
    for (const refId of REFERENCES) await one.set(refId, entry({ value }));
    await other.settle();
    for (const _ of ["the store", "the copy"])
      for (const refId of REFERENCES) expect((await other.get(refId))?.json).toBe(`"${value}"`);
  }
  await Promise.all(REFERENCES.map((refId) => one.delete(refId)));
  await other.settle();
  for (const refId of REFERENCES) expect(await other.get(refId)).toBeUndefined();
  expect((await other.health()).copies.hits).toBeGreaterThanOrEqual(2 * REFERENCES.length);
}

/** Waits until both servers write and hear again, after a failover. */
async function recovered(...servers: TieredBackend[]): Promise<void> {
  for (const [n, server] of servers.entries()) {
    await eventually("a write", () => server.set(reference(1000 + n), entry()));
    await coherent(server);
  }
}

describeRedisServer("tiers over a cluster", () => {
  let topology: ClusterTopology;

  beforeAll(async () => {
    topology = await startCluster();
  }, 60_000);
  afterAll(() => topology?.stop());

  test("hear of changes on every primary, after a failover and a resharding as well", async () => {
    const [one, other] = [await connected(topology.url), await connected(topology.url)];
    await expectCoherent(one, other);

    const [primary] = await topology.primaries();
    if (primary === undefined) throw new Error("no primary");
    const replica = await topology.replicaOf(primary);
    await ask(replica, "cluster", "failover");
    await topology.promoted(replica);
    await recovered(one, other);
    await expectCoherent(one, other);

    const [first, second] = await topology.primaries();
    if (first === undefined || second === undefined) throw new Error("no primaries");
    const slots = (await topology.slotsOf(first)).slice(0, 20);
    await topology.move(slots, second);
    await recovered(one, other);
    await expectCoherent(one, other);
  }, 120_000);
});

describeRedisServer("tiers over a primary behind sentinels", () => {
  let topology: SentinelTopology;

  beforeAll(async () => {
    topology = await startSentinels();
  }, 60_000);
  afterAll(() => topology?.stop());

  test("go on with the new primary when the old one is killed", async () => {
    const [one, other] = [await connected(topology.url), await connected(topology.url)];
    await expectCoherent(one, other);
    const primary = await topology.primary();
    await primary.kill();
    await topology.newPrimary(primary);
    await recovered(one, other);
    await expectCoherent(one, other);
  }, 120_000);
});

test("tiers over a file see what another process writes to it", async () => {
  const path = join(temporaryFolder(), "cache.db");
  const { tiers } = tiersOver(new SqliteBackend(path));
  onTestFinished(() => tiers.close());
  const refId = reference(1);
  await tiers.set(refId, entry({ value: "old" }));
  for (const value of ["one", "two", "three"]) {
    await tiers.get(refId);
    expect(await childResult("changer.ts", path, refId, JSON.stringify(value))).toEqual({ changes: 1 });
    expect((await tiers.get(refId))?.json).toBe(JSON.stringify(value));
  }
}, 60_000);
