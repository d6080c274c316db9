import { describe, expect, test } from "vitest";
import { type Actor, type Answer, policies, RefCache, runAs, StoreFullError } from "../../src/index.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const bob: Actor = { type: "agent", id: "bob" };
const salaries = [81_234, 92_345, 103_456];
const secret = { policy: policies.executeOnly };
type Cached = (args: { data: unknown }) => Promise<Answer>;
const ask = <T>(actor: Actor, call: (args: { data: string }) => T, data: string): T =>
  runAs(actor, () => call({ data }));

describe("an error after a hidden use", () => {
  const made = (logHiddenErrors?: boolean) => {
    const logger = recordingLogger();
    const cache = new RefCache({
      name: "test",
      logger,
      ...(logHiddenErrors === undefined ? {} : { logHiddenErrors }),
    });
    const fails = cache.cached("n")(async function breaks({ data }: { data: string }) {
      throw new RangeError(`canary ${data}`, { cause: { data } });
    });
    return {
      logger,
      cache,
      fails: fails as Cached & typeof fails,
      stored: () => cache.set("k", salaries, secret),
    };
  };

  test("reaches the caller as a code and an id, which the log has as well, and nothing else", async () => {
    const { fails, logger, stored } = made();
    const { refId } = await stored();
    const error = await errorOf(() => ask(alice, fails, refId));
    expect(error).toMatchObject({
      name: "HiddenFailureError",
      code: "tool_failed",
      correlationId: expect.stringMatching(/^[\w-]{21}$/),
    });
    const { correlationId } = error as Error & { correlationId: string };
    expect(error.message).toBe(
      `The tool failed after it used a value that you may not see, so the reason is withheld. The server's operator finds it under ${correlationId}.`,
    );
    expect(everythingIn(error)).not.toMatch(/canary|RangeError|81.?234/);
    expect(logger.lines).toEqual([
      `breaks failed after it used values which its caller may not see (${correlationId})`,
    ]);
    const again = await errorOf(() => ask(alice, fails, refId));
    expect(again).not.toMatchObject({ correlationId });
  });

  test.each([true, false])(
    "is logged with its text only where that is asked for: %s",
    async (logHiddenErrors) => {
      const { fails, logger, stored } = made(logHiddenErrors);
      const error = await errorOf(async () => ask(alice, fails, (await stored()).refId));
      const { correlationId } = error as Error & { correlationId: string };
      expect(logger.lines.join("\n").includes(correlationId)).toBe(true);
      expect(/RangeError: canary 81234/.test(logger.lines.join("\n"))).toBe(logHiddenErrors);
      expect(everythingIn(error)).not.toContain("canary");
    },
  );

  test.each([["canary"], [undefined], [null], [{ canary: 1 }]])(
    "is withheld also where %j is thrown",
    async (thrown) => {
      const logger = recordingLogger();
      const cache = new RefCache({ name: "test", logger, logHiddenErrors: true });
      const { refId } = await cache.set("k", 1, secret);
      const fails = cache.cached("n")(async ({ data: _ }: { data: string }) => {
        throw thrown;
      });
      const error = await errorOf(() => ask(alice, fails, refId));
      expect(error).toMatchObject({ code: "tool_failed" });
      expect(everythingIn(error)).not.toContain("canary");
      expect(logger.lines).toEqual([expect.stringContaining(`): ${String(thrown)}`)]);
    },
  );

  test("is the tool's own where the caller may READ all it used", async () => {
    const { fails, logger, stored } = made();
    const { refId } = await stored();
    const user: Actor = { type: "user", id: "alice" };
    expect(await errorOf(() => ask(user, fails, refId))).toMatchObject({ name: "RangeError" });
    expect(await errorOf(() => ask(alice, fails, "nothing"))).toMatchObject({ message: "canary nothing" });
    expect(logger.lines).toEqual([]);
  });

  test("keeps its id through the tools around it, and nothing that they add to it", async () => {
    const { cache, fails, logger, stored } = made();
    const { refId } = await stored();
    let first = "";
    const outer = cache.cached("n")(async ({ data }: { data: string }) => {
      const error = await errorOf(() => fails({ data }));
      first = Reflect.get(error, "correlationId") as string;
      error.message = `canary ${data}`;
      throw Object.assign(error, { data });
    });
    const error = await errorOf(() => ask(alice, outer, refId));
    expect(error).toMatchObject({ code: "tool_failed", correlationId: first });
    expect(everythingIn(error)).not.toContain("canary");
    expect(logger.lines).toHaveLength(1);
  });

  test("is withheld too where the caller may not READ what the tool makes", async () => {
    const logger = recordingLogger();
    const cache = new RefCache({ name: "test", logger });
    const vault = cache.cached("vault", secret);
    const fails = vault(async function fails() {
      throw new Error("row 7: canary");
    });
    const unfit = vault(async function unfit() {
      return { canary: new Map() };
    });
    for (const tool of [fails, unfit]) {
      const error = await errorOf(() => runAs(alice, () => tool()));
      expect(error).toMatchObject({ code: "tool_failed" });
      expect(everythingIn(error)).not.toContain("canary");
      expect(await errorOf(() => runAs({ type: "user", id: "alice" }, () => tool()))).toMatchObject({
        message: expect.stringContaining("canary"),
      });
    }
    expect(logger.lines.join("\n")).not.toContain("canary");
  });
});

describe("an argument that does not fit", () => {
  const cache = new RefCache({ name: "test" });
  const tool = cache.cached("n", { name: "tool" });
  const call = async (actor: Actor, data: unknown, Wrong: new (message: string) => Error = TypeError) => {
    const fn = tool(async (args: unknown) => args);
    const { cached } = (await import("../../src/decorate.js")).cachedTarget(fn) ?? {};
    const validate = (args: unknown) => {
      throw new Wrong(`expected a number, got ${JSON.stringify(args)}`);
    };
    return errorOf(() => runAs(actor, () => cached?.call({ self: undefined, params: [{ data }], validate })));
  };

  test("is quoted to those only who may READ it", async () => {
    const { refId } = await cache.set("k", "canary", secret);
    expect(await call({ type: "user" }, refId)).toMatchObject({ message: expect.stringContaining("canary") });
    const error = await call(alice, refId);
    expect(error).toMatchObject({ name: "HiddenArgumentError", code: "invalid_arguments" });
    expect(error.message).toBe("A value that you may use but not see does not fit this tool's parameters.");
    expect(everythingIn(error)).not.toContain("canary");
    expect(await call(alice, refId, StoreFullError)).toEqual(error); // whatever the schema throws
  });

  test("is called unavailable where it may not be used, as it is where it does not exist", async () => {
    const { refId } = await cache.set("k", "canary", { policy: { agentPermissions: 1 } });
    const errors = [await call(alice, refId), await call(alice, "test:00000000")];
    for (const error of errors) expect(error).toMatchObject({ code: "reference_unavailable" });
    expect(errors[0]?.message).toBe(errors[1]?.message);
    expect(await call(alice, "no reference")).toBeInstanceOf(TypeError);
  });

  test("is not measured for those who may not READ it", async () => {
    const small = new RefCache({ name: "test", limits: { maxResolvedBytes: 10 } });
    const { refId } = await small.set("k", "canary".repeat(10), secret);
    const echo = small.cached("n")(async (args: unknown) => args);
    expect(await errorOf(() => runAs(alice, () => echo({ data: refId })))).toMatchObject({
      code: "invalid_arguments",
    });
    expect(await errorOf(() => runAs({ type: "user" }, () => echo({ data: refId })))).toMatchObject({
      code: "limit_exceeded",
    });
  });
});

describe("what a tool makes of an error", () => {
  const cache = new RefCache({ name: "test", logger: recordingLogger() });
  const fails = cache.cached("n")(async ({ data }: { data: unknown }) => {
    throw new Error(JSON.stringify(data));
  });
  const hers = { policy: { owner: "agent:alice", agentPermissions: 16, ownerPermissions: 17 } };

  test.each(["cached", "plain"])("is as closed as what the error quotes: a %s one", async (kind) => {
    const { refId } = await cache.set("k", "canary", hers);
    const catches = cache.cached("n", { scope: "shared", key: false, resolveRefs: false })(
      async ({ data }: { data: string }) => {
        const failing = () =>
          kind === "cached"
            ? fails({ data })
            : cache.callAs(alice, async () => Promise.reject(new Error(await cache.resolve(data))));
        return (await errorOf(failing)).message;
      },
    );
    const answer = await ask(alice, catches, refId);
    expect(answer.value).toContain("canary");
    await expect(cache.get(answer.ref_id ?? "", { actor: bob })).rejects.toMatchObject({
      code: "reference_unavailable",
    });
  });

  test("is not closed by an error that told nothing", async () => {
    const { refId } = await cache.set("k", "canary", secret);
    const catches = cache.cached("n", { resolveRefs: false })(async ({ data }: { data: string }) =>
      Reflect.get(await errorOf(() => fails({ data })), "code"),
    );
    expect(await ask(alice, catches, refId)).toMatchObject({ value: "tool_failed" });
  });
});
