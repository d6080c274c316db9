import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { BullMqRunner, TaskWorker } from "../../src/bullmq/index.js";
import { RefCache, SYSTEM } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { errorOf } from "../helpers/errors.js";
import { NodeProcess, within } from "../helpers/processes.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";
import { sharedTools } from "./children/tools.js";

const LEASE_MS = 2000;
const LOCK_MS = 3000;

describeRedisServer("tasks that servers submit and worker processes perform", () => {
  let redis: RedisServer;
  const servers: ReturnType<typeof sharedTools>[] = [];
  const workers: NodeProcess[] = [];
  const here: string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(async () => {
    await ask(redis, "flushall");
  });
  afterEach(async () => {
    await Promise.all(servers.splice(0).map(({ cache }) => cache.close()));
    await Promise.all(workers.splice(0).map((worker) => worker.stop("SIGKILL")));
    expect(here.splice(0), "what ran in the server").toEqual([]);
  });
  afterAll(() => redis.stop());

  /** A server of this process, which runs nothing itself. */
  function server() {
    const runner = new BullMqRunner({ url: redis.url });
    const made = sharedTools(redis.url, (text) => here.push(text), { tasks: { runner, lease: LEASE_MS } });
    servers.push(made);
    return made;
  }

  async function worker(): Promise<NodeProcess> {
    const child = new NodeProcess("tests/bullmq/children/tool-worker.ts", [
      redis.url,
      `${LEASE_MS}`,
      `${LOCK_MS}`,
    ]);
    workers.push(child);
    await child.wrote("started");
    return child;
  }

  /** Polls, as an agent does, until the task is over. */
  async function endOf({ cache }: ReturnType<typeof sharedTools>, refId: string) {
    return eventually("the end of the task", async () => {
      const answer = await cache.get(refId, { wait: 2000, responseFormat: "full", actor: SYSTEM });
      if ("status" in answer && (answer.status === "pending" || answer.status === "processing")) {
        throw new Error(`still ${answer.status}`);
      }
      return answer;
    });
  }

  const runs = (id: string) =>
    workers.flatMap(({ output }) => output.match(new RegExp(`ran ${id}\n`, "g")) ?? []);

  test("a call that ends in time gets the ordinary answer, as in process", async () => {
    await worker();
    const asked = server();
    const answer = await eventually("an answer in time", async () => {
      const first = await asked.steps({ id: `quick-${Math.random()}`, count: 0 });
      if (!first.is_complete) throw new Error("it took longer");
      return first;
    });
    expect(answer).toMatchObject({ is_complete: true, value: [] });
  });

  test("progress and result travel, and any server can poll", async () => {
    await worker();
    const [asked, other] = [server(), server()];
    const deferred = await asked.steps({ id: "one", count: 25 });
    expect(deferred).toMatchObject({ is_complete: false, is_async: true });
    const refId = String(deferred.ref_id);
    await eventually("progress", async () => {
      const told = await other.cache.get(refId, { actor: SYSTEM });
      expect(told).toMatchObject({ status: "processing", progress: { total: 25 } });
    });
    await endOf(other, refId);
    for (const { cache } of [asked, other]) {
      const answer = await cache.get(refId, { actor: SYSTEM });
      expect(answer).toMatchObject({ is_complete: true, value: Array.from({ length: 25 }, (_, n) => n) });
    }
    expect(runs("one")).toHaveLength(1);
  });

  test("equal calls on several servers are one task", async () => {
    await worker();
    const calls = [server(), server(), server()].map(({ steps }) => steps({ id: "same", count: 20 }));
    const [first, ...others] = await Promise.all(calls);
    for (const other of others) expect(other.ref_id).toBe(first?.ref_id);
    const [asked] = servers;
    if (asked !== undefined) await endOf(asked, String(first?.ref_id));
    expect(runs("same")).toHaveLength(1);
  });

  test("a failure travels, and is not kept as a result", async () => {
    await worker();
    const asked = server();
    for (const times of [1, 2]) {
      const outcome = await asked.fails({ id: "bad" }).catch((error: Error) => error);
      if (outcome instanceof Error) expect(outcome.message).toContain("the tool said no to bad");
      else
        expect(await endOf(asked, String(outcome.ref_id))).toMatchObject({
          status: "failed",
          error: { code: "tool_error", message: "the tool said no to bad" },
        });
      expect(runs("bad")).toHaveLength(times);
    }
  });

  test("transient failures are tried again", async () => {
    await worker();
    const asked = server();
    const deferred = await asked.flaky({ id: "flaky", failures: 3 });
    if (!deferred.is_complete) {
      expect(await endOf(asked, String(deferred.ref_id))).toMatchObject({ value: "after 4" });
    }
    expect(runs("flaky")).toHaveLength(4);
  });

  test("a task that nobody has begun is cancelled at once, and never runs", async () => {
    const asked = server();
    const deferred = await asked.steps({ id: "never", count: 1 });
    expect(deferred).toMatchObject({ status: "pending" });
    const refId = String(deferred.ref_id);
    expect(await asked.cache.cancelTask(refId, { actor: SYSTEM })).toMatchObject({ status: "cancelled" });
    expect(await ask(redis, "llen", "{mcp-refcache}:mcp-refcache-tasks:wait")).toBe(0);
    await worker();
    const later = await asked.steps({ id: "later", count: 1 });
    if (!later.is_complete) await endOf(asked, String(later.ref_id));
    expect(runs("never")).toEqual([]);
  });

  test("a cancellation reaches the worker that runs the task", async () => {
    const child = await worker();
    const asked = server();
    const deferred = await asked.steps({ id: "stopped", count: 100 });
    await child.wrote("ran stopped");
    await asked.cache.cancelTask(String(deferred.ref_id), { actor: SYSTEM });
    expect(await endOf(asked, String(deferred.ref_id))).toMatchObject({ status: "cancelled" });
    expect(child.output).not.toContain("done stopped");
  });

  test("of a killed worker's tasks, one is interrupted, and the idempotent one runs again elsewhere", async () => {
    const first = await worker();
    const asked = server();
    const once = await asked.steps({ id: "once", count: 60 });
    const again = await asked.again({ id: "again", count: 60 });
    await Promise.all([first.wrote("ran once"), first.wrote("ran again")]);
    await worker();
    await first.stop("SIGKILL");
    expect(await endOf(asked, String(once.ref_id))).toMatchObject({
      status: "failed",
      error: { code: "interrupted" },
    });
    expect(await endOf(asked, String(again.ref_id))).toMatchObject({ is_complete: true });
    expect(runs("once")).toHaveLength(1);
    expect(runs("again")).toHaveLength(2);
  }, 60_000);

  test("a worker that is asked to end hands on what is idempotent, and says what it interrupts", async () => {
    const first = await worker();
    const asked = server();
    const once = await asked.steps({ id: "once", count: 60 });
    const again = await asked.again({ id: "again", count: 60 });
    await Promise.all([first.wrote("ran once"), first.wrote("ran again")]);
    const second = await worker();
    const { output } = await first.stop("SIGTERM", 15_000);
    expect(output).toContain("closed");
    await within(10_000, "the second run", second.wrote("ran again"));
    expect(await endOf(asked, String(once.ref_id))).toMatchObject({ error: { code: "interrupted" } });
    expect(await endOf(asked, String(again.ref_id))).toMatchObject({ is_complete: true });
  }, 60_000);

  test("the task outlives the server that took the call", async () => {
    const asked = server();
    const deferred = await asked.steps({ id: "orphan", count: 10 });
    await asked.cache.close();
    await worker();
    expect(await endOf(server(), String(deferred.ref_id))).toMatchObject({ is_complete: true });
  });

  test("more tasks than may wait are refused", async () => {
    const runner = new BullMqRunner({ url: redis.url, queue: "without-workers", maxWaiting: 1 });
    const asked = sharedTools(redis.url, (text) => here.push(text), { tasks: { runner } });
    servers.push(asked);
    await asked.steps({ id: "first", count: 1 });
    const error = await errorOf(() => asked.steps({ id: "second", count: 1 }));
    expect(error).toMatchObject({ code: "task_refused" });
  });

  test("a task whose tool no worker has fails, after some time", async () => {
    const asked = server();
    const deferred = await asked.steps({ id: "unknown", count: 1 });
    const refId = String(deferred.ref_id);
    const logger = recordingLogger();
    const cache = new RefCache({ name: "work", backend: new RedisBackend({ url: redis.url }), logger });
    const toolless = new TaskWorker(cache, { url: redis.url }).start();
    try {
      await eventually("a complaint", async () => expect(logger.lines.join()).toContain("has no tool"));
      expect(await asked.cache.get(refId, { actor: SYSTEM })).toMatchObject({ status: "pending" });
      const job = `{mcp-refcache}:mcp-refcache-tasks:${refId.replace(":", ".")}`;
      await eventually("the job is put back", async () =>
        expect(Number(await ask(redis, "hget", job, "atm"))).toBeGreaterThan(0),
      );
      await ask(redis, "hset", job, "atm", "9");
      expect(await endOf(asked, refId)).toMatchObject({ status: "failed", error: { code: "task_unknown" } });
    } finally {
      await toolless.close();
      await cache.close();
    }
  });
});
