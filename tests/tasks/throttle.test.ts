import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Throttle } from "../../src/tasks/throttle.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An act that takes so long, and counts how often it began and how many ran at a time. */
function slowAct(milliseconds: number) {
  const seen = { begun: 0, running: 0, most: 0, times: [] as number[] };
  const act = async () => {
    seen.begun += 1;
    seen.times.push(Date.now());
    seen.most = Math.max(seen.most, ++seen.running);
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    seen.running -= 1;
  };
  return { seen, act };
}

test("acts at once for the first request, and once an interval for those that follow", async () => {
  const act = vi.fn(async () => {});
  const throttle = new Throttle(1000, act);
  throttle.request();
  expect(act).toHaveBeenCalledTimes(1);
  for (let i = 0; i < 50; i++) throttle.request();
  await vi.advanceTimersByTimeAsync(999);
  expect(act).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(act).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(act).toHaveBeenCalledTimes(2);
  throttle.request();
  expect(act).toHaveBeenCalledTimes(3);
});

test("waits for an act that takes longer than the interval, and forgets no request", async () => {
  const { seen, act } = slowAct(2500);
  const throttle = new Throttle(1000, act);
  throttle.request();
  await vi.advanceTimersByTimeAsync(100);
  throttle.request();
  await vi.advanceTimersByTimeAsync(2399);
  expect(seen.begun).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(seen).toMatchObject({ begun: 2, most: 1 });
});

test("goes on when an act fails, whichever way", async () => {
  const act = vi.fn<() => Promise<void>>();
  act.mockRejectedValueOnce(new Error("no"));
  act.mockImplementationOnce(() => {
    throw new Error("no");
  });
  act.mockResolvedValue();
  const throttle = new Throttle(1000, act);
  for (let i = 0; i < 3; i++) {
    throttle.request();
    await vi.advanceTimersByTimeAsync(1000);
  }
  expect(act).toHaveBeenCalledTimes(3);
  await throttle.flush();
});

test("a request out of the act itself is another one", async () => {
  const act = vi.fn(async () => {
    if (act.mock.calls.length === 1) throttle.request();
  });
  const throttle: Throttle = new Throttle(1000, act);
  throttle.request();
  await vi.advanceTimersByTimeAsync(999);
  expect(act).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(act).toHaveBeenCalledTimes(2);
});

test("flush acts before the interval is over, after what runs, and begins the interval anew", async () => {
  const { seen, act } = slowAct(300);
  const throttle = new Throttle(1000, act);
  throttle.request();
  throttle.request();
  const flushed = vi.fn();
  void throttle.flush().then(flushed);
  void throttle.flush().then(flushed);
  await vi.advanceTimersByTimeAsync(599);
  expect(seen).toMatchObject({ begun: 2, most: 1 });
  expect(flushed).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(flushed).toHaveBeenCalledTimes(2);
  throttle.request();
  await vi.advanceTimersByTimeAsync(699);
  expect(seen.begun).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(seen.begun).toBe(3);
});

test("flush acts for nobody who has not asked", async () => {
  const act = vi.fn(async () => {});
  await new Throttle(1000, act).flush();
  expect(act).not.toHaveBeenCalled();
});

test("acts no more once stopped, and leaves no timer behind", async () => {
  const { seen, act } = slowAct(300);
  const throttle = new Throttle(1000, act);
  throttle.request();
  throttle.request();
  throttle.stop();
  throttle.request();
  const flushed = throttle.flush();
  await vi.advanceTimersByTimeAsync(300);
  await flushed;
  expect(seen).toMatchObject({ begun: 1, running: 0 });
  expect(vi.getTimerCount()).toBe(0);
});

test("its timer keeps no process alive", () => {
  vi.useRealTimers();
  const timers = vi.spyOn(globalThis, "setTimeout");
  new Throttle(60_000, async () => {}).request();
  const [timer] = timers.mock.results.map(({ value }) => value as NodeJS.Timeout);
  timers.mockRestore();
  expect(timer?.hasRef()).toBe(false);
});

test("whatever is asked when: never two at a time, never more often, and the last request is served", async () => {
  const pauses = fc.array(fc.integer({ min: 0, max: 1500 }), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(pauses, fc.integer({ min: 0, max: 2500 }), async (waits, length) => {
      const { seen, act } = slowAct(length);
      const throttle = new Throttle(1000, act);
      let lastRequest = 0;
      for (const wait of waits) {
        throttle.request();
        lastRequest = Date.now();
        await vi.advanceTimersByTimeAsync(wait);
      }
      await vi.advanceTimersByTimeAsync(10_000);
      expect(seen.most).toBe(1);
      expect(seen.times.at(-1)).toBeGreaterThanOrEqual(lastRequest);
      const gaps = seen.times.slice(1).map((time, index) => time - (seen.times[index] ?? 0));
      expect(Math.min(1000, ...gaps)).toBe(1000);
      expect(vi.getTimerCount()).toBe(0);
    }),
  );
});
