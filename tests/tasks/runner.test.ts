import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedTarget } from "../../src/decorate.js";
import {
  type CachedOptions,
  MemoryBackend,
  Permission,
  RefCache,
  StoreUnavailableError,
  SYSTEM,
  type TaskContext,
  type TaskRunner,
} from "../../src/index.js";
import { CollectingRunner } from "../helpers/collecting-runner.js";
import { everythingIn } from "../helpers/everything.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { viewOf } from "../helpers/task-stores.js";
import { alice, as, bob, early, gate, pass, poll } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CANARY = "canary-3c91";
const FULL = { responseFormat: "full" } as const;
const lease = 500;

interface Job {
  readonly data?: string;
}

type Options = Omit<CachedOptions, "asyncTimeout"> & { readonly asyncTimeout?: number };
type Run = (args: Job, context: TaskContext) => Promise<unknown>;

/** A server that hands its calls to a runner, and a worker that performs them, with one tool. */
function start(run: Run, options: Options = {}, runner = new CollectingRunner()) {
  const store = new MemoryBackend();
  const make = (tasks: object) => {
    const backend = viewOf(store);
    const cache = new RefCache({
      name: "jobs",
      backend,
      tasks: { lease, ...tasks },
      logger: recordingLogger(),
    });
    const tool = cache.cached("jobs", { name: "tool", asyncTimeout: 300, ...options })(run);
    return { cache, tool };
  };
  const server = make({ runner });
  const worker = make({});
  const perform = async (refId?: string) => worker.cache.performTask(refId ?? (await runner.first()));
  return { store, runner, cache: server.cache, tool: server.tool, worker: worker.cache, perform };
}

/** The early answer of a call, once it is time for it. */
async function earlyAnswer(call: () => Promise<unknown>, actor = alice) {
  const answer = as(actor, call);
  await pass(600);
  return early(await answer);
}

describe("what a worker makes", () => {
  test("is as closed as what the calling tool had used before", async () => {
    const { cache, worker, tool, perform, runner } = start(
      async ({ data }, { progress }) => {
        progress({ current: 1, total: 2, message: `has ${data}` });
        return { about: data };
      },
      { scope: "shared", asyncTimeout: 5000 },
    );
    const used = { userPermissions: Permission.EXECUTE, agentPermissions: Permission.EXECUTE };
    const { refId } = await cache.set("k", CANARY, { actor: SYSTEM, policy: used });
    const outer = cache.callAs(bob, async () => tool({ data: await cache.resolve<string>(refId) }));
    const answer = Promise.allSettled([outer]);
    await perform();
    await pass(1000);
    const task = await runner.first();
    const asked = [cache, worker].map((asked) => poll(asked, task, bob, FULL).catch((error) => error));
    expect(everythingIn([await answer, ...(await Promise.all(asked))])).not.toContain(CANARY);
    expect(await poll(worker, task, SYSTEM)).toMatchObject({ value: { about: CANARY } });
  });

  test("is made of arguments that are there: a reference that has gone since fails the task", async () => {
    const seen: unknown[] = [];
    const { cache, tool, perform } = start(async ({ data }) => void seen.push(data));
    const { refId } = await cache.set("k", "x".repeat(5000), { actor: alice });
    const { ref_id } = await earlyAnswer(() => tool({ data: refId }));
    await cache.delete(refId, { actor: SYSTEM });
    await perform();
    expect(await poll(cache, ref_id, alice, FULL)).toMatchObject({
      status: "failed",
      error: { code: "reference_unavailable" },
    });
    expect(seen).toEqual([]);
  });
});

test("a joiner who leaves does not take back a task whose reference another was given", async () => {
  const { cache, tool, runner } = start(async () => 1);
  const cached = cachedTarget(tool)?.cached;
  const first = as(alice, () => tool({}));
  await pass(150);
  const leaving = new AbortController();
  const joining = as(alice, async () =>
    cached?.call({ self: undefined, params: [{}], keyed: 1, signal: leaving.signal }),
  );
  await pass(150);
  const { ref_id } = early(await first);
  leaving.abort(new Error("gone"));
  await expect(joining).rejects.toThrow("gone");
  await pass(100);
  expect(await poll(cache, ref_id)).toMatchObject({ status: "pending" });
  expect(runner.withdrawn).toEqual([]);
});

test("a runner that takes its time to decide gives one task, which is run once", async () => {
  const mayDecide = gate();
  let runs = 0;
  const { cache, tool, perform, runner } = start(
    async () => ++runs,
    { asyncTimeout: 100 },
    new CollectingRunner(mayDecide.promise),
  );
  const answer = as(alice, () => tool({}));
  await pass(300);
  mayDecide.open();
  await pass(300);
  const { ref_id } = early(await answer);
  expect(runner.refIds).toEqual([ref_id]);
  for (let delivery = 0; delivery < 3; delivery++) {
    expect(await perform(ref_id)).toEqual({ outcome: "over" });
    await pass(lease);
  }
  expect(await poll(cache, ref_id)).toMatchObject({ value: 1 });
  expect(runs).toBe(1);
});

describe("two functions of one name and one source", () => {
  /** Defines a function on both sides that closes over a table; gives the server's. */
  const define = ({ cache, worker }: ReturnType<typeof start>, table: string, options: Options = {}) => {
    const [own] = [cache, worker].map((side) =>
      side.cached("jobs", { asyncTimeout: 300, ...options })(async function query() {
        return table;
      }),
    );
    return own as (args: Job) => Promise<unknown>;
  };

  test("are refused under a runner, which could not tell them apart", async () => {
    const sides = start(async () => 1);
    const tools = [define(sides, "one"), define(sides, "two")];
    for (const tool of tools)
      await expect(as(alice, () => tool({}))).rejects.toMatchObject({
        code: "invalid_option",
        message: expect.stringMatching(/^tasks\.runner: /),
      });
    expect(sides.runner.refIds).toEqual([]);
  });

  test("that were given a name are one: the newest runs", async () => {
    const sides = start(async () => 1);
    const [first] = [define(sides, "one", { name: "query" }), define(sides, "two", { name: "query" })];
    const { ref_id } = await earlyAnswer(() => first({}));
    await sides.perform();
    expect(await poll(sides.cache, ref_id)).toMatchObject({ value: "two" });
  });
});

test("a function without a name is refused under a runner, as no other process could know it", async () => {
  const tasks = { lease, runner: new CollectingRunner() };
  const cache = new RefCache({ name: "jobs", backend: viewOf(new MemoryBackend()), tasks });
  const tool = cache.cached("jobs", { asyncTimeout: 300 })(async (_: Job) => "done");
  await expect(as(alice, () => tool({}))).rejects.toMatchObject({
    code: "invalid_option",
    option: "tasks.runner",
  });
});

test("a cancellation that the store interrupts takes nothing out of the queue for good", async () => {
  const { store, cache, tool, runner, perform } = start(async () => "done");
  const { ref_id } = await earlyAnswer(() => tool({}));
  const cut = vi.spyOn(store, "changeTask").mockRejectedValueOnce(new StoreUnavailableError("no reply"));
  await expect(cache.cancelTask(ref_id, { actor: alice })).rejects.toMatchObject({
    code: "store_unavailable",
  });
  cut.mockRestore();
  expect(runner.withdrawn).toEqual([]);
  expect(await poll(cache, ref_id)).toMatchObject({ status: "pending" });
  await perform();
  expect(await poll(cache, ref_id)).toMatchObject({ value: "done" });
});

test("a process without the runner follows a task that waits for a worker, and runs nothing", async () => {
  let runs = 0;
  const run = async () => ++runs;
  const sides = start(run);
  const { ref_id } = await earlyAnswer(() => sides.tool({}));
  const own = sides.worker.cached("jobs", { name: "tool", asyncTimeout: 300 })(run);
  expect(await earlyAnswer(() => own({}))).toMatchObject({ ref_id, status: "pending" });
  await sides.perform();
  expect(await poll(sides.worker, ref_id)).toMatchObject({ value: 1 });
  expect(runs).toBe(1);
});

test("a task that its server did not get into the queue is queued by the next who makes an equal call", async () => {
  const hangs: TaskRunner = {
    run: (call) => call.runElsewhere(() => new Promise<void>(() => {})),
    withdraw: async () => false,
    close: async () => {},
  };
  const store = new MemoryBackend();
  const runner = new CollectingRunner();
  const tools = [hangs, runner].map((runner) => {
    const cache = new RefCache({ name: "jobs", backend: viewOf(store), tasks: { lease, runner } });
    return cache.cached("jobs", { name: "tool", asyncTimeout: 100 })(async (_: object) => 1);
  });
  const [died, next] = tools;
  const { ref_id } = await earlyAnswer(async () => died?.({}));
  await pass(3 * lease);
  expect(await earlyAnswer(async () => next?.({}))).toMatchObject({ ref_id, status: "pending" });
  expect(runner.refIds).toEqual([ref_id]);
});
