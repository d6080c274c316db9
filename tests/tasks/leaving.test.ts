import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedTarget } from "../../src/decorate.js";
import { type CachedOptions, MemoryBackend, RefCache, type TaskOptions } from "../../src/index.js";
import { alice, as, bob, early, gate, pass, poll, watched } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A tool that works until the test lets it end, whatever its signal says, and callers who may leave. */
function start(
  { heeds = true, tasks = {}, ...options }: CachedOptions & { heeds?: boolean; tasks?: TaskOptions } = {},
  backend = new MemoryBackend(),
) {
  const cache = new RefCache({ name: "test", backend, tasks });
  const work = gate<unknown>();
  const signals: AbortSignal[] = [];
  const tool = cache.cached("jobs", { asyncTimeout: 5000, ...options })(
    async (_: { n?: number }, { signal }) => {
      signals.push(signal);
      if (!heeds) return work.promise;
      const aborted = gate<never>();
      signal.addEventListener("abort", () => aborted.fail(signal.reason));
      return Promise.race([work.promise, aborted.promise]);
    },
  );
  const cached = cachedTarget(tool)?.cached;
  const call = (n = 1, signal?: AbortSignal) =>
    as(alice, async () => cached?.call({ self: undefined, params: [{ n }], signal }));
  return { cache, work, signals, call };
}

describe("callers who leave before the early answer", () => {
  test("end the run when nobody is left, and the next equal call begins a new one", async () => {
    const { call, signals } = start();
    const client = new AbortController();
    const left = call(1, client.signal);
    await pass(1000);
    client.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    expect(signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ code: "task_cancelled" });
    const next = call();
    await pass(5000);
    expect(early(await next).status).toBe("processing");
    expect(signals).toHaveLength(2);
  });

  test("drop what a tool returns that ignores it", async () => {
    const { cache, call, work, signals } = start({ heeds: false });
    const client = new AbortController();
    const left = call(1, client.signal);
    await pass(1000);
    client.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    work.open("too late");
    await pass(0);
    expect(await cache.stats()).toMatchObject({ stored: 0 });
    expect(await call()).toMatchObject({ value: "too late" });
    expect(signals).toHaveLength(2);
  });

  test("end nothing while another waits", async () => {
    const { call, signals, work } = start();
    const [one, other] = [new AbortController(), new AbortController()];
    const left = call(1, one.signal);
    const stays = call(1, other.signal);
    await pass(1000);
    one.abort(new Error("gone"));
    await expect(left).rejects.toThrow("gone");
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    work.open("done");
    expect(await stays).toMatchObject({ value: "done" });
  });

  test("end the run when the last of several goes", async () => {
    const { call, signals } = start();
    const clients = [new AbortController(), new AbortController()];
    const calls = clients.map(({ signal }) => watched(call(1, signal)));
    await pass(1000);
    clients[0]?.abort(new Error("first"));
    await pass(0);
    expect(signals[0]?.aborted).toBe(false);
    clients[1]?.abort(new Error("second"));
    await pass(0);
    expect(signals[0]?.aborted).toBe(true);
    for (const { promise } of calls) await expect(promise).rejects.toThrow();
  });

  test("end the run also while its record is being stored, as nobody has its reference", async () => {
    const [asked, mayStore] = [gate(), gate()];
    class SlowToAdd extends MemoryBackend {
      override async addTask(...args: Parameters<MemoryBackend["addTask"]>) {
        asked.open();
        await mayStore.promise;
        return super.addTask(...args);
      }
    }
    const { call, signals } = start({}, new SlowToAdd());
    const client = new AbortController();
    const left = watched(call(1, client.signal));
    await pass(5000);
    await asked.promise;
    client.abort(new Error("gone"));
    mayStore.open();
    await expect(left.promise).rejects.toThrow("gone");
    await pass(0);
    expect(signals[0]?.reason).toMatchObject({ code: "task_cancelled" });
  });

  test("free the place of a call that waits for its turn", async () => {
    const { call, work, signals } = start({ tasks: { concurrency: 1, queue: 1 } });
    const client = new AbortController();
    const running = call(1);
    await pass(0);
    const waiting = watched(call(2, client.signal));
    await pass(0);
    await expect(call(3)).rejects.toMatchObject({ code: "task_refused" });
    client.abort(new Error("gone"));
    await expect(waiting.promise).rejects.toThrow("gone");
    const next = watched(call(4));
    await pass(0);
    expect(next.isSettled).toBe(false);
    work.open("done");
    expect(await running).toMatchObject({ value: "done" });
    expect(await next.promise).toMatchObject({ value: "done" });
    expect(signals).toHaveLength(2);
  });
});

test("after the early answer nobody who leaves ends it", async () => {
  const { cache, call, signals, work } = start();
  const client = new AbortController();
  const { ref_id } = early(
    await Promise.all([call(1, client.signal), pass(5000)]).then(([answer]) => answer),
  );
  const joined = new AbortController();
  const joining = call(1, joined.signal);
  await pass(10);
  client.abort();
  joined.abort(new Error("gone"));
  await expect(joining).rejects.toThrow("gone");
  expect(signals[0]?.aborted).toBe(false);
  work.open("done");
  await pass(0);
  expect(await poll(cache, ref_id)).toMatchObject({ value: "done" });
});

describe("cancelTask", () => {
  const deferred = async ({ call }: ReturnType<typeof start>, n = 1) => {
    const answer = call(n);
    await pass(5000);
    return early(await answer).ref_id;
  };

  test("aborts the signal; a tool that heeds it is cancelled, its reference has no value", async () => {
    const setting = start();
    const ref_id = await deferred(setting);
    expect(await setting.cache.cancelTask(ref_id, { actor: alice })).toMatchObject({ ref_id });
    expect(setting.signals[0]?.aborted).toBe(true);
    await pass(0);
    expect(await poll(setting.cache, ref_id)).toMatchObject({ status: "cancelled", is_complete: false });
    await expect(setting.cache.resolve(ref_id, { actor: alice })).rejects.toMatchObject({
      code: "task_not_complete",
    });
    expect(await setting.cache.cancelTask(ref_id, { actor: alice })).toMatchObject({ status: "cancelled" });
  });

  test("of a tool that ignores it: being cancelled until it returns, its result dropped; equal calls run anew", async () => {
    const setting = start({ heeds: false });
    const { cache, work, signals, call } = setting;
    const ref_id = await deferred(setting);
    const cancelling = cache.cancelTask(ref_id, { actor: alice });
    await pass(1);
    expect(await cancelling).toMatchObject({
      status: "processing",
      message: expect.stringContaining("Being cancelled."),
    });
    await pass(1000);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    const next = call();
    await pass(5000);
    expect(early(await next).ref_id).not.toBe(ref_id);
    expect(signals).toHaveLength(2);
    work.open("done");
    await pass(0);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "cancelled" });
    expect(await cache.exists(ref_id, { actor: alice })).toBe(false);
    expect(await poll(cache, early(await next).ref_id)).toMatchObject({ value: "done" });
  });

  test("of a call that waits for its turn ends it at once, and it never runs", async () => {
    const setting = start({ heeds: false, tasks: { concurrency: 1 } });
    await deferred(setting);
    const waiting = await deferred(setting, 2);
    expect(await poll(setting.cache, waiting)).toMatchObject({
      status: "pending",
      message: expect.stringContaining("Waits for its turn."),
    });
    expect(await setting.cache.cancelTask(waiting, { actor: alice })).toMatchObject({ status: "cancelled" });
    setting.work.open("done");
    await pass(10);
    expect(setting.signals).toHaveLength(1);
    expect(await poll(setting.cache, waiting)).toMatchObject({ status: "cancelled" });
  });

  test("by a stranger does nothing, and tells nothing", async () => {
    const setting = start({ policy: { userPermissions: 0, owner: "user:alice", ownerPermissions: 31 } });
    const ref_id = await deferred(setting);
    for (const id of [ref_id, `test:${"0".repeat(40)}`, "x"])
      await expect(setting.cache.cancelTask(id, { actor: bob })).rejects.toMatchObject({
        code: "reference_unavailable",
      });
    await pass(20_000);
    expect(setting.signals[0]?.aborted).toBe(false);
    setting.work.open("done");
    await pass(0);
    expect(await poll(setting.cache, ref_id)).toMatchObject({ value: "done" });
    expect(await setting.cache.cancelTask(ref_id, { actor: alice })).toMatchObject({ status: "complete" });
    expect(await poll(setting.cache, ref_id)).toMatchObject({ value: "done" });
  });

  test("from another cache on the backend aborts it at once where the backend tells, else with its lease", async () => {
    const backend = new MemoryBackend();
    const [one, other] = [1, 2].map(() => new RefCache({ name: "test", backend }));
    let signal: AbortSignal | undefined;
    const tool = one?.cached("jobs", { asyncTimeout: 10 })(async (_: object, task) => {
      signal = task.signal;
      return new Promise((_, reject) =>
        task.signal.addEventListener("abort", () => reject(task.signal.reason)),
      );
    });
    const answer = as(alice, async () => tool?.({}));
    await pass(10);
    const { ref_id } = early(await answer);
    await expect(other?.cancelTask(ref_id, { actor: bob })).rejects.toMatchObject({
      code: "reference_unavailable",
    });
    expect(await other?.cancelTask(ref_id, { actor: alice })).toMatchObject({ status: "processing" });
    await pass(10_000);
    expect(signal?.aborted).toBe(true);
    await pass(1000);
    expect(await other?.get(ref_id, { actor: alice })).toMatchObject({ status: "cancelled" });
  });
});

describe("close", () => {
  test("takes no more, waits for what runs, then closes", async () => {
    const { cache, call, work } = start();
    const answer = call();
    await pass(5000);
    const { ref_id } = early(await answer);
    const closing = watched(cache.close({ drain: "10s" }));
    await pass(9000);
    expect(closing.isSettled).toBe(false);
    await expect(call(2)).rejects.toMatchObject({ code: "task_refused" });
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    work.open("done");
    await pass(0);
    expect(closing.isSettled).toBe(true);
  });

  test("gives up what has not ended by then, at once though the tool ignores it, and the record says so", async () => {
    const backend = new MemoryBackend();
    backend.close = async () => {};
    const one = new RefCache({ name: "test", backend });
    const other = new RefCache({ name: "test", backend });
    const tool = one.cached("jobs", { asyncTimeout: 10 })(() => new Promise(() => {}));
    const answer = as(alice, async () => tool({}));
    await pass(10);
    const { ref_id } = early(await answer);
    const waits = as(alice, async () => tool({}));
    const failure = expect(waits).rejects.toMatchObject({ code: "interrupted" });
    const closing = watched(one.close({ drain: 5 }));
    await pass(5);
    await failure;
    await pass(0);
    expect(closing.isSettled).toBe(true);
    expect(await other.get(ref_id, { actor: alice, responseFormat: "full" })).toMatchObject({
      status: "failed",
      error: { code: "interrupted" },
    });
  });
});
