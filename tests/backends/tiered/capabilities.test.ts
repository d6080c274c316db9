import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as backends from "../../../src/backends/backend.js";
import { RedisBackend } from "../../../src/backends/redis/index.js";
import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import {
  type CacheBackend,
  MemoryBackend,
  ReplicationUnknownError,
  StoreUnavailableError,
  TieredBackend,
  type TieredBackendOptions,
} from "../../../src/index.js";
import { LARGE_BYTES } from "../../../src/outline/outline.js";
import { entry, reference } from "../../helpers/entries.js";
import { temporaryFolder } from "../../helpers/folders.js";
import { MinimalBackend } from "../../helpers/minimal-backend.js";
import { watched } from "../../helpers/watched-store.js";

const [A, B, C] = [reference(1), reference(2), reference(3)] as const;
const one = entry({ value: 1, expiresIn: 60_000 });
const two = entry({ value: 2, expiresIn: 60_000 });
const three = entry({ value: 3, expiresIn: 60_000 });
const gone = new StoreUnavailableError("It cannot be reached.");

/** What a store can do that is passed on; changes are for the tiers themselves. */
const GUARDS = Object.entries(backends).filter(
  ([name]) => !["hasChanges", "hasHealth", "hasEvictions", "hasFallback"].includes(name),
) as [string, (backend: CacheBackend) => boolean][];

const able = (backend: CacheBackend) => GUARDS.filter(([, has]) => has(backend)).map(([name]) => name);

function tiersOver<S extends CacheBackend>(l2: S, options: Omit<TieredBackendOptions, "l2"> = {}) {
  const tiers = new TieredBackend({ ...options, l2 });
  onTestFinished(() => tiers.close());
  return tiers as TieredBackend & Omit<S, keyof TieredBackend>;
}

/** Tiers over a file, with copies in use. */
async function overSqlite(options: Omit<TieredBackendOptions, "l2"> = {}) {
  const file = watched(new SqliteBackend(join(temporaryFolder(), "cache.db")));
  const tiers = tiersOver(file.store, options);
  await tiers.exists(A);
  await vi.waitFor(async () => expect((await tiers.health()).isCoherent).toBe(true));
  return { tiers, file, asked: () => file.calls.splice(0).filter((name) => name !== "endsOf") };
}

/** Tiers over a store that may go away, and a fallback. */
function withFallback() {
  const behind = watched(new SqliteBackend(join(temporaryFolder(), "cache.db")));
  const tiers = tiersOver(behind.store, { fallback: "memory", breaker: { probeInterval: 10 } });
  const comeBack = async () => {
    behind.failure = undefined;
    await vi.waitFor(async () => expect(await tiers.health()).toMatchObject({ state: "up", waiting: 0 }));
  };
  return { tiers, behind, comeBack };
}

describe("tiers can do what the store behind them can", () => {
  const STORES = {
    memory: () => new MemoryBackend(),
    sqlite: () => new SqliteBackend(join(temporaryFolder(), "cache.db")),
    redis: () => new RedisBackend({ url: "redis://127.0.0.1:1" }),
    "a backend without capabilities": () => new MinimalBackend(),
  };

  test.each(Object.entries(STORES))("%s", (name, make) => {
    const store = make();
    const can = able(store);
    expect(able(tiersOver(store))).toEqual(can);
    expect(can.length > 7).toBe(name !== "a backend without capabilities");
  });
});

describe("batches", () => {
  test("ask the store for what is not copied, in one go, and copy what it gives", async () => {
    const { tiers, asked } = await overSqlite();
    await tiers.setMany([
      { refId: A, entry: one, name: "name" },
      { refId: B, entry: two },
    ]);
    expect(asked()).toContain("setMany");
    expect(await tiers.getMany([A, B, A])).toEqual([one, two, one]);
    expect(await tiers.getLink("name")).toBe(A);
    expect(asked()).toEqual([]);
    await tiers.clear();
    await tiers.setMany([
      { refId: A, entry: one },
      { refId: C, entry: three },
    ]);
    await tiers.delete(B);
    asked();
    expect(await tiers.headMany([A, B, C])).toMatchObject([{ namespace: "public" }, undefined, {}]);
    expect(await tiers.getMany([B])).toEqual([undefined]);
    expect(asked()).toEqual(["headMany", "getMany"]);
  });

  test("of copies that others have changed are read anew", async () => {
    const { tiers, file } = await overSqlite();
    await tiers.setMany([
      { refId: A, entry: one },
      { refId: B, entry: two },
    ]);
    const other = new SqliteBackend(file.store.path);
    onTestFinished(() => other.close());
    await other.set(A, three);
    expect(await tiers.getMany([A, B])).toEqual([three, two]);
    expect(await tiers.getMany([A, B])).toEqual([three, two]);
  });

  test("are kept here while the store is away, and written through with their names", async () => {
    const { tiers, behind, comeBack } = withFallback();
    behind.failure = gone;
    await tiers.setMany([
      { refId: A, entry: one, name: "name" },
      { refId: B, entry: two },
    ]);
    expect([tiers.isLocal(A), tiers.isLocal(B)]).toEqual([true, true]);
    expect(await tiers.getMany([A, B])).toEqual([one, two]);
    await expect(tiers.getMany([A, C])).rejects.toThrow(StoreUnavailableError);
    await comeBack();
    expect(await behind.store.getMany([A, B])).toEqual([one, two]);
    expect(await behind.store.getLink("name")).toBe(A);
  });
});

describe("a look", () => {
  test("at a small entry is answered from its copy, at a large one in the store", async () => {
    const { tiers, asked } = await overSqlite();
    const large = entry({ value: "x".repeat(LARGE_BYTES) });
    await tiers.set(A, one);
    await tiers.set(B, large);
    asked();
    expect(await tiers.look(A)).toMatchObject({ json: "1", head: { namespace: "public" } });
    expect(asked()).toEqual([]);
    await tiers.keepOutline(B, large, Uint8Array.of(1, 2, 3));
    const seen = await tiers.look(B);
    expect(Uint8Array.from(seen?.outline ?? [])).toEqual(Uint8Array.of(1, 2, 3));
    expect(seen?.json).toBeUndefined();
    const [part] = (await tiers.readRanges(B, [{ from: 0, to: 3 }])) ?? [];
    expect(Buffer.from(part ?? []).toString()).toBe('"xx');
    expect(asked()).toEqual(["keepOutline", "look", "readRanges"]);
    expect((await tiers.get(B))?.json).toBe(large.json);
    expect(asked()).toEqual([]);
  });

  test("at an entry beyond the bound copies its head alone", async () => {
    const { tiers, asked } = await overSqlite({ l1: { maxEntryBytes: 10_000 } });
    await tiers.set(A, entry({ value: "x".repeat(20_000) }));
    expect((await tiers.look(A))?.json).toHaveLength(20_002);
    asked();
    expect(await tiers.head(A)).toBeDefined();
    expect(asked()).toEqual([]);
    await tiers.get(A);
    expect(asked()).toEqual(["get"]);
    expect((await tiers.health()).copies.bytes).toBeLessThan(2000);
  });

  test("shows what waits here, large as it may be", async () => {
    const { tiers, behind } = withFallback();
    behind.failure = gone;
    const large = entry({ value: "x".repeat(LARGE_BYTES) });
    await tiers.set(A, large);
    expect((await tiers.look(A))?.json).toBe(large.json);
    await tiers.keepOutline(A, large, Uint8Array.of(1));
  });
});

test("removing by label removes what waits here, too, and drops copies", async () => {
  const { tiers, behind, comeBack } = withFallback();
  const tagged = entry({ metadata: { tags: ["t"] } });
  behind.failure = gone;
  await tiers.setMany([
    { refId: A, entry: tagged, name: "name" },
    { refId: B, entry: tagged },
    { refId: C, entry: one },
  ]);
  await expect(
    tiers.removeLabelled({ kind: "tag", name: "t" }, (refId) => refId === A),
  ).rejects.toMatchObject({
    code: "store_unavailable",
    outcomeUnknown: true,
  });
  expect([A, B, C].map((refId) => tiers.isLocal(refId))).toEqual([false, true, true]);
  await comeBack();
  expect(await behind.store.getMany([A, B])).toEqual([undefined, tagged]);
  expect(await tiers.removeLabelled({ kind: "tag", name: "t" })).toBe(1);
  expect(await tiers.get(B)).toBeUndefined();
});

describe("leases", () => {
  const NAME = "memo:1";

  test("end with a result whose link and entry are copied", async () => {
    const { tiers, asked } = await overSqlite();
    const lease = await tiers.acquireLease(NAME, 10_000);
    if (typeof lease === "string") throw new Error(lease);
    expect(await tiers.setLeased(A, one, lease)).toBe(true);
    asked();
    expect([await tiers.getLink(NAME), await tiers.get(A)]).toEqual([A, one]);
    expect(asked()).toEqual([]);
  });

  test("that others have taken over leave the link as it is, and the entry is stored", async () => {
    const { tiers } = await overSqlite();
    const late = await tiers.acquireLease(NAME, 1);
    if (typeof late === "string") throw new Error(late);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const next = await tiers.acquireLease(NAME, 10_000);
    if (typeof next === "string") throw new Error(next);
    expect(await tiers.setLeased(A, one, late)).toBe(false);
    expect([await tiers.getLink(NAME), await tiers.get(A)]).toEqual([undefined, one]);
    expect(await tiers.setLeased(B, two, next)).toBe(true);
    expect(await tiers.getLink(NAME)).toBe(B);
  });

  test("whose store goes away end here, and the result is written through", async () => {
    const { tiers, behind, comeBack } = withFallback();
    const lease = await tiers.acquireLease(NAME, 10_000);
    if (typeof lease === "string") throw new Error(lease);
    behind.failure = gone;
    expect(await tiers.setLeased(A, one, lease)).toBe(true);
    expect([tiers.isLocal(A), await tiers.getLink(NAME)]).toEqual([true, A]);
    await expect(tiers.acquireLease(NAME, 10_000)).rejects.toThrow(StoreUnavailableError);
    await comeBack();
    expect(await behind.store.getLink(NAME)).toBe(A);
  });
});

describe("records of tasks", () => {
  test("are the store's alone: each call asks it", async () => {
    const { tiers, asked } = await overSqlite();
    expect(await tiers.addTask(A, one, { lease: 10_000, name: "name" })).toBe(true);
    asked();
    for (let n = 0; n < 2; n++) {
      expect((await tiers.readTask(A))?.record).toEqual(one);
      expect(await tiers.taskOf("name")).toBe(A);
    }
    expect(asked()).toEqual(["readTask", "taskOf", "readTask", "taskOf"]);
    expect(await tiers.get(A)).toBeUndefined();
    expect((await tiers.health()).copies.entries).toBe(0);
    expect(await tiers.renewTask(A, 1, 10_000)).toBe(true);
    expect(await tiers.changeTask(A, two, 1, 0)).toBe(true);
    expect(await tiers.abandonedTasks(10)).toEqual([]);
  });

  test("are out of reach while the store is away, fallback or not", async () => {
    const { tiers, behind, comeBack } = withFallback();
    await tiers.addTask(A, one, { lease: 10_000 });
    behind.failure = gone;
    await expect(tiers.addTask(B, one, { lease: 10_000 })).rejects.toThrow(StoreUnavailableError);
    await expect(tiers.readTask(A)).rejects.toThrow(StoreUnavailableError);
    await expect(tiers.changeTask(A, two, 1)).rejects.toThrow(StoreUnavailableError);
    await expect(tiers.renewTask(A, 1, 10_000)).rejects.toThrow(StoreUnavailableError);
    await comeBack();
    expect(await tiers.readTask(A)).toMatchObject({ revision: 1 });
    expect(await tiers.readTask(B)).toBeUndefined();
  });
});

test("a write that replicas have not confirmed is in the store: it is told, and not kept here", async () => {
  const { tiers, behind } = withFallback();
  behind.failure = new ReplicationUnknownError("0 of 1 replicas have it for certain.");
  for (let n = 0; n < 10; n++) await expect(tiers.set(A, one)).rejects.toThrow(ReplicationUnknownError);
  expect(tiers.isLocal(A)).toBe(false);
  expect(await tiers.health()).toMatchObject({ state: "up", breaker: "closed", waiting: 0 });
});

test("copies that made room are told, until one no longer listens", async () => {
  const { tiers } = await overSqlite({ l1: { maxEntries: 1 } });
  const evicted: unknown[] = [];
  const stop = tiers.onEviction((eviction) => evicted.push(eviction));
  await tiers.set(A, one);
  await tiers.set(B, two);
  stop();
  await tiers.set(C, three);
  expect(evicted).toEqual([{ refId: A, namespace: "public", bytes: 1 }]);
  expect(await tiers.get(A)).toEqual(one);
});

test("what is written in pieces is in the store, and the name leads to it at once", async () => {
  const { tiers } = await overSqlite();
  await tiers.setLinked(A, one, "name");
  expect(await tiers.getLink("name")).toBe(A);
  const { json: _, ...head } = two;
  const writer = await tiers.openText(B);
  for (const piece of ["[1", ",2]"]) await writer.write(Buffer.from(piece));
  expect(await tiers.get(B)).toBeUndefined();
  expect(await writer.commit(head, { name: "name" })).toBe(true);
  expect(await tiers.getLink("name")).toBe(B);
  expect((await tiers.get(B))?.json).toBe("[1,2]");
  const abandoned = await tiers.openText(C);
  await abandoned.write(Buffer.from("1"));
  await abandoned.abort();
  expect(await tiers.get(C)).toBeUndefined();
});
