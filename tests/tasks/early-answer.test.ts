import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { currentActor, MemoryBackend, RefCache, runAs, taskContext } from "../../src/index.js";
import { alice, as, bob, early, gate, pass, poll, watched } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers({ now: Date.parse("2030-01-02T03:04:05.678Z") }));
afterEach(() => void vi.useRealTimers());

const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}` }));

/** A cache with a tool that works until the test lets it end. */
function start(options: object = {}, cache = new RefCache({ name: "test" })) {
  const work = gate<unknown>();
  let runs = 0;
  const tool = cache.cached("jobs", { asyncTimeout: 5000, ...options })(async function job(_: {
    n?: number;
  }) {
    runs++;
    return work.promise;
  });
  return { cache, work, runs: () => runs, call: (n = 1, who = alice) => as(who, () => tool({ n })) };
}

describe("a call with asyncTimeout", () => {
  test("is answered as ever when it ends in time, and leaves no record", async () => {
    const { cache, work, call } = start();
    const answer = call();
    await pass(4999);
    work.open("done");
    expect(await answer).toMatchObject({ value: "done", is_complete: true, ref_id: expect.any(String) });
    expect((await answer).ref_id).toMatch(/^test:[0-9a-f]{32}$/);
    await pass(60_000);
    const { operations, calls } = await cache.stats();
    expect(calls).toMatchObject({ misses: 1, deferred: 0 });
    for (const operation of ["addTask", "readTask", "taskOf"])
      expect(operations).not.toHaveProperty(operation);
  });

  test("is answered at its time to the millisecond, and not before", async () => {
    const { call } = start();
    const answer = watched(call());
    await pass(4999);
    expect(answer.isSettled).toBe(false);
    await pass(1);
    expect(answer.isSettled).toBe(true);
    expect(await answer.promise).toEqual({
      ref_id: expect.stringMatching(/^test:[0-9a-f]{40}$/),
      status: "processing",
      is_complete: false,
      is_async: true,
      started_at: "2030-01-02T03:04:05.678Z",
      progress: null,
      message: "Running. Poll with get_cached_result(ref_id, wait_ms=20000).",
    });
  });

  test("goes on: its result comes under the same reference, from one run", async () => {
    const { cache, work, call, runs } = start();
    const answer = call();
    await pass(5000);
    const { ref_id } = early(await answer);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing", is_async: true });
    work.open(rows(5000));
    await pass(0);
    const result = await poll(cache, ref_id);
    expect(result).toMatchObject({ ref_id, is_complete: false, total_items: 5000 });
    expect(result).toMatchObject({ is_async: false, preview: expect.anything() });
    expect(await cache.resolve(ref_id, { actor: alice })).toEqual(rows(5000));
    expect(await call()).toMatchObject({ ref_id, total_items: 5000 });
    expect(runs()).toBe(1);
  });

  test("takes its context along: who asks, a store of the user's own, signal and progress", async () => {
    const cache = new RefCache({ name: "test" });
    const own = new AsyncLocalStorage<string>();
    const work = gate();
    const seen: unknown[] = [];
    const tool = cache.cached("jobs", { asyncTimeout: 10 })(async (_: object, { progress, signal }) => {
      const look = () => seen.push([currentActor()?.id, own.getStore(), taskContext().signal === signal]);
      look();
      await work.promise;
      look();
      await runAs(bob, async () => look());
      progress({ current: 1, total: 4, message: "late" });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      return 1;
    });
    const answer = as(alice, () => own.run("mine", () => tool({})));
    await pass(10);
    const { ref_id } = early(await answer);
    own.run("other", () => as(bob, () => work.open()));
    await pass(0);
    expect(seen).toEqual([
      ["alice", "mine", true],
      ["alice", "mine", true],
      ["bob", "mine", true],
    ]);
    expect(await poll(cache, ref_id)).toMatchObject({
      progress: { current: 1, total: 4, percentage: 25, message: "late" },
      message: expect.stringMatching(/^late\. Poll/),
    });
  });
});

test("a result that is being stored when its time comes is the answer, a moment later", async () => {
  class Slow extends MemoryBackend {
    override async setLinked(...args: Parameters<MemoryBackend["setLinked"]>) {
      await new Promise((resolve) => setTimeout(resolve, 3000));
      return super.setLinked(...args);
    }
  }
  const { call, work, cache } = start({}, new RefCache({ name: "test", backend: new Slow() }));
  const answer = watched(call());
  await pass(4000);
  work.open("done");
  await pass(2999);
  expect(answer.isSettled).toBe(false);
  await pass(1);
  const { ref_id, value } = await answer.promise;
  expect(value).toBe("done");
  expect(await poll(cache, ref_id ?? "")).toMatchObject({ ref_id, value: "done" });
});

test("what a tool tells of its progress counts until it is cancelled", async () => {
  const cache = new RefCache({ name: "test" });
  const work = gate();
  let tell: (current: number) => void = () => {};
  const tool = cache.cached("jobs", { asyncTimeout: 10 })(async (_: object, { progress }) => {
    tell = (current) => progress({ current });
    await work.promise;
  });
  const answer = as(alice, () => tool({}));
  await pass(10);
  const { ref_id } = early(await answer);
  tell(1);
  expect(await poll(cache, ref_id)).toMatchObject({ progress: { current: 1 } });
  const cancelling = cache.cancelTask(ref_id, { actor: alice });
  await pass(1);
  tell(2);
  expect(await cancelling).toMatchObject({ progress: { current: 1 } });
  expect(await poll(cache, ref_id)).toMatchObject({ progress: { current: 1 } });
  work.open();
  await pass(0);
  expect(await poll(cache, ref_id)).toMatchObject({ status: "cancelled", progress: { current: 1 } });
});

describe("equal calls", () => {
  test("join one run and get one reference; each waits for its own time", async () => {
    const { call, runs, work, cache } = start();
    const first = watched(call());
    await pass(3000);
    const second = watched(call());
    await pass(2000);
    expect([first.isSettled, second.isSettled]).toEqual([true, false]);
    await pass(2999);
    expect(second.isSettled).toBe(false);
    await pass(1);
    const { ref_id } = early(await second.promise);
    expect(early(await first.promise).ref_id).toBe(ref_id);
    const third = call();
    work.open("done");
    expect(await third).toMatchObject({ ref_id, value: "done" });
    expect(await poll(cache, ref_id)).toMatchObject({ value: "done" });
    expect(runs()).toBe(1);
  });

  test("of other arguments, other users, or without a name, run by themselves", async () => {
    for (const [options, n, who] of [
      [{}, 2, alice],
      [{}, 1, bob],
      [{ key: false }, 1, alice],
    ] as const) {
      const { call, runs } = start(options);
      const answers = Promise.all([call(), call(n, who)]);
      await pass(5000);
      const [one, other] = (await answers).map((answer) => early(answer).ref_id);
      expect(one).not.toBe(other);
      expect(runs()).toBe(2);
    }
  });

  test("of all users join where the scope is shared", async () => {
    const { call, runs, cache, work } = start({ scope: "shared" });
    const answers = Promise.all([call(1, alice), call(1, bob)]);
    await pass(5000);
    const [hers, his] = (await answers).map((answer) => early(answer).ref_id);
    expect(his).toBe(hers);
    work.open("both");
    await pass(0);
    expect(await poll(cache, his ?? "", bob)).toMatchObject({ value: "both" });
    expect(runs()).toBe(1);
  });

  test("two caches on one backend know each other's tasks", async () => {
    const backend = new MemoryBackend();
    const one = start({}, new RefCache({ name: "test", backend }));
    const other = new RefCache({ name: "test", backend });
    const answer = one.call();
    await pass(5000);
    const { ref_id } = early(await answer);
    expect(await poll(other, ref_id)).toMatchObject({ status: "processing" });
    const waiting = watched(poll(other, ref_id, alice, { wait: 20_000 }));
    await pass(2000);
    expect(waiting.isSettled).toBe(false);
    one.work.open("done");
    await pass(1500);
    expect(waiting.isSettled).toBe(true);
    expect(await waiting.promise).toMatchObject({ value: "done", ref_id });
  });
});

describe("a task that fails", () => {
  test("says so, is never a result, and the next equal call runs again", async () => {
    const cache = new RefCache({ name: "test" });
    const works = [gate<string>(), gate<string>()];
    let runs = 0;
    const tool = cache.cached("jobs", { asyncTimeout: 5000 })(async function job() {
      return works[runs++]?.promise;
    });
    const first = as(alice, () => tool({}));
    await pass(5000);
    const { ref_id } = early(await first);
    works[0]?.fail(new RangeError("no paper left"));
    await pass(0);
    expect(await poll(cache, ref_id, alice, { responseFormat: "full" })).toMatchObject({
      status: "failed",
      is_complete: false,
      error: { code: "tool_error", message: "no paper left" },
      can_retry: true,
      message: "Failed: no paper left. Calling the tool again may help.",
    });
    await expect(cache.resolve(ref_id, { actor: alice })).rejects.toMatchObject({
      code: "task_not_complete",
    });
    expect(await cache.exists(ref_id, { actor: alice })).toBe(false);
    const second = as(alice, () => tool({}));
    works[1]?.open("printed");
    const answer = await second;
    expect(answer).toMatchObject({ value: "printed" });
    expect(answer.ref_id).not.toBe(ref_id);
    expect(runs).toBe(2);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "failed" });
  });

  test("before its early answer fails the call, as without asyncTimeout", async () => {
    const { call, work, runs } = start();
    const answer = call();
    work.fail(new RangeError("no paper left"));
    await expect(answer).rejects.toThrow(new RangeError("no paper left"));
    await expect(call()).rejects.toThrow("no paper left");
    expect(runs()).toBe(2);
  });
});

describe("maxAge", () => {
  test("gives up a tool that ignores its signal, at once; its place stays taken until it returns", async () => {
    const cache = new RefCache({ name: "test", tasks: { concurrency: 1 } });
    const works = [gate<string>(), gate<string>()];
    let runs = 0;
    let signal: AbortSignal | undefined;
    const tool = cache.cached("jobs", { asyncTimeout: 5000, maxAge: 20_000 })(
      async (_: { n: number }, task) => {
        signal ??= task.signal;
        return works[runs++]?.promise;
      },
    );
    const first = as(alice, () => tool({ n: 1 }));
    await pass(5000);
    const { ref_id } = early(await first);
    const second = as(alice, () => tool({ n: 2 }));
    await pass(14_999);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    expect(signal?.aborted).toBe(false);
    await pass(1);
    expect(await poll(cache, ref_id, alice, { responseFormat: "full" })).toMatchObject({
      status: "failed",
      error: { code: "task_too_old" },
    });
    expect(signal?.aborted).toBe(true);
    expect(await poll(cache, early(await second).ref_id)).toMatchObject({ status: "pending" });
    expect(runs).toBe(1);
    works[0]?.open("too late");
    await pass(0);
    expect(runs).toBe(2);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "failed" });
    works[1]?.open("in time");
    await pass(0);
    expect(await poll(cache, early(await second).ref_id)).toMatchObject({ value: "in time" });
  });

  test("of the cache counts where the tool has none", async () => {
    const { call, cache } = start({}, new RefCache({ name: "test", tasks: { maxAge: "8s" } }));
    const answer = call();
    await pass(5000);
    const { ref_id } = early(await answer);
    await pass(2999);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    await pass(1);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "failed" });
  });
});

describe("a result", () => {
  test("has the tool's ttl, namespace, policy and tags; its record lives longer, and goes as well", async () => {
    const cache = new RefCache({ name: "test", tasks: { keep: "2h" } });
    const work = gate<string>();
    const tool = cache.cached("user:{user_id}:jobs", { asyncTimeout: 10, ttl: "1h", tags: ["monthly"] })(
      async function job() {
        return work.promise;
      },
    );
    const answer = as(alice, () => tool({}));
    await pass(10);
    const { ref_id } = early(await answer);
    await expect(poll(cache, ref_id, bob)).rejects.toMatchObject({ code: "reference_unavailable" });
    await pass(5000);
    work.open("done");
    await pass(0);
    const expires_at = new Date(Date.now() + 3_600_000).toISOString();
    expect(await poll(cache, ref_id)).toMatchObject({ value: "done", expires_at });
    expect(await cache.info(ref_id, { actor: alice })).toMatchObject({
      namespace: "user:alice:jobs",
      toolName: "job",
    });
    expect(await cache.invalidate({ tags: ["monthly"] }, { actor: alice })).toBe(1);
    await expect(poll(cache, ref_id)).rejects.toMatchObject({ code: "reference_unavailable" });
  });

  test("is gone after its life; a failure is told of as long as its record is kept", async () => {
    const { cache, call, work } = start({ ttl: "1h" }, new RefCache({ name: "test", tasks: { keep: "2h" } }));
    const answer = call();
    await pass(5000);
    const { ref_id } = early(await answer);
    work.fail(new Error("no"));
    await pass(0);
    await pass(7_199_000);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "failed" });
    await pass(1001);
    await expect(poll(cache, ref_id)).rejects.toMatchObject({ code: "reference_unavailable" });
  });
});

describe("invalidation", () => {
  test("while a task runs: a later call does not join it, nor is its result found again", async () => {
    const cache = new RefCache({ name: "test" });
    const works = [gate<string>(), gate<string>()];
    let runs = 0;
    const tool = cache.cached("jobs", { asyncTimeout: 10, tags: ["t"] })(async function job() {
      return works[runs++]?.promise;
    });
    const call = () => as(alice, () => tool({}));
    const first = call();
    await pass(10);
    const old = early(await first).ref_id;
    await cache.invalidate({ tags: ["t"] }, { actor: alice });
    const second = call();
    await pass(10);
    const young = early(await second).ref_id;
    expect(young).not.toBe(old);
    const third = call();
    await pass(10);
    expect(early(await third).ref_id).toBe(young);
    works[1]?.open("young");
    await pass(0);
    works[0]?.open("old");
    await pass(0);
    expect(await poll(cache, old)).toMatchObject({ value: "old" });
    expect(await call()).toMatchObject({ ref_id: young, value: "young" });
    expect(runs).toBe(2);
  });
});

test("a stale result is answered while a new one is made, which no caller waits for, and no task is", async () => {
  const cache = new RefCache({ name: "test" });
  let runs = 0;
  const works = [gate<number>(), gate<number>()];
  const tool = cache.cached("jobs", { asyncTimeout: 5000, ttl: 1000, staleTtl: 3_600_000 })(
    async function job() {
      return works[runs++]?.promise;
    },
  );
  const call = () => as(alice, () => tool({}));
  works[0]?.open(1);
  const { ref_id } = await call();
  await pass(2000);
  expect(await call()).toMatchObject({ ref_id, value: 1, stale: true });
  await pass(10_000);
  expect(await call()).toMatchObject({ ref_id, value: 1, stale: true });
  expect(runs).toBe(2);
  works[1]?.open(2);
  await pass(0);
  expect(await call()).toMatchObject({ value: 2 });
  expect(runs).toBe(2);
});
