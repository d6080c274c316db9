import { describe, expect, expectTypeOf, test } from "vitest";
import { runAs } from "../src/access/current.js";
import {
  type Actor,
  type Answer,
  ConfigurationError,
  EntryUnreadableError,
  MemoryBackend,
  policies,
  RefCache,
  StoreUnavailableError,
  ValueNotStorableError,
} from "../src/index.js";
import { asServer } from "./helpers/actors.js";
import { all } from "./helpers/entries.js";
import { errorOf } from "./helpers/errors.js";
import { FlakyBackend } from "./helpers/flaky-backend.js";
import { recordingLogger } from "./helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const bob: Actor = { type: "agent", id: "bob" };
const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}` }));

/** A cached function that counts its runs. */
function counted(cache: RefCache, options: Parameters<RefCache["cached"]>[1] = {}) {
  const runs: number[] = [];
  const call = cache.cached("rows", { name: "load", ...options })(async function load({
    count,
  }: {
    count: number;
  }) {
    runs.push(count);
    return rows(count);
  });
  return { call, runs };
}

describe("answers", () => {
  const cache = new RefCache({ name: "test" });

  test("a small value with itself", async () => {
    const answer = await cache.cached("n")(async () => [2, 3, 5])();
    expect(answer).toEqual({
      ref_id: expect.stringMatching(/^test:[0-9a-f]{32}$/),
      is_complete: true,
      is_async: false,
      total_items: 3,
      size: expect.any(Number),
      expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
      value: [2, 3, 5],
    });
  });

  test("a large value with a preview that says how to get the rest", async () => {
    const answer = await counted(cache).call({ count: 5000 });
    expect(answer).toMatchObject({
      is_complete: false,
      is_async: false,
      preview_strategy: "sample",
      total_items: 5000,
      message: expect.stringMatching(
        /^Showing \d+ of 5000 items, evenly spaced\. Read on: get_cached_result\(ref_id, page=1\)/,
      ),
    });
    if (!("preview_strategy" in answer)) throw new Error("no preview");
    expect(answer.preview_size).toBeLessThanOrEqual(1000);
    expect(answer.original_size).toBeGreaterThan(20_000);
    expect(JSON.stringify(answer).length).toBeLessThan(8000);
  });

  test("the same for the first call and for a hit", async () => {
    const { call, runs } = counted(cache);
    const first = await call({ count: 4000 });
    expect(await call({ count: 4000 })).toEqual(first);
    expect(runs).toEqual([4000]);
  });

  test("exactly, where numbers are beyond 2^53", async () => {
    const answer = await cache.cached("n")(async () => ({ big: 2n ** 80n, nan: Number.NaN, small: 7n }))();
    expect(answer).toMatchObject({ value: { big: "1208925819614629174706176", nan: "NaN", small: 7 } });
    expect(await cache.resolve(answer.ref_id ?? "", asServer)).toEqual({
      big: 2n ** 80n,
      nan: Number.NaN,
      small: 7,
    });
  });

  test("with a value of the caller's own: changing it changes nothing", async () => {
    const state = [1, 2, 3];
    const call = cache.cached("n")(async function shared() {
      return state;
    });
    const answer = await call();
    if (answer.is_complete) answer.value.push(99);
    state.push(4);
    expect(await call()).toMatchObject({ value: [1, 2, 3] });
  });

  test("without a preview where the caller may use but not see", async () => {
    const call = cache.cached("secret", { policy: policies.executeOnly })(async () => ({ salary: 123_456 }));
    const answer = await runAs(alice, () => call());
    expect(JSON.stringify(answer)).not.toContain("123456");
    expect(answer).toEqual({
      ref_id: expect.any(String),
      is_async: false,
      is_complete: false,
      expires_at: expect.any(String),
      message: expect.stringContaining("may not see"),
    });
    expect(await runAs(alice, () => cache.resolve(answer.ref_id ?? ""))).toEqual({ salary: 123_456 });
  });

  test("maxSize bounds the preview and decides what is small; tool over namespace over cache", async () => {
    const cache = new RefCache({
      name: "test",
      measure: "characters",
      maxSize: 400,
      namespaces: { "team:*": { maxSize: 300, preview: "truncate" } },
    });
    const sizeOf = async (namespace: string, options: object) => {
      const answer = await cache.cached(namespace, options)(async () => "x".repeat(1000))();
      return "preview_strategy" in answer ? [answer.preview_size, answer.preview_strategy] : "whole";
    };
    expect(await sizeOf("n", {})).toEqual([400, "sample"]);
    expect(await sizeOf("team:a", {})).toEqual([300, "truncate"]);
    expect(await sizeOf("team:a", { maxSize: 200, preview: "paginate" })).toEqual([200, "paginate"]);
    expect(await sizeOf("n", { maxSize: 2000 })).toBe("whole");
    expect(await sizeOf("n", { maxSize: 1002 })).toBe("whole");
    expect(await sizeOf("n", { maxSize: 1001 })).toEqual([1001, "sample"]);
  });
});

describe("remembers", () => {
  test("equal arguments, however their members are ordered", async () => {
    const runs: unknown[] = [];
    const call = new RefCache({ name: "test" }).cached("n")(async function f(args: object) {
      runs.push(args);
      return 1;
    });
    const first = await call({ a: 1, b: { c: [1, 2], d: undefined } });
    expect((await call({ b: { c: [1, 2] }, a: 1 })).ref_id).toBe(first.ref_id);
    for (const other of [
      { a: "1", b: { c: [1, 2] } },
      { a: 1, b: { c: [2, 1] } },
      { a: 1n, b: { c: [1, 2] } },
      { a: 1 },
    ]) {
      expect((await call(other)).ref_id).not.toBe(first.ref_id);
    }
    expect(runs).toHaveLength(5);
  });

  test("across caches of one name on one store, not across names", async () => {
    const backend = new MemoryBackend();
    const [one, two, other] = ["a", "a", "b"].map((name) => counted(new RefCache({ name, backend })));
    const first = await one?.call({ count: 3 });
    expect(await two?.call({ count: 3 })).toEqual(first);
    expect(two?.runs).toEqual([]);
    expect((await other?.call({ count: 3 }))?.ref_id).not.toBe(first?.ref_id);
  });

  test("for each principal apart, unless the tool says shared", async () => {
    const cache = new RefCache({ name: "test" });
    const own = counted(cache);
    const shared = counted(cache, { scope: "shared", name: "shared" });
    const references = async (call: typeof own.call) =>
      (await Promise.all([alice, bob, alice].map((actor) => runAs(actor, () => call({ count: 2 }))))).map(
        ({ ref_id }) => ref_id,
      );
    const [a, b, again] = await references(own.call);
    expect(a).not.toBe(b);
    expect(again).toBe(a);
    expect(new Set(await references(shared.call)).size).toBe(1);
  });

  test("functions of one name and different source apart, and of one name on purpose together", async () => {
    const cache = new RefCache({ name: "test" });
    const make = (options: object, add: number) =>
      add === 1
        ? cache.cached(
            "n",
            options,
          )(async function load(n: number) {
            return n + 1;
          })
        : cache.cached(
            "n",
            options,
          )(async function load(n: number) {
            return n + 2;
          });
    expect(await make({}, 1)(1)).toMatchObject({ value: 2 });
    expect(await make({}, 2)(1)).toMatchObject({ value: 3 });
    expect(await make({ name: "load" }, 1)(1)).toMatchObject({ value: 2 });
    expect(await make({ name: "load" }, 2)(1)).toMatchObject({ value: 2 });
  });

  test("anonymous functions in this process only, and never one for another", async () => {
    const cache = new RefCache({ name: "test" });
    const make = (add: number) => cache.cached("n")(async (n: number) => n + add);
    const [one, two] = [make(1), make(2)];
    expect(await one(1)).toMatchObject({ value: 2 });
    expect(await two(1)).toMatchObject({ value: 3 });
    expect((await one(1)).ref_id).toBe((await one(1)).ref_id);
  });

  test("by the key that the tool makes", async () => {
    const cache = new RefCache({ name: "test" });
    const { call, runs } = counted(cache, { key: ({ count }: { count: number }) => String(count % 2) });
    await call({ count: 1 });
    await call({ count: 3 });
    await call({ count: 2 });
    expect(runs).toEqual([1, 2]);
    const broken = counted(cache, { key: () => 1 as never });
    expect(await errorOf(() => broken.call({ count: 1 }))).toBeInstanceOf(ConfigurationError);
  });

  test("nothing where the tool says so", async () => {
    const { call, runs } = counted(new RefCache({ name: "test" }), { key: false });
    const [one, two] = await Promise.all([call({ count: 1 }), call({ count: 1 })]);
    expect(one.ref_id).not.toBe(two.ref_id);
    expect(runs).toEqual([1, 1]);
  });

  test("not at all, with one warning, where arguments cannot be told apart", async () => {
    const logger = recordingLogger();
    const cache = new RefCache({ name: "test", logger });
    let runs = 0;
    const call = cache.cached("n")(async function f(_map: Map<string, number>) {
      return ++runs;
    });
    await call(new Map());
    await call(new Map());
    expect(runs).toBe(2);
    expect(logger.lines).toEqual([expect.stringContaining("key")]);
  });

  test("not beyond the entry's life", async () => {
    const cache = new RefCache({ name: "test", limits: { minTtl: 1 } });
    const { call, runs } = counted(cache, { ttl: 20 });
    const { ref_id } = await call({ count: 1 });
    while (await cache.exists(ref_id ?? "", asServer)) await new Promise((resolve) => setTimeout(resolve, 5));
    expect((await call({ count: 1 })).ref_id).not.toBe(ref_id);
    expect(runs).toHaveLength(2);
  });

  test("not what a clear meanwhile made stale, though its caller gets an answer", async () => {
    const cache = new RefCache({ name: "test" });
    let finish = () => {};
    let runs = 0;
    const call = cache.cached("rows")(async function slow() {
      runs++;
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return runs;
    });
    const early = call();
    await expect.poll(() => runs).toBe(1);
    await cache.clear("rows", asServer);
    finish();
    expect(await early).toMatchObject({ value: 1 });
    const late = call();
    await expect.poll(() => runs).toBe(2);
    finish();
    expect(await late).toMatchObject({ value: 2 });
  });

  test("not by joining a run from before a clear, though other namespaces may be cleared", async () => {
    const cache = new RefCache({ name: "test" });
    const finish: (() => void)[] = [];
    const call = cache.cached("rows")(async function slow() {
      const run = finish.length;
      await new Promise<void>((resolve) => void finish.push(resolve));
      return run;
    });
    const early = call();
    await expect.poll(() => finish.length).toBe(1);
    await cache.clear("other", asServer);
    const joined = call();
    await new Promise((resolve) => setImmediate(resolve));
    await cache.clear("rows", asServer);
    const late = call();
    await expect.poll(() => finish.length).toBe(2);
    for (const end of finish) end();
    expect(await Promise.all([early, joined, late])).toMatchObject([
      { value: 0 },
      { value: 0 },
      { value: 1 },
    ]);
    expect(await call()).toMatchObject({ value: 1 });
  });
});

test("a clearing by one who may remove nothing disturbs nobody's calls", async () => {
  const cache = new RefCache({ name: "test" });
  const finish: (() => void)[] = [];
  const call = cache.cached("rows")(async function slow() {
    await new Promise<void>((resolve) => void finish.push(resolve));
    return 1;
  });
  const early = call();
  await expect.poll(() => finish.length).toBe(1);
  expect(await cache.clear("rows", { actor: { type: "agent", id: "bob" } })).toBe(0);
  const joined = call();
  finish[0]?.();
  expect(await Promise.all([early, joined])).toMatchObject([{ value: 1 }, { value: 1 }]);
  expect(finish).toHaveLength(1);
});

describe("runs once", () => {
  test("for a hundred equal calls at a time", async () => {
    const { call, runs } = counted(new RefCache({ name: "test" }));
    const answers = await Promise.all(Array.from({ length: 100 }, () => call({ count: 2000 })));
    expect(runs).toEqual([2000]);
    expect(new Set(answers.map(({ ref_id }) => ref_id)).size).toBe(1);
    expect(new Set(answers).size).toBe(100);
  });

  test("and fails once for all of them, and never again for that", async () => {
    let runs = 0;
    const call = new RefCache({ name: "test" }).cached("n")(async function fails() {
      runs++;
      if (runs === 1) throw new TypeError("no luck");
      return runs;
    });
    const failures = await Promise.allSettled(Array.from({ length: 20 }, () => call()));
    expect(failures.every(({ status }) => status === "rejected")).toBe(true);
    expect(runs).toBe(1);
    expect(await call()).toMatchObject({ value: 2 });
  });
});

describe("resolves references in arguments", () => {
  const cache = new RefCache({ name: "test" });
  const echo = cache.cached("n")(async function echo(args: Record<string, unknown>) {
    return { got: args };
  });
  const gotBy = async (args: Record<string, unknown>) => {
    const answer = await echo(args);
    return ((await cache.resolve(answer.ref_id ?? "", asServer)) as { got: unknown }).got;
  };

  test("at any depth, each place with a copy of its own", async () => {
    const { refId } = await cache.set("k", [1, 2n ** 60n]);
    expect(await gotBy({ data: refId, deep: [{ more: refId }], n: 1 })).toEqual({
      data: [1, 2n ** 60n],
      deep: [{ more: [1, 2n ** 60n] }],
      n: 1,
    });
  });

  test("once, not recursively: a reference inside a stored value is data", async () => {
    const inner = await cache.set("inner", "treasure");
    const outer = await cache.set("outer", { link: inner.refId });
    expect(await gotBy({ data: outer.refId })).toEqual({ data: { link: inner.refId } });
  });

  test("and leaves look-alikes that lead nowhere", async () => {
    const args = { commit: "commit:deadbeef12", phone: "tel:5551234567", url: "https://x" };
    expect(await gotBy(args)).toEqual(args);
  });

  test("only where the caller may use them", async () => {
    const { refId } = await cache.set("k2", "treasure", { policy: { agentPermissions: 0 } });
    expect(await runAs(alice, () => gotBy({ data: refId }))).toEqual({ data: refId });
    const answer = await runAs(alice, () => echo({ data: refId, again: 1 }));
    expect(JSON.stringify(answer)).not.toContain("treasure");
  });

  test("in all members, in some, or in none", async () => {
    const { refId } = await cache.set("k3", [7]);
    const make = (resolveRefs: boolean | string[]) =>
      cache.cached("n", { resolveRefs, name: JSON.stringify(resolveRefs) })(async (args: object) => args);
    expect(await make(["a"])({ a: refId, b: refId })).toMatchObject({ value: { a: [7], b: refId } });
    expect(await make(false)({ a: refId, b: refId })).toMatchObject({ value: { a: refId, b: refId } });
    expect(await make(true)({ a: refId, b: refId })).toMatchObject({ value: { a: [7], b: [7] } });
  });

  test("a reference stands for itself in the key: another one is another call", async () => {
    const [one, two] = [await cache.set("x", [1]), await cache.set("y", [1])];
    const first = await echo({ data: one.refId });
    expect((await echo({ data: one.refId })).ref_id).toBe(first.ref_id);
    expect((await echo({ data: two.refId })).ref_id).not.toBe(first.ref_id);
  });

  test("in every parameter of a plain function", async () => {
    const { refId } = await cache.set("p", 40);
    const add = cache.cached("n")(async (a: number, b: number) => a + b);
    expect(await (add as (...refs: unknown[]) => Promise<Answer>)(refId, 2)).toMatchObject({ value: 42 });
  });

  test("within bounds", async () => {
    const small = new RefCache({
      name: "test",
      limits: { maxReferences: 2, maxResolvedBytes: 100, maxDepth: 5 },
    });
    const call = small.cached("n")(async (args: unknown) => [args]);
    const { refId } = await small.set("k", "x".repeat(60));
    await expect(call([refId, refId, refId])).rejects.toMatchObject({ limit: "limits.maxReferences" });
    await expect(call([refId, refId])).rejects.toMatchObject({ limit: "limits.maxResolvedBytes" });
    await expect(call([[[[[refId]]]]])).rejects.toMatchObject({ limit: "limits.maxDepth" });
    expect(await call([refId])).toMatchObject({ is_complete: true });
  });
});

describe("when the store fails", () => {
  test("a small value is answered, marked, without a reference", async () => {
    const backend = new FlakyBackend();
    const logger = recordingLogger();
    const { call } = counted(new RefCache({ name: "test", backend, logger }));
    backend.goDown();
    expect(await call({ count: 2 })).toEqual({
      ref_id: null,
      is_stored: false,
      is_async: false,
      is_complete: true,
      expires_at: null,
      total_items: 2,
      size: expect.any(Number),
      message: expect.stringContaining("The store failed"),
      value: rows(2),
    });
    expect(logger.lines.join()).toContain("cannot be reached");
  });

  test("a large value is answered bounded", async () => {
    const backend = new FlakyBackend();
    backend.down.add("set");
    const { call } = counted(new RefCache({ name: "test", backend, logger: recordingLogger() }));
    const answer = await call({ count: 9000 });
    expect(answer).toMatchObject({
      ref_id: null,
      is_stored: false,
      is_complete: false,
      message: expect.stringContaining("The store failed"),
    });
    expect(answer).toMatchObject({ message: expect.not.stringContaining("get_cached_result") });
  });

  test("a value is stored where only finding it again fails", async () => {
    const backend = new FlakyBackend();
    backend.down.add("getLink");
    const { call, runs } = counted(new RefCache({ name: "test", backend, logger: recordingLogger() }));
    const first = await call({ count: 2 });
    expect(first.ref_id).not.toBeNull();
    expect(await call({ count: 2 })).toMatchObject({ is_complete: true });
    expect(runs).toHaveLength(2);
  });

  test("the error is the caller's, where they ask for it", async () => {
    const backend = new FlakyBackend();
    backend.goDown();
    const { call } = counted(new RefCache({ name: "test", backend, onStoreError: "throw" }));
    await expect(call({ count: 2 })).rejects.toBeInstanceOf(StoreUnavailableError);
  });

  test("a reference in the arguments is not taken for unknown", async () => {
    const backend = new FlakyBackend();
    const cache = new RefCache({ name: "test", backend, logger: recordingLogger() });
    const { refId } = await cache.set("k", 1);
    backend.goDown();
    await expect(cache.cached("n")(async (x: unknown) => x)(refId)).rejects.toBeInstanceOf(
      StoreUnavailableError,
    );
  });

  test("it works again as soon as the store does", async () => {
    const backend = new FlakyBackend();
    const { call } = counted(new RefCache({ name: "test", backend, logger: recordingLogger() }));
    backend.goDown();
    await call({ count: 2 });
    backend.down.clear();
    expect((await call({ count: 2 })).ref_id).not.toBeNull();
  });
});

test("a value that cannot be stored is an error that names the path, and nothing is stored", async () => {
  const cache = new RefCache({ name: "test" });
  const call = cache.cached("n")(async () => ({ index: new Map() }));
  await expect(call()).rejects.toMatchObject({ path: "$.index" });
  await expect(call()).rejects.toBeInstanceOf(ValueNotStorableError);
  expect(await all(cache.list(asServer))).toEqual([]);
});

test.each<[object, string]>([
  [{ ttl: "soon" }, "ttl"],
  [{ ttl: 1 }, "ttl"],
  [{ policy: { agentPermission: 1 } }, "policy.agentPermission"],
  [{ policy: { agentPermissions: 99 } }, "policy.agentPermissions"],
  [{ preview: "all" }, "preview"],
  [{ maxSize: 1 }, "maxSize"],
  [{ scope: "everybody" }, "scope"],
  [{ key: "k" }, "key"],
  [{ resolveRefs: "data" }, "resolveRefs"],
  [{ maxsize: 100 }, "maxsize"],
])("refuses the option %j when the tool is made", async (options, option) => {
  const cache = new RefCache({ name: "test" });
  const error = await errorOf(() => cache.cached("n", options as never)(async () => 1));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ option });
});

test("types are inferred, arguments and result", async () => {
  const call = new RefCache({ name: "test" }).cached("n")(
    async ({ count }: { count: number }, _context: { user: string }) => ({
      at: new Date(count),
      list: [1n],
    }),
  );
  expectTypeOf(call).parameters.toEqualTypeOf<[{ count: number }, { user: string }]>();
  const answer = await call({ count: 1 }, { user: "a" });
  if (answer.is_complete)
    expectTypeOf(answer.value).toEqualTypeOf<{ at: string; list: (number | string)[] }>();
});

describe("keeps apart", () => {
  const logged = recordingLogger();
  const cache = new RefCache({ name: "test", logger: logged });

  test("closures of one source, and bound functions", async () => {
    const times = (n: number) => {
      const scale = async ({ a }: { a: number }) => a * n;
      return cache.cached("n")(scale);
    };
    expect(await times(2)({ a: 1 })).toMatchObject({ value: 2 });
    expect(await times(10)({ a: 1 })).toMatchObject({ value: 10 });
    expect(logged.lines.join()).toContain("Give the option name");
    const source = {
      name: "one",
      query: async function query(this: { name: string }, q: string) {
        return this.name + q;
      },
    };
    const bound = (name: string) => cache.cached("n")(source.query.bind({ name }));
    expect(await bound("one")("x")).toMatchObject({ value: "onex" });
    expect(await bound("two")("x")).toMatchObject({ value: "twox" });
  });

  test("callers of shared results of whom only some may use a reference", async () => {
    const { refId } = await cache.set("k", "secret", { policy: { allowedActors: ["agent:alice"] } });
    const echo = cache.cached("n", { scope: "shared" })(async function echo(args: { data: string }) {
      return { got: args.data };
    });
    expect(await runAs(bob, () => echo({ data: refId }))).toMatchObject({ value: { got: refId } });
    expect(await runAs(alice, () => echo({ data: refId }))).toMatchObject({ value: { got: "secret" } });
    expect(await runAs(bob, () => echo({ data: refId }))).toMatchObject({ value: { got: refId } });
  });

  test("results under a policy from those under another", async () => {
    const make = (policy: object) => cache.cached("n", { policy, name: "salary" })(async () => "secret");
    expect(await runAs(alice, () => make({})())).toMatchObject({ value: "secret" });
    expect(JSON.stringify(await runAs(alice, () => make(policies.executeOnly)()))).not.toContain("secret");
  });

  test("a preview from the value that its tool goes on with", async () => {
    const live = rows(3000);
    const call = cache.cached("n", { preview: "truncate" })(async function mutates() {
      setImmediate(() => live.splice(0, 2990, { id: -1, name: "changed" }));
      return live;
    });
    const [one, two] = await Promise.all([call(), call()]);
    expect((one.preview as unknown[])[0]).toEqual({ id: 0, name: "row 0" });
    expect(one).toMatchObject({ total_items: 3000 });
    (one.preview as { id: number }[])[0] = { id: 99 };
    expect((two.preview as unknown[])[0]).toEqual({ id: 0, name: "row 0" });
  });
});

test("key gets what the function gets: resolved parameters", async () => {
  const cache = new RefCache({ name: "test" });
  const total = cache.cached("n", { key: ({ list }: { list: number[] }) => list.join() })(
    async function total({ list }: { list: number[] }) {
      return list.reduce((a, b) => a + b, 0);
    },
  );
  const [one, two] = [await cache.set("a", [1, 2, 3]), await cache.set("b", [10, 20])];
  const ask = total as unknown as (args: { list: string }) => Promise<Answer>;
  expect(await ask({ list: one.refId })).toMatchObject({ value: 6 });
  expect(await ask({ list: two.refId })).toMatchObject({ value: 30 });
});

test("a hundred look-alikes in the arguments are texts like any other", async () => {
  const call = new RefCache({ name: "test" }).cached("n")(async (commits: string[]) => commits.length);
  expect(await call(Array.from({ length: 100 }, (_, n) => `commit:deadbeef${n}`))).toMatchObject({
    value: 100,
  });
  await expect(call(Array.from({ length: 1001 }, (_, n) => `commit:deadbeef${n}`))).rejects.toMatchObject({
    code: "limit_exceeded",
  });
});

test("a remembered entry that became unreadable is made again", async () => {
  const backend = new FlakyBackend();
  const cache = new RefCache({ name: "test", backend });
  const { call, runs } = counted(cache);
  const { ref_id } = await call({ count: 1 });
  backend.look = async (refId) => {
    throw new EntryUnreadableError(refId, "policy is not an object");
  };
  expect((await call({ count: 1 })).ref_id).not.toBe(ref_id);
  expect(runs).toHaveLength(2);
});

test("the answer of another cached function is not stored as data", async () => {
  const cache = new RefCache({ name: "test" });
  const inner = cache.cached("n")(async () => [1]);
  await expect(cache.cached("n")(async () => inner())()).rejects.toMatchObject({ path: "$" });
});

test("following the message from page to page misses nothing", async () => {
  const cache = new RefCache({ name: "test", measure: "characters" });
  const call = cache.cached("n", { preview: "paginate", maxSize: 200 })(async () => rows(100));
  let answer: Answer = await call();
  const seen: unknown[] = [];
  for (;;) {
    if (!("preview_strategy" in answer)) throw new Error("no page");
    seen.push(...(answer.preview as unknown[]));
    const next = /get_cached_result\(ref_id, page=(\d+), max_size=(\d+)\)/.exec(answer.message);
    if (next === null) break;
    answer = await cache.get(answer.ref_id ?? "", {
      ...asServer,
      page: Number(next[1]),
      maxSize: Number(next[2]),
    });
  }
  expect(seen).toEqual(rows(100));
  const { refId } = await cache.set("list", rows(100));
  expect((await cache.get(refId, { ...asServer, page: 1, pageSize: 5 })).message).toContain(
    "page=2, page_size=5)",
  );
});
