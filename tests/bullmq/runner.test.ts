import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { BullMqRunner, type BullMqRunnerOptions, TaskWorker } from "../../src/bullmq/index.js";
import { StoreError, StoreTimeoutError, StoreUnavailableError, TaskRefusedError } from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { errorOf } from "../helpers/errors.js";
import { within } from "../helpers/processes.js";
import { ask, eventually } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";
import { gate, RecordingPerformer, taskReference } from "../helpers/task-performer.js";

const PASSWORD = "a-password-nobody-should-see";
const QUEUE = "{mcp-refcache}:mcp-refcache-tasks";

describeRedisServer("BullMqRunner", () => {
  let server: RedisServer;
  const closing: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    await ask(server, "flushall");
  });
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((each) => each.close()));
  });
  afterAll(() => server.stop());

  function runner(options: BullMqRunnerOptions = {}): BullMqRunner {
    const made = new BullMqRunner({ url: server.url, ...options });
    closing.push(made);
    return made;
  }

  function worker(performer: RecordingPerformer): TaskWorker {
    const made = new TaskWorker(performer, { url: server.url }).start();
    closing.push({ close: () => made.close({ drain: 0 }) });
    return made;
  }

  test("puts the reference and nothing else of the task into the queue", async () => {
    await runner().submit(taskReference(1));
    const [id] = (await ask(server, "lrange", `${QUEUE}:wait`, "0", "-1")) as string[];
    expect(id).toBe(taskReference(1).replace(":", "."));
    expect(await ask(server, "hget", `${QUEUE}:${id}`, "data")).toBe(
      JSON.stringify({ ref_id: taskReference(1) }),
    );
  });

  test("leaves nothing behind of tasks that are over", async () => {
    const performer = new RecordingPerformer();
    const submitting = runner();
    worker(performer);
    for (let n = 0; n < 20; n++) await submitting.submit(taskReference(n));
    await performer.wasAsked(20);
    const names = ["events", "id", "marker", "meta", "stalled", "stalled-check"].map((k) => `${QUEUE}:${k}`);
    await eventually("only what is of the queue itself", async () => {
      const keys = (await ask(server, "keys", "*")) as string[];
      expect(names).toEqual(expect.arrayContaining(keys));
    });
  });

  test("makes one job of a task that is submitted twice, waiting or taken", async () => {
    const opened = gate();
    const performer = new RecordingPerformer(() => opened.passed.then(() => ({ outcome: "over" })));
    const [one, other] = [runner(), runner()];
    await Promise.all([one.submit(taskReference(1)), other.submit(taskReference(1))]);
    await one.submit(taskReference(1));
    worker(performer);
    await performer.wasAsked(1);
    await one.submit(taskReference(1));
    opened.open();
    await one.submit(taskReference(2));
    await performer.wasAsked(2);
    expect(performer.refIds).toEqual([taskReference(1), taskReference(2)]);
  });

  test("takes back what waits, and only that", async () => {
    const opened = gate();
    const performer = new RecordingPerformer(() => opened.passed.then(() => ({ outcome: "over" })));
    const submitting = runner();
    await submitting.submit(taskReference(1));
    expect(await submitting.withdraw(taskReference(1))).toBe(true);
    expect(await submitting.withdraw(taskReference(1))).toBe(false);
    expect(await submitting.withdraw(taskReference(9))).toBe(false);

    worker(performer);
    await submitting.submit(taskReference(2));
    await performer.wasAsked(1);
    expect(performer.refIds).toEqual([taskReference(2)]);
    expect(await submitting.withdraw(taskReference(2))).toBe(false);
    opened.open();
  });

  test("takes back a task that is put back for later", async () => {
    const performer = new RecordingPerformer(() => ({ outcome: "retry", delay: 60_000 }));
    const submitting = runner();
    worker(performer);
    await submitting.submit(taskReference(1));
    await eventually("the task is put back", async () => {
      expect(await ask(server, "zcard", `${QUEUE}:delayed`)).toBe(1);
    });
    expect(await submitting.withdraw(taskReference(1))).toBe(true);
    expect(await ask(server, "zcard", `${QUEUE}:delayed`)).toBe(0);
  });

  test("refuses more than may wait, and takes them again when there is room", async () => {
    const submitting = runner({ maxWaiting: 3 });
    for (let n = 0; n < 3; n++) await submitting.submit(taskReference(n));
    const refusal = await errorOf(() => submitting.submit(taskReference(3)));
    expect(refusal).toBeInstanceOf(TaskRefusedError);
    expect(refusal).toMatchObject({ code: "task_refused" });
    await submitting.withdraw(taskReference(0));
    await submitting.submit(taskReference(3));
  });

  test("queues of other names or prefixes are others", async () => {
    await runner().submit(taskReference(1));
    expect(await runner({ queue: "other" }).withdraw(taskReference(1))).toBe(false);
    expect(await runner({ prefix: "other" }).withdraw(taskReference(1))).toBe(false);
  });

  test("fails every call after it was closed; what was submitted stays", async () => {
    const closed = runner();
    await closed.submit(taskReference(1));
    await closed.close();
    expect(await errorOf(() => closed.submit(taskReference(2)))).toBeInstanceOf(StoreUnavailableError);
    expect(await runner().withdraw(taskReference(1))).toBe(true);
  });

  test("fails clearly without a secret when the server is down, and goes on when it is back", async () => {
    const own = await startRedis({ password: PASSWORD, persist: true });
    try {
      const submitting = runner({ url: own.url });
      await submitting.submit(taskReference(1));
      await own.kill();
      const error = await within(
        5000,
        "a refusal",
        errorOf(() => submitting.submit(taskReference(2))),
      );
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain(PASSWORD);
      await own.start();
      await eventually("the queue is back", () => submitting.submit(taskReference(3)));
      expect(await submitting.withdraw(taskReference(1))).toBe(true);
    } finally {
      await own.stop();
    }
  });

  test("ends in time where the server was never there", async () => {
    const own = await startRedis();
    await own.stop();
    const error = await within(
      5000,
      "a refusal",
      errorOf(() => runner({ url: own.url }).submit(taskReference(1))),
    );
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error).toMatchObject({ outcomeUnknown: false });
  });

  test("ends in time on a frozen server, says that the outcome is unknown, and goes on when it thaws", async () => {
    const own = await startRedis();
    try {
      const submitting = runner({ url: own.url, commandTimeout: 300 });
      await submitting.submit(taskReference(1));
      own.freeze();
      const error = await within(
        5000,
        "a refusal",
        errorOf(() => submitting.submit(taskReference(2))),
      );
      expect(error).toBeInstanceOf(StoreTimeoutError);
      expect(
        await within(
          5000,
          "a refusal",
          errorOf(() => submitting.withdraw(taskReference(1))),
        ),
      ).toBeInstanceOf(StoreError);
      own.thaw();
      await eventually("the queue is back", () => submitting.submit(taskReference(3)));
      await within(5000, "the end", submitting.close());
    } finally {
      await own.stop();
    }
  });

  test("closes in time on a frozen server", async () => {
    const own = await startRedis();
    try {
      const submitting = runner({ url: own.url });
      await submitting.submit(taskReference(1));
      own.freeze();
      await within(5000, "the end", submitting.close());
    } finally {
      await own.stop();
    }
  });

  test("says that the password will not do, without it", async () => {
    const own = await startRedis({ password: PASSWORD });
    try {
      const url = own.url.replace(PASSWORD, "wrong-and-secret");
      const error = await errorOf(() => runner({ url }).submit(taskReference(1)));
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error.message).toContain("credentials");
      expect(error.message).not.toContain("wrong-and-secret");
    } finally {
      await own.stop();
    }
  });
});
