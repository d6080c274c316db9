import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { slotOf } from "../../src/backends/redis/slot.js";
import { BullMqRunner, TaskWorker } from "../../src/bullmq/index.js";
import { makeCertificates } from "../helpers/certificates.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { startCluster } from "../helpers/redis-cluster.js";
import { eventually, startSentinels } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";
import { RecordingPerformer, taskReference } from "../helpers/task-performer.js";

/** Performs tasks over the topology, before and after the primary that holds the queue is killed. */
async function outlives(url: string, primary: RedisServer): Promise<void> {
  const runner = new BullMqRunner({ url });
  const performer = new RecordingPerformer();
  const worker = new TaskWorker(performer, { url }).start();
  try {
    await eventually("the queue is there", () => runner.submit(taskReference(1)));
    await performer.wasAsked(1, 30_000);
    // Copies are made a moment later.
    await sleep(300);
    await primary.kill();
    await eventually("the queue is back", () => runner.submit(taskReference(2)));
    await performer.wasAsked(2, 60_000);
    expect(performer.refIds.at(-1)).toBe(taskReference(2));
  } finally {
    await worker.close({ drain: 0 });
    await runner.close();
  }
}

describeRedisServer("a queue of tasks on other kinds of servers", () => {
  test("on a cluster that fails over", async () => {
    const cluster = await startCluster();
    try {
      await outlives(cluster.url, await cluster.primaryOf(slotOf("{mcp-refcache}")));
    } finally {
      await cluster.stop();
    }
  }, 120_000);

  test("with sentinels that fail over", async () => {
    const topology = await startSentinels();
    try {
      await outlives(topology.url, await topology.primary());
    } finally {
      await topology.stop();
    }
  }, 120_000);

  test("over TLS, with a password", async () => {
    const certificates = makeCertificates();
    const server = await startRedis({ password: "p@ss/word:7", tls: certificates });
    const tls = { ca: readFileSync(certificates.ca, "utf8") };
    const runner = new BullMqRunner({ url: server.url, tls });
    const performer = new RecordingPerformer();
    const worker = new TaskWorker(performer, { url: server.url, tls }).start();
    try {
      await eventually("the queue is there", () => runner.submit(taskReference(1)));
      await performer.wasAsked(1);
      expect(performer.logger.lines).toEqual([]);
    } finally {
      await worker.close({ drain: 0 });
      await runner.close();
      await server.stop();
      certificates.remove();
    }
  });
});
