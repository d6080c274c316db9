import { afterEach, expect, test, vi } from "vitest";
import { withTimeout } from "../src/with-timeout.js";

afterEach(() => void vi.useRealTimers());

test("gives what the work gives, and leaves no timer behind", async () => {
  vi.useFakeTimers();
  expect(await withTimeout(5000, async () => 7)).toBe(7);
  expect(vi.getTimerCount()).toBe(0);
});

test("fails as the work fails, and leaves no timer behind", async () => {
  vi.useFakeTimers();
  const failure = new TypeError("no");
  await expect(withTimeout(5000, () => Promise.reject(failure))).rejects.toBe(failure);
  await expect(
    withTimeout(5000, () => {
      throw failure;
    }),
  ).rejects.toBe(failure);
  expect(vi.getTimerCount()).toBe(0);
});

test("ends what takes longer, and not a moment before; what it does later is unheeded", async () => {
  vi.useFakeTimers();
  let fail = (_: Error) => {};
  const work = new Promise((_, reject) => {
    fail = reject;
  });
  const outcome = withTimeout(5000, () => work).catch((error) => error);
  const settled = vi.fn();
  void outcome.then(settled);
  await vi.advanceTimersByTimeAsync(4999);
  expect(settled).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(await outcome).toMatchObject({ name: "TimeoutError", message: "It took too long" });
  fail(new Error("too late to matter"));
  await vi.runAllTimersAsync();
});
