import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  type CacheBackend,
  type CachedOptions,
  MemoryBackend,
  Permission,
  RefCache,
  SYSTEM,
  type TaskContext,
  type TaskOptions,
} from "../../src/index.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { LosableStore, viewOf } from "../helpers/task-stores.js";
import { alice, as, bob, early, gate, pass, poll } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LEASE = 500;
const FULL = { responseFormat: "full" } as const;

interface Job {
  readonly id?: number;
  readonly data?: string;
}

type Options = Omit<CachedOptions, "asyncTimeout"> & { readonly asyncTimeout?: number };
type Run = (args: Job, context: TaskContext) => Promise<unknown>;

/** A server, the functions of which others may run again. */
function serve(backend: CacheBackend, tasks: TaskOptions = {}) {
  const logger = recordingLogger();
  const cache = new RefCache({ name: "jobs", backend, tasks: { lease: LEASE, ...tasks }, logger });
  const define = (run: Run, options: Options = {}) =>
    cache.cached("jobs", { name: "tool", asyncTimeout: 10, idempotent: true, ...options })(run);
  return { cache, define };
}

const never: Run = () => new Promise(() => {});

/** Makes a call as Alice, and gives the reference of its task. */
async function begin(call: () => Promise<unknown>): Promise<string> {
  const answer = as(alice, call);
  await pass(10);
  return early(await answer).ref_id;
}

/** Ends a server at once, which others may go on for. */
async function end({ cache }: ReturnType<typeof serve>): Promise<void> {
  const closing = cache.close({ drain: 1 });
  await pass(1);
  await closing;
}

/** A server that has begun a task, and one that finds out when the first is lost. */
async function lostTask(run: Run, options: Options = {}, data?: (cache: RefCache) => Promise<string>) {
  const losable = new LosableStore();
  const [lost, other] = [serve(losable.view), serve(viewOf(losable.store))];
  const tool = lost.define(never, options);
  other.define(run, options);
  const { cache } = lost;
  const refId = await begin(() =>
    cache.callAs(alice, async () => tool(data === undefined ? {} : { data: await data(cache) })),
  );
  return { losable, lost: cache, other: other.cache, refId };
}

test("a task that was cancelled stays so when its server dies before it has heeded that", async () => {
  let runs = 0;
  const { losable, other, refId } = await lostTask(async () => ++runs);
  losable.isLost = true;
  expect(await other.cancelTask(refId, { actor: alice })).toMatchObject({ ref_id: refId });
  await pass(4 * LEASE);
  expect(await poll(other, refId)).toMatchObject({ status: "cancelled" });
  expect(runs).toBe(0);
});

test("a task that is run again is as closed as the call was that it stands for", async () => {
  const CANARY = "canary-77b0";
  const work = gate();
  const { READ, EXECUTE, NONE } = Permission;
  const policy = {
    owner: "user:alice",
    ownerPermissions: READ | EXECUTE,
    userPermissions: NONE,
    agentPermissions: NONE,
  };
  const { losable, other, refId } = await lostTask(
    async ({ data }, { progress }) => {
      progress({ current: 1, total: 2, message: `has ${data}` });
      await work.promise;
      return `about ${data}`;
    },
    { scope: "shared" },
    async (cache) => {
      const { refId } = await cache.set("k", CANARY, { actor: SYSTEM, policy });
      return cache.resolve<string>(refId);
    },
  );
  const refused = () =>
    expect(poll(other, refId, bob, FULL)).rejects.toMatchObject({ code: "reference_unavailable" });
  await refused();
  losable.isLost = true;
  await pass(3 * LEASE);
  expect(await poll(other, refId)).toMatchObject({ progress: { message: `has ${CANARY}` } });
  await refused();
  work.open();
  await pass(0);
  expect(await poll(other, refId)).toMatchObject({ value: `about ${CANARY}` });
  await refused();
});

test("who waits on a server that has lost its task is told how it is elsewhere, not that it failed", async () => {
  const [begun, work] = [gate(), gate<string>()];
  const { losable, lost, other, refId } = await lostTask(async () => {
    begun.open();
    return work.promise;
  });
  const waiting = poll(lost, refId, alice, { wait: "10s", ...FULL });
  losable.isLost = true;
  await pass(3 * LEASE);
  await begun.promise;
  losable.isLost = false;
  await pass(10_000);
  expect(await waiting).toMatchObject({ status: "processing", error: null });
  work.open("done");
  await pass(0);
  for (const cache of [lost, other]) expect(await poll(cache, refId)).toMatchObject({ value: "done" });
});

test("tasks wait for room where they are taken over: none is failed for the want of it", async () => {
  const store = new MemoryBackend();
  const first = serve(viewOf(store));
  const tool = first.define(never);
  const refIds = await Promise.all([1, 2, 3].map((id) => begin(() => tool({ id }))));
  await end(first);
  const { cache, define } = serve(viewOf(store), { concurrency: 1, queue: 0 });
  define(async ({ id }) => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return `done ${id}`;
  });
  await pass(6 * LEASE);
  const answers = await Promise.all(refIds.map((refId) => poll(cache, refId)));
  expect(answers).toMatchObject([{ value: "done 1" }, { value: "done 2" }, { value: "done 3" }]);
});

test("tasks of a tool that nobody has are given up after ten leases, and keep others waiting no longer", async () => {
  const store = new MemoryBackend();
  const first = serve(viewOf(store), { concurrency: 300 });
  const [old, young] = [first.define(never, { name: "old" }), first.define(never, { name: "young" })];
  const olds = await Promise.all(Array.from({ length: 100 }, (_, id) => begin(() => old({ id }))));
  await pass(LEASE);
  const last = await begin(() => young({}));
  await end(first);
  const { cache, define } = serve(viewOf(store));
  define(async () => "done", { name: "young" });
  await pass(8 * LEASE);
  expect(await poll(cache, olds[0] ?? "")).toMatchObject({ status: expect.stringMatching(/ing$/) });
  await pass(6 * LEASE);
  expect(await poll(cache, last)).toMatchObject({ value: "done" });
  const others = await Promise.all(olds.map((refId) => poll(cache, refId, alice, FULL)));
  for (const answer of others)
    expect(answer).toMatchObject({ status: "failed", error: { code: "interrupted" } });
});

test("a server that ends while it takes a task over leaves it to the next", async () => {
  const [asked, mayAnswer] = [gate(), gate()];
  const store = new MemoryBackend();
  const first = serve(viewOf(store));
  const tool = first.define(never);
  const refId = await begin(() => tool({}));
  await end(first);
  const exists = async (refId: string) => {
    asked.open();
    await mayAnswer.promise;
    return store.exists(refId);
  };
  const second = serve(viewOf(store, { exists }));
  second.define(async () => "second");
  await pass(2 * LEASE);
  await asked.promise;
  const closing = second.cache.close({ drain: 1 });
  await pass(1);
  mayAnswer.open();
  await pass(5000);
  await closing;
  const third = serve(viewOf(store));
  third.define(async () => "third");
  await pass(3 * LEASE);
  expect(await poll(third.cache, refId, alice, FULL)).toMatchObject({ value: "third" });
});

test("a task whose caller has no place where it is taken over has failed, and says so", async () => {
  const store = new MemoryBackend();
  const first = serve(viewOf(store));
  const tool = first.define(never);
  const refId = await begin(() => tool({}));
  await end(first);
  const { cache, define } = serve(viewOf(store));
  define(async () => 1, { sessionScoped: true });
  await pass(3 * LEASE);
  expect(await poll(cache, refId, alice, FULL)).toMatchObject({
    status: "failed",
    error: { code: expect.any(String) },
    can_retry: true,
  });
});
