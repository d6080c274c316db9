import { describe, expect, test } from "vitest";
import { type Actor, type Answer, policies, RefCache, runAs, SYSTEM } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const salaries = [81_234, 92_345, 103_456];
const quotes = /81.?234|92.?345|103.?456/;
const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
const secret = { policy: policies.executeOnly };
const ask = <T>(actor: Actor, call: (args: { data: string }) => T, data: string): T =>
  runAs(actor, () => call({ data }));

describe("a tool that is not cached", () => {
  const cache = new RefCache({ name: "test", logger: recordingLogger() });
  const average = cache.cached("n", { declassify: true })(async ({ data }: { data: unknown }) =>
    mean(data as number[]),
  );
  const echo = cache.cached("n")(async ({ data }: { data: unknown }) => data);
  const stored = async () => (await cache.set("salaries", salaries, secret)).refId;

  test("returns what it likes, having used what its caller may READ", async () => {
    const { refId } = await cache.set("k", [1]);
    expect(await cache.callAs(alice, async () => [await cache.resolve(refId)])).toEqual([[1]]);
    expect(await cache.callAs(alice, () => 7)).toBe(7);
  });

  test("returns nothing, having used what its caller may not", async () => {
    const refId = await stored();
    const error = await errorOf(() => cache.callAs(alice, () => cache.resolve(refId)));
    expect(error).toMatchObject({ code: "result_withheld" });
    expect(error.message).toBe(
      "The tool used a value that you may not see, so what it returned is withheld. Only tools whose results are cached may use such values.",
    );
    expect(await cache.callAs({ type: "user" }, () => cache.resolve(refId))).toEqual(salaries);
  });

  test("may return answers, which show what its caller may READ", async () => {
    const refId = await stored();
    expect(await cache.callAs(alice, () => average({ data: refId }))).toMatchObject({ value: 92_345 });
    const hidden = await cache.callAs(alice, async () => echo({ data: await cache.resolve(refId) }));
    expect(hidden).toMatchObject({ is_complete: false, ref_id: expect.any(String) });
    expect(everythingIn(hidden)).not.toMatch(quotes);
  });

  test("may return an answer that shows something, having used what may not be shown", async () => {
    const refId = await stored();
    const answer = await cache.callAs(alice, async () => average({ data: await cache.resolve(refId) }));
    expect(answer).toMatchObject({ is_complete: true, value: 92_345 });
  });

  test.each<[string, (refId: string) => Promise<unknown>]>([
    ["that the server may see", (refId) => cache.get(refId, asServer)],
    ["of a tool that ran as the server", (refId) => runAs(SYSTEM, () => echo({ data: refId }))],
    [
      "with the value put into it",
      async (refId) =>
        Object.assign(await cache.callAs(alice, () => echo({ data: "x" })), {
          value: await cache.resolve(refId),
        }),
    ],
  ])("does not pass an answer %s", async (_name, run) => {
    const refId = await stored();
    const error = await errorOf(() => cache.callAs(alice, () => run(refId)));
    expect(error).toMatchObject({ code: "result_withheld" });
    expect(everythingIn(error)).not.toMatch(quotes);
  });

  test.each<[string, (secret: number, one: string, other: string) => Promise<unknown>]>([
    ["which it is", (secret, one, other) => cache.get(secret > 90_000 ? one : other)],
    ["its page", (secret, one) => cache.get(one, { page: secret % 7, pageSize: 1 })],
    ["its size", (secret, one) => cache.get(one, { pageSize: 1, maxSize: secret })],
  ])("does not pass an answer of its own choice: %s would tell", async (_name, run) => {
    const refId = await stored();
    const [one, other] = [await cache.set("1", [1, 2, 3, 4, 5, 6, 7]), await cache.set("2", [2])];
    const choose = async () => {
      const [secret = 0] = await cache.resolve<number[]>(refId);
      return run(secret, one.refId, other.refId);
    };
    await expect(cache.callAs(alice, choose)).rejects.toMatchObject({ code: "result_withheld" });
  });

  test("does not pass an answer from before it used what its caller may not see", async () => {
    const refId = await stored();
    const chosen = cache.callAs(alice, async () => {
      const answers = [await echo({ data: "yes" }), await echo({ data: "no" })];
      return answers[(await cache.resolve<number[]>(refId))[0] === 81_234 ? 0 : 1];
    });
    await expect(chosen).rejects.toMatchObject({ code: "result_withheld" });
  });

  test("fails with a code and an id, having used what its caller may not READ", async () => {
    const refId = await stored();
    const fails = async () => {
      throw new Error(String(await cache.resolve(refId)));
    };
    const error = await errorOf(() => cache.callAs(alice, fails, "the tool"));
    expect(error).toMatchObject({ code: "tool_failed" });
    expect(everythingIn(error)).not.toMatch(quotes);
    expect((cache.logger as ReturnType<typeof recordingLogger>).lines.at(-1)).toMatch(
      /^the tool failed after/,
    );
    await expect(cache.callAs({ type: "user" }, fails)).rejects.toThrow("81234,92345,103456");
  });

  test("is part of the call around it: what that used, it has used, and the other way round", async () => {
    const refId = await stored();
    let inner: Answer | undefined;
    const outer = cache.cached("n", { key: false })(async ({ data }: { data: unknown }) => {
      await cache.callAs(SYSTEM, async () => {
        inner = await echo({ data });
      });
      return 1;
    });
    await ask(alice, outer as never, refId);
    await expect(cache.get(inner?.ref_id ?? "", { actor: alice })).rejects.toMatchObject({
      code: "reference_unavailable",
    });
    const laundered = cache.cached("n", { key: false, resolveRefs: false })(
      async ({ data }: { data: unknown }) => cache.callAs(SYSTEM, () => cache.resolve(String(data))),
    );
    expect(await runAs(alice, () => laundered({ data: refId }))).not.toHaveProperty("value");
  });

  test("keeps what is withheld withheld, whatever is added to it", async () => {
    const refId = await stored();
    const annotates = async () => {
      const error = await errorOf(() => cache.callAs(alice, () => cache.resolve(refId)));
      throw Object.assign(error, { message: String(await cache.resolve(refId)) });
    };
    const error = await errorOf(() => cache.callAs(alice, annotates));
    expect(error).toMatchObject({ code: "result_withheld" });
    expect(everythingIn(error)).not.toMatch(quotes);
  });

  test("needs an actor", async () => {
    await expect(cache.callAs(undefined as never, () => 1)).rejects.toMatchObject({ option: "actor" });
    await expect(cache.callAs("system" as never, () => 1)).rejects.toMatchObject({ option: "actor" });
  });
});

test("an earlier result does not tell what a hidden value is by being found again", async () => {
  const cache = new RefCache({ name: "test" });
  const { refId } = await cache.set("k", 5, secret);
  const echo = cache.cached("n")(async function echo({ data }: { data: unknown }) {
    return data;
  });
  for (let guess = 0; guess < 10; guess++)
    expect(await runAs(alice, () => echo({ data: guess }))).toMatchObject({ value: guess });
  const answer = await cache.callAs(alice, async () => echo({ data: await cache.resolve(refId) }));
  expect(answer).not.toHaveProperty("value");
});
