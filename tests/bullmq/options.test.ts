import { expect, test } from "vitest";
import { loadBullMq } from "../../src/bullmq/driver.js";
import { BullMqRunner, type QueueOptions, TaskWorker } from "../../src/bullmq/index.js";
import { readQueueOptions } from "../../src/bullmq/options.js";
import { ConfigurationError, PeerDependencyError } from "../../src/errors.js";
import { errorOf } from "../helpers/errors.js";
import { RecordingPerformer } from "../helpers/task-performer.js";

const URL_ = "redis://user:secret@127.0.0.1:1";

test("the server is found as that of RedisBackend is, in options or environment", () => {
  expect(readQueueOptions({}, { REDIS_URL: "redis://:pw@queue:7000/3" })).toMatchObject({
    queue: "mcp-refcache-tasks",
    prefix: "{mcp-refcache}",
    server: { host: "queue", port: 7000, db: 3, password: "pw" },
  });
  expect(readQueueOptions({ host: "other", queue: "q", prefix: "p" }, { REDIS_URL: URL_ })).toMatchObject({
    queue: "q",
    prefix: "p",
    server: { host: "other", port: 6379 },
  });
});

test.each<[string, QueueOptions]>([
  ["queue", { queue: "" }],
  ["queue", { queue: "a:b" }],
  ["prefix", { prefix: "" }],
  ["prefix", { prefix: "no-braces", url: "redis+cluster://127.0.0.1:1" }],
  ["port", { port: 0 }],
  ["url", { url: "http://user:secret@host" }],
])("an unacceptable %s is named, %#", async (option, options) => {
  for (const make of [
    () => new BullMqRunner(options),
    () => new TaskWorker(new RecordingPerformer(), options),
  ]) {
    const error = await errorOf(make);
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option });
    expect(error.message).not.toContain("secret");
  }
});

test.each([
  ["concurrency", { concurrency: 0 }],
  ["lockDuration", { lockDuration: 1.5 }],
])("an unacceptable %s is named", async (option, options) => {
  const error = await errorOf(() => new TaskWorker(new RecordingPerformer(), { url: URL_, ...options }));
  expect(error).toMatchObject({ code: "invalid_option", option });
});

test("an unacceptable maxWaiting or drain is named", async () => {
  expect(await errorOf(() => new BullMqRunner({ url: URL_, maxWaiting: 0 }))).toMatchObject({
    option: "maxWaiting",
  });
  const worker = new TaskWorker(new RecordingPerformer(), { url: URL_ });
  expect(await errorOf(() => worker.close({ drain: -1 }))).toMatchObject({ option: "drain" });
});

test("errors name the server without its credentials", () => {
  expect(readQueueOptions({ url: URL_ }).where).toBe("127.0.0.1:1, which holds the queue of tasks,");
});

test.each(["bullmq", "ioredis"])("a missing %s is told with the command that installs it", async (peer) => {
  const load = (id: string) => {
    if (id === peer) throw Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
    return {};
  };
  const error = await errorOf(() => loadBullMq(load));
  expect(error).toBeInstanceOf(PeerDependencyError);
  expect(error.message).toContain("npm install bullmq ioredis");
});

test("an error of the package itself is not taken for its absence", async () => {
  const load = () => {
    throw new Error("broken");
  };
  expect((await errorOf(() => loadBullMq(load))).message).toBe("broken");
});
