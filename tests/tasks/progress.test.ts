import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigurationError } from "../../src/errors.js";
import { ProgressMeter, toWireProgress } from "../../src/tasks/progress.js";
import type { TaskProgress } from "../../src/tasks/task.js";

const START = 1_700_000_000_000;

/** A meter that was told of so much, at so many milliseconds after the start, out of a total. */
function meterAfter(total: number, ...points: readonly (readonly [after: number, current: number])[]) {
  const meter = new ProgressMeter(START);
  for (const [after, current] of points) meter.report({ current, total }, START + after);
  return meter;
}

test("keeps the latest report, and tells whether it changed anything", () => {
  const meter = new ProgressMeter(START);
  expect(meter.latest).toBeUndefined();
  expect(meter.report({ current: 0 }, START)).toBe(true);
  expect(meter.report({ current: 0 }, START + 1)).toBe(false);
  expect(meter.report({ current: 1, total: 4, message: "one" }, START + 2)).toBe(true);
  expect(meter.report({ current: 1, total: 4, message: "one" }, START + 3)).toBe(false);
  expect(meter.report({ current: 1, total: 5, message: "one" }, START + 4)).toBe(true);
  expect(meter.latest).toEqual({ current: 1, total: 5, message: "one" });
});

test("takes of a report that shrinks the message alone", () => {
  const meter = meterAfter(10, [1000, 6]);
  expect(meter.report({ current: 5, total: 5 }, START + 2000)).toBe(false);
  expect(meter.report({ current: 1, total: 3, message: "second round" }, START + 3000)).toBe(true);
  expect(meter.latest).toEqual({ current: 6, total: 10, message: "second round" });
});

test("keeps 500 characters of a message, and none by half", () => {
  const meter = new ProgressMeter(START);
  const messageOf = (message: string) => {
    meter.report({ current: 0, message }, START);
    return meter.latest?.message;
  };
  expect(messageOf("a".repeat(501))).toBe("a".repeat(500));
  expect(messageOf(`${"a".repeat(498)}🙂b`)).toBe(`${"a".repeat(498)}🙂`);
  expect(messageOf(`${"a".repeat(499)}🙂`)).toBe("a".repeat(499));
});

test.each([
  [undefined, "must be an object"],
  [3, "must be an object"],
  [null, "must be an object"],
  [{}, "current must be"],
  [{ current: "1" }, "current must be"],
  [{ current: -1 }, "current must be"],
  [{ current: Number.NaN }, "current must be"],
  [{ current: Number.POSITIVE_INFINITY }, "current must be"],
  [{ current: 1, total: Number.POSITIVE_INFINITY }, "total must be"],
  [{ current: 1, total: null }, "total must be"],
  [{ current: 2, total: 1 }, "current must not be above total"],
  [{ current: 1, message: 7 }, "message must be a text"],
])("refuses %o", (progress, problem) => {
  const meter = new ProgressMeter(START);
  const report = () => meter.report(progress as TaskProgress, START);
  expect(report).toThrow(ConfigurationError);
  expect(report).toThrow(`progress: ${problem}`);
  expect(meter.latest).toBeUndefined();
});

test("cannot tell when it is done without a total, before anything is done, or by one point in time", () => {
  const meter = new ProgressMeter(START);
  expect(meter.eta).toBeUndefined();
  meter.report({ current: 3 }, START + 1000);
  expect(meter.eta).toBeUndefined();
  expect(meterAfter(10, [1000, 0]).eta).toBeUndefined();
  expect(meterAfter(10, [0, 3]).eta).toBeUndefined();
  expect(meterAfter(1e300, [1000, 1]).eta).toBeUndefined(); // no date is that late
});

test("tells when it is done by an even pace", () => {
  expect(meterAfter(10, [2000, 1]).eta).toBe(START + 20_000);
  expect(meterAfter(10, [2000, 1], [4000, 2], [10_000, 5]).eta).toBe(START + 20_000);
  expect(meterAfter(10, [2000, 10]).eta).toBe(START + 2000);
  expect(meterAfter(0, [500, 0]).eta).toBe(START + 500);
});

test("does not take words for a fall of the pace", () => {
  const meter = meterAfter(10, [60_000, 1]);
  for (let second = 61; second < 110; second++)
    meter.report({ current: 1, total: 10, message: `second ${second}` }, START + second * 1000);
  expect(meter.eta).toBe(START + 600_000);
});

test("follows a change of pace", () => {
  const meter = new ProgressMeter(START);
  for (let second = 1; second <= 60; second++)
    meter.report({ current: second * 10, total: 2000 }, START + second * 1000);
  expect(meter.eta).toBeCloseTo(START + 200_000, -2);
  for (let second = 61; second <= 160; second++)
    meter.report({ current: 600 + (second - 60), total: 2000 }, START + second * 1000);
  const remaining = ((meter.eta ?? 0) - START) / 1000 - 160;
  expect(remaining).toBeGreaterThan(1000); // 1,300 at the new pace alone, 300 at the mean one
  expect(remaining).toBeLessThan(1300);
});

test("is not thrown off by bursts in one millisecond", () => {
  const meter = new ProgressMeter(START);
  for (let item = 1; item <= 500; item++)
    meter.report({ current: item, total: 1000 }, START + Math.ceil(item / 100) * 1000);
  expect(meter.eta).toBe(START + 10_000);
});

test("is not thrown off by a clock that goes back", () => {
  const meter = meterAfter(10, [5000, 5], [4000, 6], [-9000, 7]);
  expect(meter.eta).toBe(START + 5000 + Math.round((3 * 5000) / 7));
});

const reports = fc.array(
  fc.record({
    after: fc.integer({ min: 0, max: 100_000 }),
    current: fc.oneof(fc.nat(20), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })),
    more: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined }),
    message: fc.option(fc.string({ unit: "binary", maxLength: 600 }), { nil: undefined }),
  }),
);

test("never shrinks, never exceeds its total, and never ends before its last report", () => {
  fc.assert(
    fc.property(reports, (all) => {
      const meter = new ProgressMeter(START);
      let now = START;
      for (const { after, current, more, message } of all) {
        const before = meter.latest;
        now += after;
        const total = more === undefined || !Number.isFinite(current + more) ? undefined : current + more;
        const changed = meter.report({ current, total, message }, now);
        const latest = meter.latest as TaskProgress;
        expect(changed).toBe(JSON.stringify(latest) !== JSON.stringify(before));
        expect(latest.current).toBe(Math.max(current, before?.current ?? 0));
        expect(latest.current).toBeLessThanOrEqual(latest.total ?? Number.POSITIVE_INFINITY);
        expect(latest.message?.length ?? 0).toBeLessThanOrEqual(500);
        const { percentage } = toWireProgress(latest);
        expect(percentage === 100).toBe(latest.current === latest.total);
        const { eta } = meter;
        if (latest.total === undefined) expect(eta).toBeUndefined();
        if (latest.current === latest.total) expect(eta).toBeLessThanOrEqual(now);
        if (eta !== undefined) expect(eta >= START && eta <= 8.64e15).toBe(true);
      }
    }),
  );
});

test("an even pace is told exactly, however unevenly it is reported", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 1000 }), (pauses, pace) => {
      const length = pauses.reduce((sum, pause) => sum + pause, 0);
      fc.pre(length > 0);
      const meter = new ProgressMeter(START);
      let passed = 0;
      for (const pause of pauses) {
        passed += pause;
        meter.report({ current: passed * pace, total: length * pace * 2 }, START + passed);
      }
      expect(Math.abs((meter.eta ?? 0) - START - 2 * length)).toBeLessThanOrEqual(1);
    }),
  );
});

test("says in an answer what is known, and null for the rest", () => {
  expect(toWireProgress({ current: 3 })).toEqual({
    current: 3,
    total: null,
    percentage: null,
    message: null,
  });
  expect(toWireProgress({ current: 1, total: 3, message: "a" })).toEqual({
    current: 1,
    total: 3,
    percentage: 33.3,
    message: "a",
  });
  expect(toWireProgress({ current: 9999, total: 10_000 }).percentage).toBe(99.9);
  expect(toWireProgress({ current: 10_000, total: 10_000 }).percentage).toBe(100);
  expect(toWireProgress({ current: 0, total: 7 }).percentage).toBe(0);
  expect(toWireProgress({ current: 0, total: 0 }).percentage).toBe(100);
});
