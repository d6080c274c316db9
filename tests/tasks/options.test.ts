import { describe, expect, test } from "vitest";
import { cachedTarget } from "../../src/decorate.js";
import { ConfigurationError, RefCache } from "../../src/index.js";
import { resolveTaskOptions } from "../../src/tasks/options.js";
import { errorOf } from "../helpers/errors.js";
import { alice, as, early, gate, poll } from "../helpers/tasks.js";

const cache = new RefCache({ name: "test" });
const MONTH = "25d"; // longer than a timer can run

describe("options of the cache", () => {
  test.each([
    ["tasks.concurrency", { concurrency: 0 }],
    ["tasks.concurrency", { concurrency: 1.5 }],
    ["tasks.queue", { queue: -1 }],
    ["tasks.maxAge", { maxAge: MONTH }],
    ["tasks.maxAge", { maxAge: 0 }],
    ["tasks.keep", { keep: "soon" }],
    ["tasks.lease", { lease: 499 }],
    ["tasks.lease", { lease: MONTH }],
    ["tasks.maxWait", { maxWait: Number.NaN }],
    ["tasks.runner", { runner: { submit: () => {} } }],
    ["tasks.slots", { slots: 3 }],
  ])("%s is refused by name: %o", async (option, tasks) => {
    const error = await errorOf(() => new RefCache({ name: "test", tasks: tasks as object }));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ code: "invalid_option", message: expect.stringMatching(`^${option}: `) });
  });

  test("have defaults, and durations in any form", () => {
    expect(resolveTaskOptions()).toEqual({
      concurrency: 64,
      queue: 1000,
      maxAge: 3_600_000,
      keep: 86_400_000,
      lease: 10_000,
      maxWait: 30_000,
      runner: undefined,
    });
    expect(resolveTaskOptions({ queue: 0, keep: MONTH, lease: "500ms" })).toMatchObject({
      queue: 0,
      keep: 2_160_000_000,
      lease: 500,
    });
  });
});

describe("options of a function", () => {
  test.each([
    ["asyncTimeout", { asyncTimeout: 0 }],
    ["asyncTimeout", { asyncTimeout: -1 }],
    ["asyncTimeout", { asyncTimeout: "soon" }],
    ["asyncTimeout", { asyncTimeout: MONTH }],
    ["maxAge", { asyncTimeout: 1, maxAge: MONTH }],
    ["maxAge", { maxAge: "1h" }],
    ["maxAge", { asyncTimeout: "5s", maxAge: 4999 }],
    ["idempotent", { idempotent: true }],
    ["idempotent", { asyncTimeout: 1, idempotent: "yes" }],
    ["asyncResponseFormat", { asyncResponseFormat: "full" }],
    ["asyncResponseFormat", { asyncTimeout: 1, asyncResponseFormat: "long" }],
    ["retries", { retries: 21 }],
    ["retries", { retries: -1 }],
    ["retries", { retries: { baseDelay: 5 } }],
    ["retries.baseDelay", { retries: { attempts: 1, baseDelay: "2d" } }],
    ["retries.maxDelay", { retries: { attempts: 1, maxDelay: "never" } }],
  ])("%s is refused by name: %o", async (option, options) => {
    const error = await errorOf(() => cache.cached("n", options as object));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toMatch(new RegExp(`^${option}: `));
  });

  test("retries need no asyncTimeout; what concerns tasks does", () => {
    expect(() => cache.cached("n", { retries: 1 })).not.toThrow();
    expect(() => cache.cached("n", { idempotent: true })).toThrow("idempotent: needs asyncTimeout");
  });
});

test("of polls and of close are refused by name as well", async () => {
  const refId = `test:${"0".repeat(40)}`;
  for (const [option, options] of [
    ["responseFormat", { responseFormat: "long" }],
    ["wait", { wait: "soon" }],
  ] as const) {
    const error = await errorOf(() => cache.get(refId, { actor: alice, ...(options as object) }));
    expect(error.message).toMatch(new RegExp(`^${option}: `));
  }
  expect((await errorOf(() => cache.close({ drain: MONTH }))).message).toMatch(/^drain: /);
  await new RefCache({ name: "test" }).close({ drain: 0 });
});

test("asyncResponseFormat is how a task is told of where nobody says; a poll may say otherwise", async () => {
  const work = gate();
  for (const [asyncResponseFormat, members] of [
    ["minimal", 4],
    ["standard", 7],
    ["full", 11],
  ] as const) {
    const tool = cache.cached("n", { asyncTimeout: 5, asyncResponseFormat })(async () => work.promise);
    const answer = early(await as(alice, async () => tool({})));
    expect(Object.keys(answer)).toHaveLength(members);
    expect(Object.keys(await poll(cache, answer.ref_id))).toHaveLength(members);
    const minimal = await poll(cache, answer.ref_id, alice, { responseFormat: "minimal" });
    expect(Object.keys(minimal)).toEqual(["ref_id", "status", "is_complete", "is_async"]);
  }
  work.open();
});

test("a poll waits as long as the cache lets it, at most", async () => {
  const patient = new RefCache({ name: "test", tasks: { maxWait: 50 } });
  const work = gate();
  const tool = patient.cached("n", { asyncTimeout: 5 })(async () => work.promise);
  const { ref_id } = early(await as(alice, async () => tool({})));
  expect(await poll(patient, ref_id, alice, { wait: "1h" })).toMatchObject({ status: "processing" });
  await expect(poll(patient, ref_id, alice, { wait: 40, signal: AbortSignal.abort() })).rejects.toThrow(
    /abort/i,
  );
  work.open();
});

test("a context comes behind the first argument only, and does not tell calls apart, as plain data does", async () => {
  const seen: unknown[] = [];
  const tool = cache.cached("n", { asyncTimeout: "1m" })(async (args: { n: number }, context: object) => {
    seen.push([args, Object.keys(context).sort()]);
    return args.n;
  });
  const context = (id: number) => ({ session: { id }, log: () => {} });
  await as(alice, async () => tool({ n: 1 }, context(1)));
  await as(alice, async () => tool({ n: 1 }, context(2)));
  expect(seen).toEqual([[{ n: 1 }, expect.arrayContaining(["session"])]]);
  await as(alice, async () => tool({ n: 1 }, { unit: "kg" }));
  await as(alice, async () => tool({ n: 1 }, { unit: "t" }));
  expect(seen).toHaveLength(3);
  expect(cachedTarget(tool)?.cached.asyncTimeout).toBe(60_000);
});

test("a plain caller's second argument tells calls apart, and is refused where it could be no context", async () => {
  const tool = cache.cached("second", { asyncTimeout: "1m" })(
    async (_: object, { unit }: { unit?: string; signal: AbortSignal }) => unit ?? "none",
  ) as (args: object, second?: unknown) => Promise<unknown>;
  const call = (second?: unknown) => as(alice, () => tool({}, second));
  expect(await call({ unit: "kg" })).toMatchObject({ value: "kg" });
  expect(await call({ unit: "lb" })).toMatchObject({ value: "lb" });
  expect(await call()).toMatchObject({ value: "none" });
  for (const second of ["kg", 1, true, null])
    await expect(call(second)).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/^asyncTimeout: /),
    });
});
