import fc from "fast-check";
import { expect, test } from "vitest";
import { checkShape } from "../../src/options.js";
import { type Retries, RetryPlan, retriesShape, TransientError } from "../../src/tasks/retry.js";

const always = (error: unknown, random: number, retries: Retries) =>
  Array.from({ length: 8 }, (_, count) => RetryPlan.of(retries, () => random).next(error, count));

test("tries again as often as it is told, after times that double up to the longest", () => {
  expect(always(new TransientError("busy"), 1, 6)).toEqual([
    1000,
    2000,
    4000,
    8000,
    16_000,
    30_000,
    undefined,
    undefined,
  ]);
  expect(always(new TransientError(), 0.5, { attempts: 3, baseDelay: 100, maxDelay: "150ms" })).toEqual([
    50,
    75,
    75,
    ...Array(5).fill(undefined),
  ]);
});

test("does not try again where nothing is said, or nothing is to be", () => {
  for (const retries of [undefined, 0, { attempts: 0 }])
    expect(RetryPlan.of(retries).next(new TransientError(), 0)).toBeUndefined();
});

test("tries again after errors that may pass, and no others", () => {
  const plan = RetryPlan.of(3);
  class Busy extends TransientError {}
  const { prototype } = TransientError;
  const brand = Object.getOwnPropertySymbols(prototype).find(
    (symbol) => Symbol.keyFor(symbol) !== undefined,
  ) as symbol;
  expect(plan.next(new Busy("busy"), 0)).toBeTypeOf("number");
  expect(plan.next({ [brand]: true }, 0)).toBeTypeOf("number"); // of another copy of the package
  for (const error of [new Error("no"), "no", null, undefined, 3, {}])
    expect(plan.next(error, 0)).toBeUndefined();
});

test("asks the tool which errors may pass, and takes a failure to say for a no", () => {
  const next = (isTransient: (error: unknown) => boolean, error: unknown) =>
    RetryPlan.of({ attempts: 1, isTransient }).next(error, 0);
  expect(next((error) => error instanceof RangeError, new RangeError())).toBeTypeOf("number");
  expect(next((error) => error instanceof RangeError, new TransientError())).toBeUndefined();
  const failing = () => {
    throw new Error("no");
  };
  expect(next(failing, new TransientError())).toBeUndefined();
  expect(next((async () => false) as never, new TransientError())).toBeUndefined();
});

test("waits as long as the error says, within reason, and a random part beyond", () => {
  const next = (retryAfter: unknown, random = 0) =>
    RetryPlan.of({ attempts: 1, maxDelay: "2s" }, () => random).next(
      new TransientError("busy", { retryAfter: retryAfter as number }),
      0,
    );
  expect(next(5000)).toBe(5000);
  expect(next(5000, 1)).toBe(6000);
  expect(next(Number.POSITIVE_INFINITY)).toBe(20_000);
  for (const nonsense of [Number.NaN, -5, "9", Symbol("9"), {}, undefined]) expect(next(nonsense)).toBe(0);
  const foreign = Object.assign(new RangeError(), { retryAfter: 5000 }); // seconds, perhaps
  const plan = RetryPlan.of({ attempts: 1, isTransient: () => true }, () => 0);
  expect(plan.next(foreign, 0)).toBe(0);
});

test("a transient error is an error like others", () => {
  const cause = new Error("reset");
  const error = new TransientError("busy", { cause, retryAfter: 10 });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: "TransientError", message: "busy", cause, retryAfter: 10 });
  expect(String(error)).toBe("TransientError: busy");
  expect(Object.keys(new TransientError("busy"))).toEqual([]);
});

test("spreads the waits evenly over their whole range", () => {
  const plan = RetryPlan.of(20);
  const error = new TransientError();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 19 }), (count) => {
      const longest = Math.min(30_000, 1000 * 2 ** count);
      const waits = Array.from({ length: 200 }, () => plan.next(error, count) ?? Number.NaN);
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...waits)).toBeLessThanOrEqual(longest);
      const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
      expect(Math.abs(mean / longest - 0.5)).toBeLessThan(0.15); // seven standard deviations
    }),
    { numRuns: 20 },
  );
});

test.each([3, 0, { attempts: 20 }, { attempts: 1, baseDelay: "2s", maxDelay: 500, isTransient: () => true }])(
  "accepts %o",
  (retries) => {
    checkShape(retriesShape, retries, "retries");
    RetryPlan.of(retries);
  },
);

test.each([
  [-1, "retries: "],
  [21, "retries: "],
  [1.5, "retries: "],
  ["3", "retries: must be 0 to 20, or {"],
  [{}, "retries: must be 0 to 20, or {"],
  [{ attempts: 21 }, "retries.attempts: "],
  [{ attempts: 1, isTransient: true }, "retries: must be 0 to 20, or {"],
  [{ attempts: 1, jitter: 1 }, "retries.jitter: is not an option"],
])("refuses %o", (retries, problem) => {
  expect(() => checkShape(retriesShape, retries, "retries")).toThrow(problem);
});

test("names the duration that is none, or too long", () => {
  expect(() => RetryPlan.of({ attempts: 1, baseDelay: "soon" })).toThrow("retries.baseDelay: must be");
  expect(() => RetryPlan.of({ attempts: 1, maxDelay: "2d" })).toThrow(
    "retries.maxDelay: may be a day at most",
  );
});
