import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { BullMqRunner, TaskWorker, type TaskWorkerOptions } from "../../src/bullmq/index.js";
import { StoreUnavailableError, TaskInterruptedError, TaskUnknownError } from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { within } from "../helpers/processes.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";
import { gate, RecordingPerformer, taskReference } from "../helpers/task-performer.js";

const QUEUE = "{mcp-refcache}:mcp-refcache-tasks";
const OVER = { outcome: "over" } as const;

describeRedisServer("TaskWorker", () => {
  let server: RedisServer;
  let runner: BullMqRunner;
  const workers: TaskWorker[] = [];

  beforeAll(async () => {
    server = await startRedis();
    runner = new BullMqRunner({ url: server.url });
  });
  beforeEach(async () => {
    await ask(server, "flushall");
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close({ drain: 0 })));
  });
  afterAll(async () => {
    await runner.close();
    await server.stop();
  });

  function worker(performer: RecordingPerformer, options: TaskWorkerOptions = {}): TaskWorker {
    const made = new TaskWorker(performer, { url: server.url, ...options });
    workers.push(made);
    return made;
  }

  const references = (count: number) => Array.from({ length: count }, (_, n) => taskReference(n));
  const left = async () =>
    (await ask(server, "exists", `${QUEUE}:${taskReference(0).replace(":", ".")}`)) === 1;

  test("performs tasks in the order in which they were submitted", async () => {
    const performer = new RecordingPerformer();
    for (const refId of references(50)) await runner.submit(refId);
    worker(performer, { concurrency: 1 }).start();
    await performer.wasAsked(50);
    expect(performer.refIds).toEqual(references(50));
  });

  test("performs as many at a time as it may, and no more", async () => {
    let running = 0;
    let most = 0;
    const performer = new RecordingPerformer(async () => {
      most = Math.max(most, ++running);
      await sleep(20);
      running--;
      return OVER;
    });
    for (const refId of references(30)) await runner.submit(refId);
    worker(performer, { concurrency: 3 }).start();
    await performer.wasAsked(30);
    expect(most).toBe(3);
  });

  test("takes nothing before it is started", async () => {
    const [idle, busy] = [new RecordingPerformer(), new RecordingPerformer()];
    worker(idle);
    await runner.submit(taskReference(0));
    worker(busy).start();
    await busy.wasAsked(1);
    expect(idle.asked).toEqual([]);
  });

  test("brings a task again after the delay that it asks for, and others meanwhile", async () => {
    const times: number[] = [];
    const performer = new RecordingPerformer(({ refId }) => {
      if (refId !== taskReference(0)) return OVER;
      return times.push(performance.now()) < 3 ? { outcome: "retry", delay: 300 } : OVER;
    });
    await runner.submit(taskReference(0));
    await runner.submit(taskReference(1));
    worker(performer, { concurrency: 1 }).start();
    await performer.wasAsked(4);
    expect(performer.refIds.slice(0, 2)).toEqual([taskReference(0), taskReference(1)]);
    const [first = 0, second = 0, third = 0] = times;
    for (const pause of [second - first, third - second]) {
      expect(pause).toBeGreaterThan(290);
      expect(pause).toBeLessThan(3000);
    }
    await eventually("the job is gone", async () => expect(await left()).toBe(false));
  });

  test("is told that it may try again however often, without using up deliveries", async () => {
    const performer = new RecordingPerformer((_, nth) => (nth < 15 ? { outcome: "retry", delay: 1 } : OVER));
    await runner.submit(taskReference(0));
    worker(performer).start();
    await performer.wasAsked(15);
    expect(performer.asked.some(({ isLastDelivery }) => isLastDelivery)).toBe(false);
  });

  test("brings a task again for as long as the store is away, and says so once", async () => {
    const performer = new RecordingPerformer((_, nth) => {
      if (nth < 3) throw new StoreUnavailableError("The store is gone.");
      return OVER;
    });
    await runner.submit(taskReference(0));
    worker(performer).start();
    await performer.wasAsked(3);
    expect(performer.asked.some(({ isLastDelivery }) => isLastDelivery)).toBe(false);
    await eventually("the job is gone", async () => expect(await left()).toBe(false));
    expect(performer.logger.lines).toEqual([
      "A worker of tasks has to wait. The store is gone.",
      "The worker of tasks need not wait any longer.",
    ]);
  });

  test("brings a task again that could not be begun, writing down no more than a code", async () => {
    const performer = new RecordingPerformer((_, nth) => {
      if (nth === 1) throw new TaskUnknownError("jobs");
      if (nth === 2) throw new Error("a text with a secret");
      return new Promise((resolve) => setTimeout(resolve, 200, OVER));
    });
    await runner.submit(taskReference(0));
    worker(performer).start();
    await performer.wasAsked(3);
    const job = JSON.stringify(
      await ask(server, "hgetall", `${QUEUE}:${taskReference(0).replace(":", ".")}`),
    );
    expect(job).toContain("failed");
    expect(job + performer.logger.lines).not.toContain("secret");
    expect(job).not.toContain("node_modules");
    expect(performer.logger.lines[0]).toContain("has no tool jobs");
    await eventually("the job is gone", async () => expect(await left()).toBe(false));
  });

  test("says which delivery is the last, and gives up after it", async () => {
    const performer = new RecordingPerformer(({ isLastDelivery }) => {
      if (isLastDelivery) throw new TaskUnknownError("jobs");
      return OVER;
    });
    await runner.submit(taskReference(0));
    await ask(server, "hset", `${QUEUE}:${taskReference(0).replace(":", ".")}`, "atm", "9");
    worker(performer).start();
    await performer.wasAsked(1);
    expect(performer.asked[0]?.isLastDelivery).toBe(true);
    await eventually("the job is gone", async () => expect(await left()).toBe(false));
    expect(performer.logger.lines[0]).toContain("given up");
  });

  test("drops a job of somebody else's", async () => {
    const performer = new RecordingPerformer();
    await runner.submit("not a reference");
    await runner.submit(taskReference(0));
    worker(performer, { concurrency: 1 }).start();
    await performer.wasAsked(1);
    expect(performer.refIds).toEqual([taskReference(0)]);
    expect(performer.logger.lines).toHaveLength(1);
  });

  test("waits at its end for what runs, and takes nothing more", async () => {
    const opened = gate();
    const performer = new RecordingPerformer(() => opened.passed.then(() => OVER));
    const closing = worker(performer, { concurrency: 1 }).start();
    for (const refId of references(3)) await runner.submit(refId);
    await performer.wasAsked(1);
    let isClosed = false;
    const closed = closing.close({ drain: 15_000 }).then(() => {
      isClosed = true;
    });
    await sleep(300);
    expect(isClosed).toBe(false);
    opened.open();
    await within(5000, "the end of the worker", closed);
    expect(performer.asked).toHaveLength(1);
    expect(performer.asked[0]?.signal.aborted).toBe(false);
    expect(await left()).toBe(false);
    expect(await ask(server, "llen", `${QUEUE}:wait`)).toBe(2);
  });

  test("aborts at its end what takes longer, and another worker gets what is handed back", async () => {
    const performer = new RecordingPerformer(
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve({ outcome: "retry", delay: 0 }));
        }),
    );
    const closing = worker(performer).start();
    await runner.submit(taskReference(0));
    await performer.wasAsked(1);
    await within(8000, "the end of the worker", closing.close({ drain: 100 }));
    expect(performer.asked[0]?.signal.reason).toBeInstanceOf(TaskInterruptedError);
    const other = new RecordingPerformer();
    worker(other).start();
    await other.wasAsked(1);
  });

  test("does not wait for ever for a task that ignores its signal; another worker gets it", async () => {
    const performer = new RecordingPerformer(() => new Promise(() => {}));
    const closing = worker(performer, { lockDuration: 3000 }).start();
    await runner.submit(taskReference(0));
    await performer.wasAsked(1);
    await within(12_000, "the end of the worker", closing.close({ drain: 0 }));
    const other = new RecordingPerformer();
    worker(other, { lockDuration: 3000 }).start();
    await other.wasAsked(1);
  }, 40_000);

  test("closes at once before it was started, and is not started after", async () => {
    const performer = new RecordingPerformer();
    const closed = worker(performer);
    await within(1000, "the end of the worker", closed.close());
    closed.start();
    await runner.submit(taskReference(0));
    const other = new RecordingPerformer();
    worker(other).start();
    await other.wasAsked(1);
    expect(performer.asked).toEqual([]);
  });
});
