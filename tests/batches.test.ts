import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../src/backends/redis/index.js";
import { type Actor, ANONYMOUS_AGENT, type CacheBackend, RefCache, runAs, SYSTEM } from "../src/index.js";
import { countingClient } from "./helpers/counting-client.js";
import { describeRedisServer } from "./helpers/describe-redis.js";
import { entry, reference } from "./helpers/entries.js";
import { MinimalBackend } from "./helpers/minimal-backend.js";
import { onEveryStore } from "./helpers/raw-stores.js";
import { startRedis } from "./helpers/redis-server.js";

const actor = SYSTEM;
const alice: Actor = { type: "agent", id: "alice" };
const actors = [SYSTEM, ANONYMOUS_AGENT, alice];

async function asEachAlone(backend: CacheBackend): Promise<void> {
  const keys = { a: Buffer.alloc(32, 1) };
  const cache = new RefCache({ name: "test", backend, encryption: { keys, current: "a" } });
  const plain = new RefCache({ name: "test", backend });
  const stored = await cache.setMany([
    { value: [1, 2, 3] },
    { value: "x".repeat(20_000) },
    { value: 7, policy: { agentPermissions: 16 } },
    { value: 8, policy: { agentPermissions: 1 } },
    { value: 9, policy: { owner: "user:alice", agentPermissions: 0, userPermissions: 0 } },
    { value: 10, namespace: "user:alice:notes" },
  ]);
  const unencrypted = await plain.set("plain", 1); // may not be read by a cache with keys
  const known = [...stored.map(({ refId }) => refId), unencrypted.refId, reference(1), "no reference", ""];
  const lists = fc.array(fc.constantFrom(...known), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(lists, fc.constantFrom(...actors), async (refIds, actor) => {
      const alone = await Promise.allSettled(refIds.map((refId) => cache.resolve(refId, { actor })));
      expect(await cache.resolveMany(refIds, { actor })).toEqual(alone);
      const shown = await Promise.allSettled(
        refIds.map((refId) => cache.get(refId, { actor, maxSize: 100 })),
      );
      expect(await cache.getMany(refIds, { actor, maxSize: 100 })).toEqual(shown);
    }),
    { seed: 20260102, numRuns: 60 },
  );
}

onEveryStore((make) => {
  test("many are read as each would be alone", async () => asEachAlone((await make()).connect()));
});

test("many are read as each would be alone, from a store that has no batches", async () => {
  await asEachAlone(new MinimalBackend());
});

test("entries that cannot be read are told of to the server alone, and spoil no others", async () => {
  const backend = new MinimalBackend();
  const cache = new RefCache({ name: "test", backend });
  const [good, bad] = await cache.setMany([{ value: 1 }, { value: 2 }]);
  backend.unreadable.add(bad?.refId ?? "");
  const refIds = [bad?.refId ?? "", good?.refId ?? ""];
  expect(await cache.resolveMany(refIds, { actor })).toMatchObject([
    { status: "rejected", reason: { code: "entry_unreadable" } },
    { status: "fulfilled", value: 1 },
  ]);
  expect(await cache.resolveMany(refIds, { actor: ANONYMOUS_AGENT })).toMatchObject([
    { status: "rejected", reason: { code: "reference_unavailable" } },
    { status: "fulfilled", value: 1 },
  ]);
});

describe("setMany", () => {
  test("stores each as set does", async () => {
    const cache = new RefCache({ name: "test" });
    const references = await cache.setMany([
      { key: "a", value: [1], namespace: "n", tags: ["t"], toolName: "tool", ttl: "2h" },
      { key: "a", value: [2], namespace: "n" },
      { value: [3] },
    ]);
    expect(references).toMatchObject([
      { namespace: "n", toolName: "tool" },
      { namespace: "n" },
      { namespace: "public" },
    ]);
    expect((await cache.lookup("a", { actor, namespace: "n" }))?.refId).toBe(references[1]?.refId);
    expect(await cache.invalidate({ tags: ["t"] }, { actor })).toBe(1);
    expect(await cache.setMany([])).toEqual([]);
  });

  test.each([
    [{ value: () => 1 }, "value_not_storable"],
    [{ value: 1, key: "" }, "invalid_option"],
    [{ value: 1, tags: [""] }, "invalid_option"],
    [{ value: 1, namespace: "user:" }, "invalid_option"],
  ])("stores nothing where one may not be stored: %o", async (bad, code) => {
    const cache = new RefCache({ name: "test" });
    await expect(cache.setMany([{ value: 1, key: "k" }, bad])).rejects.toMatchObject({ code });
    expect(await cache.lookup("k", { actor })).toBeUndefined();
  });

  test("takes WRITE for each", async () => {
    const cache = new RefCache({ name: "test" });
    const bob: Actor = { type: "user", id: "bob" };
    const values = [{ value: 1 }, { value: 2, namespace: "user:alice" }];
    const refused = { code: "permission_denied" };
    await expect(cache.setMany(values, { actor: bob })).rejects.toMatchObject(refused);
    await expect(cache.setMany(values, { actor: alice })).rejects.toMatchObject(refused);
    expect(await cache.setMany([{ value: 1 }], { actor: bob })).toHaveLength(1);
  });
});

describe("what a batch used", () => {
  test("closes what is made of it", async () => {
    const cache = new RefCache({ name: "test" });
    const [secret] = await cache.setMany([{ value: 7, policy: { agentPermissions: 16 } }]);
    const tool = cache.cached("n", { resolveRefs: false })(async ({ ref }: { ref: string }) => {
      const [settled] = await cache.resolveMany<number>([ref]);
      return settled?.status === "fulfilled" ? settled.value : 0;
    });
    const answer = await runAs(alice, () => tool({ ref: secret?.refId ?? "" }));
    expect(answer).not.toHaveProperty("value");
    expect(await cache.resolve(answer.ref_id ?? "", { actor })).toBe(7);
  });
});

describeRedisServer("round trips to Redis", () => {
  async function counted() {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const { client, trips } = countingClient(server.url);
    const backend = new RedisBackend({ client });
    const cache = new RefCache({ name: "test", backend });
    onTestFinished(() => cache.close());
    await backend.exists(reference(0));
    trips.length = 0;
    const stored = await cache.setMany(Array.from({ length: 20 }, (_, n) => ({ value: n, key: `${n}` })));
    const refIds = stored.map(({ refId }) => refId);
    return { cache, backend, trips, refIds };
  }

  test("one to store twenty values with their keys", async () => {
    const { trips } = await counted();
    expect(trips).toHaveLength(1);
  });

  test("one to read twenty for the server, two for others", async () => {
    const { cache, trips, refIds } = await counted();
    trips.length = 0;
    const values = await cache.resolveMany(refIds, { actor });
    expect(values.map((settled) => settled.status === "fulfilled" && settled.value)).toEqual(
      refIds.map((_, n) => n),
    );
    expect(trips).toEqual([refIds.map(() => "get")]);
    trips.length = 0;
    await cache.getMany(refIds, { actor: alice });
    expect(trips).toEqual([refIds.map(() => "getrange"), refIds.map(() => "get")]);
  });

  test("two for the twenty references of a call's arguments", async () => {
    const { cache, trips, refIds } = await counted();
    const sum = cache.cached("sums", { key: false })(async ({ numbers }: { numbers: number[] }) =>
      numbers.reduce((a, b) => a + b, 0),
    );
    trips.length = 0;
    expect(await runAs(alice, () => sum({ numbers: refIds as never }))).toMatchObject({ value: 190 });
    const reading = trips.filter(([command]) => command === "getrange" || command === "get");
    expect(reading).toEqual([refIds.map(() => "getrange"), refIds.map(() => "get")]);
  });

  test("what is too large together is not fetched; what does not say its size is, one by one", async () => {
    const { cache, backend, trips } = await counted();
    const large = Array.from({ length: 3 }, (_, n) => reference(n));
    for (const refId of large)
      await backend.set(refId, entry({ metadata: { totalSize: 100 * 1024 * 1024 } }));
    const use = cache.cached("uses")(async (_: { data: unknown[] }) => 1);
    trips.length = 0;
    await expect(use({ data: large })).rejects.toMatchObject({ limit: "limits.maxResolvedBytes" });
    expect(trips).toEqual([large.map(() => "getrange")]);
    for (const refId of large) await backend.set(refId, entry({ metadata: { totalSize: null } }));
    trips.length = 0;
    expect(await use({ data: large })).toMatchObject({ value: 1 });
    expect(trips.slice(0, 4)).toEqual([large.map(() => "getrange"), ["get"], ["get"], ["get"]]);
  });
});
