import { describe, expect, onTestFinished, test, vi } from "vitest";
import { MemoryBackend, TieredBackend } from "../../../src/index.js";
import { entry, reference } from "../../helpers/entries.js";
import { RemoteBackend } from "../../helpers/remote-backend.js";
import { tiersOver } from "../../helpers/tiers.js";

const A = reference(1);
const B = reference(2);
const stored = entry({ value: "stored", expiresIn: 60_000 });
const changed = entry({ value: "changed", expiresIn: 60_000 });

/** Tiers that have an entry and a link copied, and a store that has been asked nothing since. */
async function withCopies(options: { maxEntryBytes?: number } = {}) {
  const { tiers, store } = tiersOver(new RemoteBackend(), { l1: options });
  await store.inner.setLinked(A, stored, "name");
  await tiers.getLink("name");
  await tiers.head(A);
  await tiers.get(A);
  store.calls.length = 0;
  return { tiers, store };
}

describe("copies", () => {
  test("answer for entry, head and link without the store", async () => {
    const { tiers, store } = await withCopies();
    const { json: _, ...head } = stored;
    expect(await tiers.getLink("name")).toBe(A);
    expect(await tiers.head(A)).toEqual(head);
    expect(await tiers.get(A)).toEqual(stored);
    expect(await tiers.exists(A)).toBe(true);
    expect(store.calls).toEqual([]);
    expect((await tiers.health()).copies).toMatchObject({ entries: 1, links: 1, hits: 4, misses: 3 });
  });

  test("are made of what is written, too", async () => {
    const { tiers, store } = tiersOver(new RemoteBackend());
    await tiers.setLinked(A, stored, "name");
    store.calls.length = 0;
    expect([await tiers.getLink("name"), await tiers.get(A)]).toEqual([A, stored]);
    expect(store.calls).toEqual([]);
  });

  test("go when their change is told, and only they", async () => {
    const { tiers, store } = await withCopies();
    await tiers.get(B);
    await store.inner.set(A, changed);
    store.tell(B);
    expect(await tiers.get(A)).toEqual(stored);
    store.tell(A);
    expect(await tiers.get(A)).toEqual(changed);
    expect(await tiers.getLink("name")).toBe(A);
    await store.inner.setLinked(B, stored, "name");
    store.tell("name", "link");
    expect(await tiers.getLink("name")).toBe(B);
  });

  test("go when nobody knows what has changed", async () => {
    const { tiers, store } = await withCopies();
    await store.inner.clear();
    store.regain();
    expect([await tiers.get(A), await tiers.head(A), await tiers.getLink("name")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("are neither used nor made while changes go unheard, and not used again afterwards", async () => {
    const { tiers, store } = await withCopies();
    store.lose();
    await tiers.get(A);
    await tiers.get(A);
    expect(store.calls).toEqual(["get", "get"]);
    await store.inner.set(A, changed);
    store.regain();
    expect(await tiers.get(A)).toEqual(changed);
  });

  test("of a large entry are of its head alone", async () => {
    const { tiers, store } = await withCopies({ maxEntryBytes: 16 });
    expect((await tiers.head(A))?.namespace).toBe("public");
    expect(store.calls).toEqual([]);
    expect(await tiers.get(A)).toEqual(stored);
    expect(store.calls).toEqual(["get"]);
  });

  test("end when the store itself drops the entry or the link", async () => {
    vi.useFakeTimers({ now: Date.now(), toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const { tiers, store } = tiersOver(new RemoteBackend());
    await store.inner.setLinked(A, stored, "name");
    for (const name of [A, "name"]) store.ends.set(name, Date.now() + 1000);
    await tiers.get(A);
    await tiers.getLink("name");
    await store.inner.clear();
    vi.advanceTimersByTime(999);
    expect([await tiers.get(A), await tiers.getLink("name")]).toEqual([stored, A]);
    vi.advanceTimersByTime(1);
    expect([await tiers.get(A), await tiers.head(A), await tiers.getLink("name")]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("stay within their bounds", async () => {
    const { tiers, store } = tiersOver(new RemoteBackend(), { l1: { maxEntries: 3, maxBytes: 8000 } });
    for (let n = 0; n < 10; n++) await tiers.setLinked(reference(n), stored, `name ${n}`);
    expect((await tiers.health()).copies).toMatchObject({ entries: 3, links: 3, evictions: 7 });
    await store.inner.set(A, entry({ value: "x".repeat(7900) }));
    await tiers.get(A);
    expect((await tiers.health()).copies.bytes).toBeLessThanOrEqual(8000);
  });

  test("cannot be changed by those who read them", async () => {
    const { tiers } = await withCopies();
    const read = await tiers.get(A);
    expect(Object.isFrozen(read) && Object.isFrozen(read?.policy) && Object.isFrozen(read?.metadata)).toBe(
      true,
    );
    expect(Object.isFrozen(await tiers.head(A))).toBe(true);
  });
});

describe("what is under way while something changes is not copied", () => {
  test.each(["told", "told of all", "lost and regained", "written here", "deleted here", "cleared here"])(
    "%s",
    async (how) => {
      const { tiers, store } = tiersOver(new RemoteBackend());
      await store.inner.setLinked(A, stored, "name");
      const release = store.hold();
      const reading = Promise.all([tiers.get(A), tiers.getLink("name")]);
      await vi.waitFor(() => expect(store.calls).toHaveLength(2));
      await store.inner.setLinked(A, changed, "other");
      await store.inner.setLinked(B, changed, "name");
      const writing = changeBy(how, tiers, store);
      await new Promise(setImmediate);
      release();
      await Promise.all([reading, writing]);
      expect((await reading)[0]).toEqual(stored);
      const isGone = how.startsWith("deleted") || how.startsWith("cleared");
      expect(await tiers.get(A)).toEqual(isGone ? undefined : changed);
      expect(await tiers.getLink("name")).toBe(how === "cleared here" ? undefined : B);
    },
  );

  async function changeBy(how: string, tiers: ReturnType<typeof tiersOver>["tiers"], store: RemoteBackend) {
    store.tell("name", "link");
    if (how === "told") store.tell(A);
    if (how === "told of all") store.regain();
    if (how === "lost and regained") {
      store.lose();
      store.regain();
    }
    if (how === "written here") await tiers.set(A, changed);
    if (how === "deleted here") await tiers.delete(A);
    if (how === "cleared here") await tiers.clear();
  }
});

test.each([
  [{ l2: {} }, "l2"],
  [{ fallback: "disk" }, "fallback"],
  [{ l1: { maxBytes: 0 } }, "l1.maxBytes"],
  [{ l1: { maxEntryBytes: 1.5 } }, "l1.maxEntryBytes"],
  [{ breaker: { failures: 0 } }, "breaker.failures"],
])("refuses %j by name", (options, option) => {
  const l2 = new MemoryBackend();
  onTestFinished(() => l2.close());
  expect(() => new TieredBackend({ l2, ...options } as never)).toThrow(expect.objectContaining({ option }));
});
