import { beforeEach, describe, expect, test } from "vitest";
import {
  type Actor,
  currentActor,
  policies,
  RefCache,
  type Reference,
  runAs,
  SYSTEM,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { errorOf } from "../helpers/errors.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const bob: Actor = { type: "agent", id: "bob" };

let cache: RefCache;
beforeEach(() => {
  cache = new RefCache({ name: "test", logger: recordingLogger() });
});

async function hidden(value: unknown): Promise<string> {
  return (await cache.set("k", value, { policy: policies.executeOnly })).refId;
}

describe("a cached function that a tool calls as the server", () => {
  const same = () => cache.cached("n")(async ({ v }: { v: unknown }) => v);

  test("gives equal secrets no equal references", async () => {
    const inner = same();
    const references: unknown[] = [];
    const via = (refId: string) =>
      cache.callAs(alice, async () => {
        const v = await cache.resolve(refId);
        references.push((await runAs(SYSTEM, () => inner({ v }))).ref_id);
      });
    for (const value of [5, 5, 5]) await errorOf(async () => via(await hidden(value)));
    expect(new Set(references).size).toBe(3);
  });

  test("makes what belongs to the caller", async () => {
    const inner = same();
    const { ref_id } = await cache.callAs(alice, () => runAs(SYSTEM, () => inner({ v: "alice's text" })));
    expect(await cache.get(ref_id ?? "", { actor: alice })).toMatchObject({ value: "alice's text" });
    expect(await errorOf(() => cache.get(ref_id ?? "", { actor: bob }))).toMatchObject({
      code: "reference_unavailable",
    });
  });

  test("is not answered from memory by what it made as the server, when it is called as the caller", async () => {
    const { refId } = await cache.set("k", "the server's", { policy: policies.ownerOnly });
    const tell = cache.cached("n", { resolveRefs: false })(async ({ ref }: { ref: string }) =>
      cache.resolve(ref),
    );
    await cache.callAs(alice, () => runAs(SYSTEM, () => tell({ ref: refId }))).catch(() => undefined);
    expect(await errorOf(() => runAs(alice, () => tell({ ref: refId })))).toMatchObject({
      code: "reference_unavailable",
    });
  });
});

describe("results that are shared", () => {
  const lengthOf = () =>
    cache.cached("len", { scope: "shared", resolveRefs: false })(async function lengthOf(args: {
      ref: string;
    }) {
      return (await cache.resolve<string>(args.ref)).length;
    });

  test("are not told of to those who may do nothing with them; theirs is made anew", async () => {
    const length = lengthOf();
    const made = await runAs(alice, () => cache.cached("own")(async () => "alice's own")());
    const ref = made.ref_id ?? "";
    const before = await errorOf(() => runAs(bob, () => length({ ref })));
    expect(await runAs(alice, () => length({ ref }))).toMatchObject({ value: 11 });
    const after = await errorOf(() => runAs(bob, () => length({ ref })));
    expect(after).toMatchObject({ code: "reference_unavailable" });
    expect(after.message).toBe(before.message);
  });

  test("hold facts about a value as closed as the value", async () => {
    const know = cache.cached("len", { scope: "shared", resolveRefs: false })(
      async (args: { ref: string }) => ({
        known: ((await cache.info(args.ref)) as unknown as Record<string, unknown> | undefined) ?? null,
      }),
    );
    const made = await runAs(alice, () => cache.cached("own")(async () => "alice's own")());
    const ref = made.ref_id ?? "";
    expect(await runAs(alice, () => know({ ref }))).toMatchObject({ value: { known: { bytes: 13 } } });
    expect(await runAs(bob, () => know({ ref }))).toMatchObject({ value: { known: null } });
  });
});

test("what the server knows of a value is not told to those who may only use it", async () => {
  const refId = await hidden([1, 2, 3, 4, 5, 6, 7]);
  await expect(cache.callAs(alice, () => cache.info(refId, asServer))).rejects.toMatchObject({
    code: "result_withheld",
  });
  expect(await cache.callAs(alice, () => cache.info(refId))).toMatchObject({ totalItems: null, bytes: null });
  const stored: Reference = await cache.callAs(alice, () =>
    cache.set("k", [1, 2, 3], { ...asServer, policy: policies.executeOnly }),
  );
  expect(stored).toMatchObject({ refId: expect.any(String), totalItems: null, bytes: null });
});

test("a tool whose own result is not to be seen by its caller tells nothing of it while it runs", async () => {
  const heard: unknown[] = [];
  const load = cache.cached("n", { policy: policies.executeOnly, key: false })(
    async (_: object, { log }: { log(text: string): Promise<void> }) => {
      await log("it is 61417");
      return 61417;
    },
  );
  const context = {
    log: async (text: string) => {
      heard.push(text);
    },
  };
  const { quietContext } = await import("../../src/fastmcp/quiet-context.js");
  const streamed = {
    streamContent: context.log,
    log: { info: context.log },
    reportProgress: async () => {},
  };
  const quiet = cache.cached("n", { policy: policies.executeOnly, key: false })(async (_: object) => {
    await (quietContext(streamed, cache, "load") as typeof streamed).streamContent("it is 61417");
    return 61417;
  });
  await runAs(alice, () => quiet({}));
  expect(heard).toEqual([]);
  await runAs(alice, () => load({}, context));
  expect(heard).toEqual(["it is 61417"]); // past FastMCP's context, the tool's own doing
});

test.each([
  ["a promise", async () => policies.ownerOnly],
  ["false", () => false],
  ["0", () => 0],
  ["a list", () => []],
  ["nothing", () => undefined],
  ["a member of every object", () => ({ constructor: 1 })],
])("declassify that gives %s closes the door", async (_what, declassify) => {
  const tool = cache.cached("d", { declassify: declassify as never, key: false })(
    async ({ v }: { v: unknown }) => v,
  );
  const ref = await hidden(61417);
  const error = await errorOf(() => runAs(alice, () => tool({ v: ref })));
  expect(error).toMatchObject({ code: "tool_failed" });
});

test("templates let each user have a key of their own", async () => {
  const save = (text: string) =>
    cache.callAs({ type: "user", id: text }, () => cache.set("draft", text, { namespace: "user:{user_id}" }));
  await save("alice");
  await save("bob");
  const found = await cache.lookup("draft", { actor: alice, namespace: "user:alice" });
  expect(await cache.resolve(found?.refId ?? "", { actor: alice })).toBe("alice");
});

test("a policy that names an owner closes what a known caller makes to all others", async () => {
  const boss = cache.cached("n", { policy: { owner: "user:boss" } })(async () => "alice's own");
  const { ref_id } = await runAs(alice, () => boss());
  expect(await errorOf(() => cache.get(ref_id ?? "", { actor: bob }))).toMatchObject({
    code: "reference_unavailable",
  });
  expect(await cache.get(ref_id ?? "", { actor: { type: "user", id: "boss" } })).toMatchObject({
    value: "alice's own",
  });
});

test("a value that is not to be seen cannot be weighed against one that is known", async () => {
  const tight = new RefCache({ name: "test", limits: { maxResolvedBytes: 1000 } });
  const { refId: secret } = await tight.set("k", "x".repeat(500), { policy: policies.executeOnly });
  const count = tight.cached("n", { key: false })(async ({ data }: { data: unknown[] }) => data.length);
  for (const size of [100, 497, 498, 499, 900]) {
    const { refId: own } = await tight.set("k", "y".repeat(size));
    expect(await runAs(alice, () => count({ data: [secret, own] }))).not.toHaveProperty("value");
  }
  const error = await errorOf(() => runAs(alice, () => count({ data: [secret, secret] })));
  expect(error).toMatchObject({ code: "invalid_arguments" });
});

test("a cached function that knows who asks is not answered for one asker what it said to the other", async () => {
  const whoAsks = cache.cached("n")(async function whoAsks() {
    return currentActor()?.type ?? "nobody";
  });
  expect(await cache.callAs(alice, () => runAs(SYSTEM, () => whoAsks()))).toMatchObject({ value: "system" });
  expect(await runAs(alice, () => whoAsks())).toMatchObject({ value: "agent" });
});

describe("a tool whose callers may do nothing with its results", () => {
  test.each(["user", "shared"] as const)(
    "runs once for one call, scope %s, and says no more than that",
    async (scope) => {
      let runs = 0;
      const tool = cache.cached("n", { scope, policy: policies.userOnly })(async function tool() {
        return ++runs;
      });
      const answer = await runAs(alice, () => tool());
      expect(answer).toMatchObject({ message: "You may not see this value." });
      expect(runs).toBe(1);
      const again = await runAs(alice, () => tool());
      expect(again.ref_id === answer.ref_id).toBe(scope === "user"); // another's may have been found, where it is shared
    },
  );
});

test("declassify is given the policies of what was used, and not its own", async () => {
  const given: unknown[] = [];
  const tool = cache.cached("n", {
    key: false,
    policy: policies.executeOnly,
    declassify: (used) => {
      given.push(...used);
      return {};
    },
  })(async ({ v }: { v: unknown }) => v);
  const refId = (await cache.set("k", 1, { policy: { ...policies.readOnly } })).refId;
  await runAs(alice, () => tool({ v: refId }));
  expect(new Set(given.map((policy) => JSON.stringify(policy)))).toEqual(
    new Set([JSON.stringify(policies.readOnly)]),
  );
});
