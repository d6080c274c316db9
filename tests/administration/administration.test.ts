import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FirstTexts } from "../../src/administration/first-texts.js";
import { StoreTally } from "../../src/administration/store-tally.js";
import { MemoryBackend, policies, RefCache, runAs } from "../../src/index.js";
import { entry } from "../helpers/entries.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";

const ADMIN = { type: "user", id: "admin" } as const;

/** A store that takes longer to look through than anybody waits, unless it is told to stop. */
class EndlessBackend extends MinimalBackend {
  given = 0;

  override async *keys(): AsyncIterable<string> {
    for (; ; this.given++) yield `test:${this.given.toString(16).padStart(32, "0")}`;
  }
}

describe("a store that is too large", () => {
  test("is not listed for ever, and is left alone afterwards", async () => {
    const backend = new EndlessBackend();
    const admin = new RefCache({ name: "test", backend }).administer(ADMIN, true);
    await expect(admin.list({ timeout: 50 })).rejects.toMatchObject({ code: "limit_exceeded" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { given } = backend;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(backend.given).toBe(given);
  });

  test("is counted as far as time allows, which the answer says", async () => {
    const backend = new EndlessBackend();
    const { refId } = await new RefCache({ name: "test", backend }).set("k", 1);
    backend.get = async () => entry({ value: refId });
    const stats = await new RefCache({ name: "test", backend })
      .administer(ADMIN, true)
      .stats({ timeout: 50 });
    expect(stats.isComplete).toBe(false);
    expect(stats.entries).toBeGreaterThan(100);
  });

  test("is left alone once the caller has gone", async () => {
    const admin = new RefCache({ name: "test", backend: new EndlessBackend() }).administer(ADMIN, true);
    const signal = AbortSignal.timeout(30);
    await expect(admin.list({ signal })).rejects.toMatchObject({ name: "TimeoutError" });
    await expect(admin.stats({ signal })).rejects.toBe(signal.reason);
  });
});

test("clearing needs a namespace, whatever a backend takes an empty one for", async () => {
  const cache = new RefCache({ name: "test", backend: new MemoryBackend() });
  await cache.set("k", 1);
  const admin = cache.administer(ADMIN, true);
  for (const namespace of ["", undefined])
    await expect(admin.clear(namespace as never)).rejects.toThrow(/namespace/);
  expect((await admin.stats()).entries).toBe(1);
});

test("a call that runs while its namespace is cleared is not found again", async () => {
  const cache = new RefCache({ name: "test" });
  let runs = 0;
  const work = cache.cached("rows", { name: "work" })(async () => {
    runs++;
    if (runs === 1) await cache.administer(ADMIN, true).clear("rows");
    return runs;
  });
  await work();
  expect(await work()).toMatchObject({ value: 2 });
});

test("a value that a tool has shown to it counts as used by the tool", async () => {
  const cache = new RefCache({ name: "test" });
  const { refId } = await cache.set("k", "canary", { policy: policies.userOnly });
  const agent = { type: "agent", id: "bob" } as const;
  const shown = cache.callAs(agent, async () => {
    const answer = await cache.administer(ADMIN, true).show(refId, {});
    return JSON.stringify(answer);
  });
  await expect(shown).rejects.toMatchObject({ code: "result_withheld" });
  const listed = runAs(agent, () => cache.administer(ADMIN, true).info(refId));
  expect((await listed).refId).toBe(refId);
});

test("FirstTexts keeps what sorting everything would begin with", () => {
  const texts = fc.array(fc.string({ maxLength: 3 }));
  fc.assert(
    fc.property(texts, fc.string({ maxLength: 3 }), fc.integer({ min: 1, max: 5 }), (all, after, most) => {
      const first = new FirstTexts(most, after);
      for (const text of all) first.add(text);
      const behind = [...new Set(all)].filter((text) => text > after).sort();
      expect(first.texts).toEqual(behind.slice(0, most));
    }),
  );
});

describe("StoreTally", () => {
  test("keeps to its bound of namespaces, and finds the large ones among any number", () => {
    const tally = new StoreTally();
    for (let n = 0; n < 30_000; n++) {
      tally.add(entry({ namespace: `small-${n}`, json: "1" }));
      if (n % 10 === 0) tally.add(entry({ namespace: "large", json: "12345" }));
      if (n % 15 === 0) tally.add(entry({ namespace: "middle", json: "123" }));
    }
    const stats = tally.stats(true);
    expect(stats).toMatchObject({
      entries: 35_000,
      bytes: 30_000 + 3000 * 5 + 2000 * 3,
      isApproximate: true,
    });
    expect(stats.namespaces).toHaveLength(20);
    expect(stats.namespaces.slice(0, 2)).toEqual([
      { namespace: "large", entries: 3000, bytes: 15_000 },
      { namespace: "middle", entries: 2000, bytes: 6000 },
    ]);
    expect(tally.kept).toBeLessThanOrEqual(2000);
  });

  test("is exact, and says so, where there are few", () => {
    const tally = new StoreTally();
    for (let n = 0; n < 2000; n++) tally.add(entry({ namespace: `n-${n}` }));
    expect(tally.stats(true)).toMatchObject({ isApproximate: false, unknownSize: 0 });
    tally.add(entry({ namespace: "n-1", metadata: { totalSize: null } }));
    expect(tally.stats(false)).toMatchObject({ isApproximate: false, unknownSize: 1, isComplete: false });
  });
});
