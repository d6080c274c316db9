import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { BullMqRunner, TaskWorker, type TaskWorkerOptions } from "../../src/bullmq/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { NodeProcess, within } from "../helpers/processes.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import { type RedisServer, type RedisServerOptions, startRedis } from "../helpers/redis-server.js";
import { gate, RecordingPerformer, taskReference } from "../helpers/task-performer.js";

const OVER = { outcome: "over" } as const;
const CHILD = "tests/bullmq/children/worker.ts";
/** Short, so that a test need not wait; long enough for a machine that is busy with others. */
const LOCK_MS = 3000;

describeRedisServer("TaskWorker, when things fail", () => {
  const closing: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function start(options?: RedisServerOptions): Promise<RedisServer> {
    const server = await startRedis(options);
    closing.push(() => server.stop());
    return server;
  }

  function submitter(url: string): BullMqRunner {
    const runner = new BullMqRunner({ url });
    closing.push(() => runner.close());
    return runner;
  }

  function worker(url: string, performer: RecordingPerformer, options: TaskWorkerOptions = {}): TaskWorker {
    const made = new TaskWorker(performer, { url, ...options }).start();
    closing.push(() => made.close({ drain: 0 }));
    return made;
  }

  test("a task whose worker is killed is brought to another one, however often", async () => {
    const server = await start();
    const runner = submitter(server.url);
    await runner.submit(taskReference(1));
    // BullMQ's own bound is one.
    for (let death = 0; death < 3; death++) {
      const child = new NodeProcess(CHILD, [server.url, `${LOCK_MS}`]);
      await child.wrote(`begun ${taskReference(1)}`);
      await child.stop("SIGKILL");
    }
    const performer = new RecordingPerformer();
    worker(server.url, performer, { lockDuration: LOCK_MS });
    await performer.wasAsked(1, 30_000);
    await sleep(LOCK_MS);
    expect(performer.refIds).toEqual([taskReference(1)]);
  }, 90_000);

  test("a task that takes longer than its lock stays with its worker", async () => {
    const server = await start();
    const opened = gate();
    const performer = new RecordingPerformer(() => opened.passed.then(() => OVER));
    const other = new RecordingPerformer();
    await submitter(server.url).submit(taskReference(1));
    worker(server.url, performer, { lockDuration: LOCK_MS });
    await performer.wasAsked(1);
    worker(server.url, other, { lockDuration: LOCK_MS });
    await sleep(2.5 * LOCK_MS);
    opened.open();
    expect(performer.asked).toHaveLength(1);
    expect(other.asked).toEqual([]);
  }, 30_000);

  test("goes on after the server was away, and says so once", async () => {
    const server = await start({ persist: true, password: "secret-of-the-queue" });
    const runner = submitter(server.url);
    const performer = new RecordingPerformer();
    worker(server.url, performer);
    await runner.submit(taskReference(1));
    await performer.wasAsked(1);
    await server.kill();
    await sleep(1500);
    await server.start();
    await eventually("the queue is back", () => runner.submit(taskReference(2)));
    await performer.wasAsked(2);
    const [first, ...others] = performer.logger.lines;
    expect(first).toContain("has to wait");
    expect(others.length).toBeLessThanOrEqual(3);
    expect(performer.logger.lines.join()).not.toContain("secret-of-the-queue");
  });

  test("waits for a server that is not there yet", async () => {
    const server = await start();
    await server.kill();
    const performer = new RecordingPerformer();
    worker(server.url, performer);
    await eventually("a complaint", async () => expect(performer.logger.lines).toHaveLength(1));
    await server.start();
    await eventually("the queue is there", () => submitter(server.url).submit(taskReference(1)));
    await performer.wasAsked(1);
  });

  test("goes on after the server was frozen, and brings nothing twice to itself for that", async () => {
    const server = await start();
    const runner = submitter(server.url);
    const performer = new RecordingPerformer();
    worker(server.url, performer);
    await runner.submit(taskReference(1));
    await performer.wasAsked(1);
    server.freeze();
    await sleep(2000);
    server.thaw();
    await eventually("the queue is back", () => runner.submit(taskReference(2)));
    await performer.wasAsked(2);
    expect(performer.refIds).toEqual([taskReference(1), taskReference(2)]);
  });

  test("ends in time while the server is frozen or gone", async () => {
    const server = await start();
    const performer = new RecordingPerformer();
    const frozen = worker(server.url, performer);
    await submitter(server.url).submit(taskReference(1));
    await performer.wasAsked(1);
    server.freeze();
    await within(10_000, "the end of a worker of a frozen server", frozen.close({ drain: 1000 }));
    server.thaw();
    const gone = worker(server.url, performer);
    await submitter(server.url).submit(taskReference(2));
    await performer.wasAsked(2);
    await server.kill();
    await sleep(300);
    await within(10_000, "the end of a worker of a dead server", gone.close({ drain: 1000 }));
  }, 40_000);

  test("asks a server that refuses no more than about once a second, and goes on", async () => {
    const server = await start();
    const runner = submitter(server.url);
    for (let n = 0; n < 5; n++) await runner.submit(taskReference(n));
    await ask(server, "config", "set", "maxmemory", "500kb");
    const performer = new RecordingPerformer();
    worker(server.url, performer);
    await eventually("a complaint", async () => expect(performer.logger.lines[0]).toContain("maxmemory"));
    const before = await scripts(server);
    await sleep(2000);
    expect((await scripts(server)) - before).toBeLessThan(20);
    await ask(server, "config", "set", "maxmemory", "0");
    await performer.wasAsked(5);
    expect(performer.logger.lines.filter((line) => line.includes("maxmemory"))).toHaveLength(1);
  });

  test("begins once its user has the rights, which the log asks for", async () => {
    const server = await start();
    await ask(server, "acl", "setuser", "worker", "on", ">pw", "resetkeys", "~{mcp-refcache}:*", "-@all");
    const url = server.url.replace("redis://", "redis://worker:pw@");
    const performer = new RecordingPerformer();
    worker(url, performer);
    await eventually("a complaint", async () => expect(performer.logger.lines[0]).toContain("rights"));
    await ask(server, "acl", "setuser", "worker", ...RIGHTS);
    await eventually("the rights", () => submitter(url).submit(taskReference(1)));
    await performer.wasAsked(1);
  });
});

/** What a user needs beside the keys `{mcp-refcache}:*`. */
const RIGHTS = ["+@read", "+@write", "+@connection", "+eval", "+evalsha", "-@dangerous", "+info"];

/** How many scripts a server has run. */
async function scripts(server: RedisServer): Promise<number> {
  const stats = String(await ask(server, "info", "commandstats"));
  return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
}
