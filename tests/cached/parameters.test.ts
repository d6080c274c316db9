import { describe, expect, test } from "vitest";
import type { Call } from "../../src/call.js";
import { cachedTarget } from "../../src/decorate.js";
import {
  type Actor,
  type Answer,
  type CachedOptions,
  policies,
  RefCache,
  runAs,
  StoreError,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { errorOf } from "../helpers/errors.js";
import { FlakyBackend } from "../helpers/flaky-backend.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const secret = { policy: policies.executeOnly };

/** A call as an adapter makes it, which knows what stands behind the arguments. */
function calling(cache: RefCache, options: CachedOptions = {}) {
  const got: unknown[][] = [];
  const fn = cache.cached(
    "n",
    options,
  )(async function takes(...params: unknown[]) {
    got.push(params);
    return got.length;
  });
  const call = (params: readonly unknown[], more: Partial<Call> = {}) =>
    cachedTarget(fn)?.cached.call({ self: undefined, params, ...more }) as Promise<Answer>;
  return { got, call, cached: cachedTarget(fn)?.cached };
}

describe("a context behind the arguments", () => {
  test.each<boolean | string[]>([true, ["data"], false])(
    "reaches the function as it is: resolveRefs %j",
    async (resolveRefs) => {
      const cache = new RefCache({ name: "test" });
      const { refId } = await cache.set("k", [7]);
      const { got, call } = calling(cache, { resolveRefs });
      const context = { data: refId, log: () => {} };
      await call([{ data: refId }, context, "more"], { keyed: 1 });
      expect(got).toEqual([[{ data: resolveRefs === false ? refId : [7] }, context, "more"]]);
      expect(got[0]?.[1]).toBe(context);
    },
  );

  test("makes no other call of it", async () => {
    const { got, call } = calling(new RefCache({ name: "test" }));
    const one = await call([{ a: 1 }, { request: 1 }], { keyed: 1 });
    const two = await call([{ a: 1 }, { request: 2 }], { keyed: 1 });
    const other = await call([{ a: 1 }, { request: 2 }]);
    expect(two.ref_id).toBe(one.ref_id);
    expect(other.ref_id).not.toBe(one.ref_id);
    expect(got).toHaveLength(2);
  });
});

describe("references that stay texts", () => {
  test("are one call for all who may not use them, and who may", async () => {
    const cache = new RefCache({ name: "test" });
    const { refId } = await cache.set("k", 7, { policy: { agentPermissions: 0 } });
    const { got, call } = calling(cache, { resolveRefs: false, scope: "shared" });
    const validate = () => expect.unreachable();
    const [hers, his] = [
      await runAs(alice, () => call([refId], { validate })),
      await runAs({ type: "user", id: "bob" }, () => call([refId], { validate })),
    ];
    expect(his.ref_id).toBe(hers.ref_id);
    expect(got).toEqual([[refId]]);
  });

  test.each([[null], [undefined], ["text"], [7], [["list"]]])(
    "are left alone where the first argument is %j",
    async (first) => {
      const { got, call } = calling(new RefCache({ name: "test" }), {
        resolveRefs: ["0", "data"],
        key: false,
      });
      await call([first, "second"]);
      expect(got).toHaveLength(1);
      expect(got[0]?.[1]).toBe("second");
      if (!Array.isArray(first)) expect(got[0]?.[0]).toBe(first);
    },
  );

  test("without those members, the arguments are the very ones that were given", async () => {
    const { got, call } = calling(new RefCache({ name: "test" }), { resolveRefs: ["data"] });
    const args = { other: 1 };
    await call([args]);
    expect(got[0]?.[0]).toBe(args);
  });
});

describe("what is told of a cached function", () => {
  test("its name, how long results live, and which members take references", () => {
    const cache = new RefCache({ name: "test", namespaces: { n: { ttl: "5m" } } });
    expect(calling(cache).cached).toMatchObject({ ttl: 300_000, resolveRefs: true });
    expect(calling(cache, { ttl: "2s", resolveRefs: ["data"] }).cached).toMatchObject({
      ttl: 2000,
      resolveRefs: ["data"],
    });
    expect(calling(cache, { ttl: null, resolveRefs: false }).cached).toMatchObject({
      ttl: null,
      resolveRefs: false,
    });
    expect(calling(cache).cached?.functionName).toBe("takes");
  });

  test("an entry tells the tool that made it, where it has a name", async () => {
    const cache = new RefCache({ name: "test" });
    const toolOf = async (answer: Answer) => (await cache.info(answer.ref_id ?? "", asServer))?.toolName;
    expect(await toolOf(await calling(cache).call([]))).toBe("takes");
    expect(await toolOf(await calling(cache).call([], { tool: "the_tool" }))).toBe("the_tool");
    expect(await toolOf(await cache.cached("n")(async () => 1)())).toBeNull();
  });

  test("an answer that a function returns is no value of its own", async () => {
    const cache = new RefCache({ name: "test" });
    const inner = cache.cached("n")(async () => 1);
    expect((await errorOf(() => cache.cached("n")(async () => inner())())).message).toBe(
      "The value cannot be stored: it is an answer already; resolve its ref_id and return the value at $.",
    );
  });
});

describe("a store that fails", () => {
  const made = async (onStoreError: "answer" | "throw") => {
    const backend = new FlakyBackend();
    const cache = new RefCache({ name: "test", backend, onStoreError, logger: recordingLogger() });
    return { backend, cache, refId: (await cache.set("k", [1], secret)).refId };
  };

  test("is said to have failed, also to those who may not see what they used", async () => {
    const { backend, cache, refId } = await made("throw");
    const { call } = calling(cache);
    const other = await cache.set("other", [2], secret);
    const { get } = backend;
    backend.get = async (wanted) => {
      if (wanted === other.refId) backend.goDown();
      return get.call(backend, wanted);
    };
    expect(await errorOf(() => runAs(alice, () => call([[refId, other.refId]])))).toBeInstanceOf(StoreError);
    backend.down.clear();
    backend.get = get;
    backend.down.add("set").add("setLinked");
    expect(await errorOf(() => runAs(alice, () => call([[refId]])))).toBeInstanceOf(StoreError);
  });

  test("where the function says so is the function's failure, and withheld as any", async () => {
    const { backend, cache, refId } = await made("throw");
    const fails = cache.cached("n")(async (_: unknown) => {
      backend.goDown();
      return cache.resolve(refId);
    });
    expect(await errorOf(() => runAs(alice, () => fails(refId)))).toMatchObject({ code: "tool_failed" });
  });
});

test("a hidden answer to a call within a call closes nothing", async () => {
  const cache = new RefCache({ name: "test" });
  const vault = cache.cached("vault", secret)(async () => "canary");
  const outer = cache.cached("n")(async () => (await vault()).is_complete);
  expect(await runAs(alice, () => outer())).toMatchObject({ is_complete: true, value: false });
});

test("a large preview is cut as the tool says, before the tool goes on", async () => {
  const cache = new RefCache({
    name: "test",
    measure: "characters",
    namespaces: { n: { preview: "truncate" } },
  });
  const call = cache.cached("n", { maxSize: 30 })(async () => Array.from({ length: 500 }, (_, n) => n));
  expect(await call()).toMatchObject({
    preview_strategy: "truncate",
    preview: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  });
});
