import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedTarget } from "../../src/decorate.js";
import { RefCache, TransientError } from "../../src/index.js";
import { alice, as, early, gate, pass, poll, watched } from "../helpers/tasks.js";

/** The real one does not heed fake time. */
vi.mock("node:timers/promises", async (importOriginal) => ({
  ...(await importOriginal<typeof import("node:timers/promises")>()),
  setTimeout: (milliseconds: number, value: unknown, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(new Error("wrapped", { cause: signal.reason }));
      const timer = setTimeout(() => resolve(value), milliseconds);
      signal?.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new Error("wrapped", { cause: signal.reason }));
      });
    }),
}));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5); // half of the longest wait
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** A tool that fails as it is told to, and then gives "done". */
function start(failures: readonly unknown[], options: object = {}) {
  const cache = new RefCache({ name: "test" });
  const times: number[] = [];
  const begun = performance.now();
  const tool = cache.cached(
    "jobs",
    options,
  )(async function job() {
    times.push(performance.now() - begun);
    if (times.length <= failures.length) throw failures[times.length - 1];
    return "done";
  });
  const cached = cachedTarget(tool)?.cached;
  const call = (signal?: AbortSignal) =>
    as(alice, async () => cached?.call({ self: undefined, params: [{}], signal }));
  return { cache, call, times };
}
const busy = () => new TransientError("busy");

describe("retries", () => {
  test("without asyncTimeout, wait longer each time, and give the result", async () => {
    const { call, times } = start([busy(), busy(), busy()], { retries: { attempts: 3, maxDelay: "3s" } });
    const answer = call();
    await pass(10_000);
    expect(await answer).toMatchObject({ value: "done" });
    expect(times).toEqual([0, 500, 1500, 3000]); // halves of 1, 2 and 3 seconds
  });

  test("come to an end: the last failure is the call's, and is not kept", async () => {
    const last = busy();
    const { call, times } = start([busy(), busy(), last, busy()], { retries: 2 });
    const answer = watched(call());
    await pass(10_000);
    await expect(answer.promise).rejects.toBe(last);
    expect(times).toHaveLength(3);
    const next = call();
    await pass(10_000);
    expect(await next).toMatchObject({ value: "done" });
  });

  test("are for failures that may pass only: by class, or by what the tool says", async () => {
    const plain = start([new Error("wrong")], { retries: 5 });
    await expect(plain.call()).rejects.toThrow("wrong");
    expect(plain.times).toHaveLength(1);
    const isTransient = (error: unknown) => error instanceof RangeError;
    const own = start([new RangeError("full"), busy()], { retries: { attempts: 5, isTransient } });
    const answer = watched(own.call());
    await pass(10_000);
    await expect(answer.promise).rejects.toThrow("busy");
    expect(own.times).toHaveLength(2);
  });

  test.each([{}, { asyncTimeout: "1m" }])("the caller's signal ends the wait: %o", async (options) => {
    const { call, times } = start([busy()], { retries: 5, ...options });
    const client = new AbortController();
    const answer = watched(call(client.signal));
    await pass(100);
    client.abort(new Error("gone"));
    await pass(0);
    expect(answer.isSettled).toBe(true);
    await expect(answer.promise).rejects.toThrow("gone");
    await pass(60_000);
    expect(times).toHaveLength(1);
  });

  test("of a task are told of: how many, what it waits for while it does, and whether there are more", async () => {
    const cache = new RefCache({ name: "test" });
    let attempts = 0;
    const tool = cache.cached("jobs", { asyncTimeout: 100, retries: { attempts: 2, baseDelay: "10s" } })(
      async (_: object, { progress }) => {
        attempts++;
        progress({ current: 1, message: "dialling" });
        if (attempts < 3) throw busy();
        await new Promise((resolve) => setTimeout(resolve, 60_000));
        return "done";
      },
    );
    const answer = as(alice, () => tool({}));
    await pass(100);
    const { ref_id, message } = early(await answer);
    expect(message).toContain("dialling. Attempt 2 of 3 in 5 s. Poll");
    const full = () => poll(cache, ref_id, alice, { responseFormat: "full" });
    expect(await full()).toMatchObject({
      retry_count: 1,
      can_retry: true,
      error: null,
      status: "processing",
    });
    await pass(5000);
    expect(await full()).toMatchObject({
      retry_count: 2,
      can_retry: false,
      message: expect.stringContaining("Attempt 3 of 3 in 10 s."),
    });
    await pass(10_000);
    expect(attempts).toBe(3);
    expect((await full()).message).not.toContain(" in 10 s");
    await pass(60_000);
    expect(await full()).toMatchObject({ value: "done" });
  });

  test("of a task end with cancelling, at once", async () => {
    const { cache, call, times } = start([busy(), busy()], {
      asyncTimeout: 100,
      retries: { attempts: 2, baseDelay: "1h", maxDelay: "1h" },
    });
    const answer = call();
    await pass(100);
    const { ref_id } = early(await answer);
    await cache.cancelTask(ref_id, { actor: alice });
    expect(await poll(cache, ref_id)).toMatchObject({ status: "cancelled" });
    await pass(7_200_000);
    expect(times).toHaveLength(1);
  });

  test("are none of a task that was cancelled while it was tried", async () => {
    const cache = new RefCache({ name: "test" });
    const work = gate<never>();
    const tool = cache.cached("jobs", { asyncTimeout: 100, retries: 5 })(async () => work.promise);
    const answer = as(alice, async () => tool({}));
    await pass(100);
    const { ref_id } = early(await answer);
    const cancelling = cache.cancelTask(ref_id, { actor: alice });
    await pass(1);
    await cancelling;
    work.fail(busy());
    await pass(0);
    expect(await poll(cache, ref_id, alice, { responseFormat: "full" })).toMatchObject({
      status: "cancelled",
      retry_count: 0,
    });
  });

  test("who joins waits for the retries of who runs", async () => {
    const { call, times } = start([busy()], { retries: 1 });
    const client = new AbortController();
    const first = watched(call(client.signal));
    await pass(100);
    const second = watched(call());
    client.abort(new Error("gone"));
    await pass(10_000);
    await expect(first.promise).rejects.toThrow("gone");
    expect(await second.promise).toMatchObject({ value: "done" });
    expect(times).toHaveLength(2);
  });
});
