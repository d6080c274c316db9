import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type CacheBackend,
  type Entry,
  MemoryBackend,
  Permission,
  RefCache,
  StoreUnavailableError,
  type TaskOptions,
} from "../../src/index.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { viewOf } from "../helpers/task-stores.js";
import { alice, as, bob, early, gate, pass, poll } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function serve(backend: CacheBackend, tasks: TaskOptions = {}): RefCache {
  return new RefCache({ name: "jobs", backend, tasks: { lease: 500, ...tasks }, logger: recordingLogger() });
}

/** What a call comes to whose answer takes some milliseconds. */
async function outcomeIn(
  milliseconds: number,
  call: () => Promise<unknown>,
  actor = alice,
): Promise<unknown> {
  const answer = as(actor, call).catch((error: unknown) => error);
  await pass(milliseconds);
  return answer;
}

describe("a result that is made anew for longer than its stale time", () => {
  test.each([
    ["several servers share", () => viewOf(new MemoryBackend())],
    ["one has for itself", () => new MemoryBackend()],
  ])("is a task that later calls join, on a store that %s", async (_, makeStore) => {
    const cache = serve(makeStore());
    const work = gate();
    let runs = 0;
    const tool = cache.cached("jobs", { name: "tool", asyncTimeout: 100, ttl: 1000, staleTtl: 1000 })(
      async (_: object) => {
        const run = ++runs;
        if (run > 1) await work.promise;
        return run;
      },
    );
    await as(alice, () => tool({}));
    await pass(1200);
    expect(await as(alice, () => tool({}))).toMatchObject({ value: 1, stale: true });
    await pass(1000);
    const { ref_id } = early(await outcomeIn(100, () => tool({})));
    await pass(8000);
    expect(early(await outcomeIn(100, () => tool({})))).toMatchObject({ ref_id, status: "processing" });
    work.open();
    await pass(100);
    expect(await as(alice, () => tool({}))).toMatchObject({ value: 2 });
    expect(runs).toBe(2);
  });

  test("is given up once it is too old", async () => {
    const cache = serve(new MemoryBackend(), { maxAge: 200 });
    const signals: AbortSignal[] = [];
    const tool = cache.cached("jobs", { name: "tool", asyncTimeout: 50, ttl: 1000, staleTtl: 60_000 })(
      async (_: object, { signal }) => {
        if (signals.push(signal) > 1) await new Promise(() => {});
        return 1;
      },
    );
    await as(alice, () => tool({}));
    await pass(1100);
    await as(alice, () => tool({}));
    await pass(100);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    await pass(200);
    expect(signals[1]?.reason).toMatchObject({ code: "task_too_old" });
  });
});

test("nobody joins another server's task who may do nothing with it", async () => {
  const store = new MemoryBackend();
  const servers = [serve(viewOf(store)), serve(viewOf(store))];
  const closed = {
    owner: "user:alice",
    ownerPermissions: Permission.READ | Permission.EXECUTE,
    userPermissions: Permission.NONE,
    agentPermissions: Permission.NONE,
  };
  const { refId } = (await servers[0]?.set("k", "hers", { policy: closed })) ?? {};
  const work = gate();
  const [hers, his] = servers.map((cache) =>
    cache.cached("jobs", { name: "tool", asyncTimeout: 200, scope: "shared" })(async (_: object) => {
      const used = await cache.resolve(refId ?? "").catch(() => "nothing");
      await work.promise;
      return used;
    }),
  );
  const one = early(await outcomeIn(200, async () => hers?.({}))).ref_id;
  const two = early(await outcomeIn(400, async () => his?.({}), bob)).ref_id;
  expect(two).not.toBe(one);
  const [cache] = servers as [RefCache];
  await expect(poll(cache, one, bob)).rejects.toMatchObject({ code: "reference_unavailable" });
  work.open();
  await pass(0);
  expect(await poll(cache, two, bob)).toMatchObject({ value: "nothing" });
  expect(await poll(cache, one)).toMatchObject({ value: "hers" });
});

test("a call that was refused is not made all the same, later", async () => {
  const store = new MemoryBackend();
  const away = () => Promise.reject(new StoreUnavailableError("The store cannot be reached."));
  const own = { addTask: away, renewLease: store.renewLease.bind(store) };
  const silent = serve(viewOf(store, own), { lease: 10_000 });
  const other = serve(viewOf(store), { lease: 10_000 });
  let runs = 0;
  const options = { name: "tool", asyncTimeout: 300 };
  const hung = silent.cached("jobs", options)((_: object) => new Promise(() => {}));
  const tool = other.cached("jobs", options)(async (_: object) => ++runs);
  void as(alice, () => hung({}));
  await pass(100);
  expect(await outcomeIn(6000, () => tool({}))).toMatchObject({ code: "task_refused" });
  own.renewLease = away; // its lease of their name ends
  await pass(30_000);
  expect(runs).toBe(0);
});

test("once a failure was told, the next equal call runs again, though the record does not say so yet", async () => {
  class SlowToNote extends MemoryBackend {
    override async changeTask(refId: string, record: Entry, revision: number, lease?: number) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return super.changeTask(refId, record, revision, lease);
    }
  }
  const cache = serve(viewOf(new SlowToNote()));
  const work = gate();
  let runs = 0;
  const tool = cache.cached("jobs", { name: "tool", asyncTimeout: 100 })(async (_: object) => {
    if (++runs > 1) return "second";
    return work.promise;
  });
  const { ref_id } = early(await outcomeIn(100, () => tool({})));
  const waiting = poll(cache, ref_id, alice, { wait: 5000 });
  work.fail(new Error("first"));
  await pass(10);
  expect(await waiting).toMatchObject({ status: "failed" });
  expect(await outcomeIn(300, () => tool({}))).toMatchObject({ value: "second" });
  expect(runs).toBe(2);
});
