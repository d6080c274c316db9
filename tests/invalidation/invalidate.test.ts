import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { type Actor, type AuditRecord, RefCache, runAs, SYSTEM } from "../../src/index.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { onEveryStore } from "../helpers/raw-stores.js";

const actor = SYSTEM;
const alice: Actor = { type: "user", id: "alice" };
const bob: Actor = { type: "user", id: "bob" };

function cacheWith(options: Partial<ConstructorParameters<typeof RefCache>[0]> = {}): RefCache {
  const cache = new RefCache({ name: "test", ...options });
  onTestFinished(() => cache.close());
  return cache;
}

/** A cached function that counts its runs, and may be held up. */
function counting(cache: RefCache, tags?: (args: { id: number }) => string[]) {
  const runs: number[] = [];
  let gate: Promise<void> | undefined;
  // With leases, a call that comes after an invalidation waits for the run from before it.
  const options = { name: "load", coordination: false as const, ...(tags && { tags }) };
  const load = cache.cached(
    "numbers",
    options,
  )(async function loadNumber({ id }: { id: number }) {
    runs.push(id);
    await gate;
    return runs.length;
  });
  const hold = () => {
    let open = () => {};
    gate = new Promise((resolve) => {
      open = resolve;
    });
    return () => {
      gate = undefined;
      open();
    };
  };
  return { load, runs, hold };
}

const tagsOf = ({ id }: { id: number }) => ["numbers", `number:${id}`];

test.each([
  [{ tags: ["number:1"] }, [1]],
  [{ tags: "number:2" }, [2]],
  [{ tags: ["number:1", "number:2"] }, [1, 2]],
  [{ tags: ["numbers"] }, [1, 2, 3]],
  [{ namespace: "numbers" }, [1, 2, 3]],
  [{ tool: "loadNumber" }, [1, 2, 3]],
  [{ tool: "unload" }, []],
] as const)("after invalidating %j, calls for %j run anew", async (target, anew) => {
  const cache = cacheWith();
  const { load, runs } = counting(cache, tagsOf);
  for (const id of [1, 2, 3]) await load({ id });
  expect(await cache.invalidate(target, { actor })).toBe(anew.length);
  for (const id of [1, 2, 3, 1, 2, 3]) await load({ id });
  expect(runs).toEqual([1, 2, 3, ...anew]);
});

test("tags are made of what the function gets, references resolved", async () => {
  const cache = cacheWith();
  const { refId } = await cache.set("who", "alice");
  const seen = vi.fn(({ who }: { who: string }) => [`user:${who}`]);
  const greet = cache.cached("greetings", { tags: seen })(async ({ who }: { who: string }) => `Hello ${who}`);
  await greet({ who: refId });
  expect(seen.mock.calls).toEqual([[{ who: "alice" }]]);
  expect(await cache.invalidate({ tags: ["user:alice"] }, { actor })).toBe(1);
});

test("tags of set", async () => {
  const cache = cacheWith();
  const { refId } = await cache.set("k", 1, { tags: ["t", "t"] });
  expect(await cache.invalidate({ tags: ["t"] }, { actor })).toBe(1);
  expect(await cache.exists(refId, { actor })).toBe(false);
  expect(await cache.lookup("k", { actor })).toBeUndefined();
});

test("what is no list of tags is refused by name, before anything runs or is stored", async () => {
  const cache = cacheWith();
  const bad = [["a", 7], [""], ["x".repeat(129)], Array.from({ length: 33 }, (_, n) => `${n}`), "text", null];
  for (const tags of bad as never[]) {
    const refused = { code: "invalid_option", option: expect.stringMatching(/^tags/) };
    expect(() => cache.cached("n", { tags })).toThrow(expect.objectContaining(refused));
    const ran = vi.fn(async (_: object) => 1);
    await expect(cache.cached("n", { tags: () => tags })(ran)({})).rejects.toMatchObject(refused);
    expect(ran).not.toHaveBeenCalled();
    if (tags !== null) await expect(cache.set("k", 1, { tags })).rejects.toMatchObject(refused);
  }
  expect(() => cache.cached("n", { tags: Array.from({ length: 32 }, () => "x".repeat(128)) })).not.toThrow();
});

test("what is to be invalidated is said in exactly one way", async () => {
  const cache = cacheWith();
  for (const target of [
    {},
    { tags: ["a"], tool: "b" },
    { namespace: "" },
    { other: 1 },
    { tool: 7 },
    { tags: 7 },
  ])
    await expect(cache.invalidate(target as never, { actor })).rejects.toMatchObject({
      code: "invalid_option",
    });
  expect(await cache.invalidate({ tags: [] }, { actor })).toBe(0);
  await expect(cache.invalidate({ tool: "a" })).rejects.toMatchObject({ option: "actor" });
});

test("only what the actor may delete goes, and it is on record", async () => {
  const records: AuditRecord[] = [];
  const cache = cacheWith({ audit: (record) => void records.push(record) });
  const mine = await runAs(alice, () =>
    cache.set("a", 1, { actor: SYSTEM, tags: ["t"], policy: { owner: "user:alice", userPermissions: 0 } }),
  );
  const theirs = await cache.set("b", 2, { tags: ["t"], policy: { owner: "user:bob", userPermissions: 0 } });
  records.length = 0;
  expect(await cache.invalidate({ tags: ["t"] }, { actor: alice })).toBe(1);
  expect(records.map(({ operation, actor, decision }) => [operation, actor, decision])).toEqual([
    ["invalidate", "user:alice", "permitted"],
  ]);
  expect(await cache.exists(mine.refId, { actor })).toBe(false);
  expect(await cache.exists(theirs.refId, { actor })).toBe(true);
  expect(await runAs(bob, () => cache.invalidate({ tags: ["t"] }))).toBe(1);
  records.length = 0;
  expect(await cache.invalidate({ namespace: "public" }, { actor })).toBe(0);
  expect(records).toMatchObject([{ operation: "invalidate", actor: "system:", namespace: "public" }]);
});

test.each([{ tags: ["number:1"] }, { namespace: "numbers" }, { tool: "loadNumber" }] as const)(
  "what a call that is running returns is not found again after %j, and others join no such run",
  async (target) => {
    const cache = cacheWith();
    const { load, runs, hold } = counting(cache, tagsOf);
    const letGo = hold();
    const begun = load({ id: 1 });
    const other = load({ id: 2 });
    await vi.waitFor(() => expect(runs).toEqual([1, 2]));
    await cache.invalidate(target, { actor });
    const next = load({ id: 1 });
    await vi.waitFor(() => expect(runs).toEqual([1, 2, 1]));
    letGo();
    await Promise.all([begun, other, next]);
    expect(await load({ id: 1 })).toEqual(await next);
    await load({ id: 2 });
    expect(runs).toEqual("tags" in target ? [1, 2, 1] : [1, 2, 1, 2]);
  },
);

test("what is invalidated while it is being stored is not found again, and its reference lasts", async () => {
  const backend = new MinimalBackend();
  const cache = cacheWith({ backend });
  const { load, runs } = counting(cache, tagsOf);
  const set = backend.set.bind(backend);
  vi.spyOn(backend, "set").mockImplementationOnce(async (refId, entry) => {
    await cache.invalidate({ tags: ["number:1"] }, { actor });
    await set(refId, entry);
  });
  const { ref_id } = await load({ id: 1 });
  expect(await cache.exists(ref_id ?? "", { actor })).toBe(true);
  await load({ id: 1 });
  await load({ id: 1 });
  expect(runs).toEqual([1, 1]);
});

onEveryStore((make) => {
  test("another server's runs hear of it, and of what is cleared", async () => {
    const store = await make();
    const [one, two] = [0, 1].map(() => cacheWith({ backend: store.connect() }));
    if (one === undefined || two === undefined) throw new Error("there are two");
    const { load, runs, hold } = counting(two, tagsOf);
    await listening(one, two);
    for (const [id, invalidate] of [
      () => one.invalidate({ tags: ["number:0"] }, { actor }),
      () => one.clear("numbers", { actor }),
      () => one.administer(alice, true).clear("numbers"),
      () => one.clear(undefined, { actor }),
    ].entries()) {
      runs.length = 0;
      const letGo = hold();
      const begun = load({ id });
      await vi.waitFor(() => expect(runs).toEqual([id]));
      await invalidate();
      // A second call joins the first until the message is there.
      let next: Promise<unknown> | undefined;
      await vi.waitFor(async () => {
        next = load({ id });
        await sleep(20);
        expect(runs).toEqual([id, id]);
      }, 10_000);
      letGo();
      await Promise.all([begun, next]);
      await load({ id });
      expect(runs).toEqual([id, id]);
    }
  }, 30_000);

  test("encrypted entries bear their labels, and do when they are encrypted anew", async () => {
    const backend = (await make()).connect();
    const keys = { a: Buffer.alloc(32, 1), b: Buffer.alloc(32, 2) };
    const before = cacheWith({ backend, encryption: { keys, current: "a" } });
    const { load, runs } = counting(before, tagsOf);
    const answer = await load({ id: 1 });
    await load({ id: 2 });
    const after = new RefCache({ name: "test", backend, encryption: { keys, current: "b" } });
    expect((await after.reencrypt()).reencrypted).toBe(2);
    expect(await after.resolve(answer.ref_id ?? "", { actor })).toBe(1);
    expect(await after.invalidate({ tags: ["number:1"] }, { actor })).toBe(1);
    await load({ id: 1 });
    await load({ id: 2 });
    expect(runs).toEqual([1, 2, 1]);
    expect(await after.invalidate({ tool: "loadNumber" }, { actor })).toBe(2);
  });
});

/** Waits until a message of the first reaches the second, by what it does to a run under way. */
async function listening(one: RefCache, two: RefCache): Promise<void> {
  for (let n = 0; ; n++) {
    const { load, runs, hold } = counting(two, () => [`probe:${n}`]);
    const letGo = hold();
    const begun = load({ id: -n });
    await vi.waitFor(() => expect(runs).toHaveLength(1));
    await one.invalidate({ tags: [`probe:${n}`] }, { actor });
    await sleep(50);
    letGo();
    await begun;
    await load({ id: -n });
    if (runs.length === 2) return;
    if (n > 100) throw new Error("The other server does not listen.");
  }
}
