import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { temporaryFolder } from "../helpers/folders.js";
import { startRedis } from "../helpers/redis-server.js";
import type { Orders } from "./children/task-server.js";
import { endOf, type Refusal, type TaskServer, TaskServers, taskIn } from "./task-servers.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

type Location = Orders["store"];

const SHORT = { lease: 1000 };
const INTERRUPTED = { status: "failed", error: { code: "interrupted" } };
const CANCELLED = { status: "cancelled", is_async: true };

const STORE_FAILURES: readonly unknown[] = ["store_unavailable", "store_timeout"];

/** Milliseconds by which others may be late that are to find an abandoned task: a busy machine is slow. */
const ROOM_MS = 5000;

function onAnyStore(open: () => Promise<Location>) {
  test("a task is polled, and waited for, on every server, and equal calls join it", {
    timeout: 60_000,
  }, async () => {
    const servers = new TaskServers({ store: await open() });
    const [a, b, c] = await servers.three();
    const gate = servers.gate();
    const work = { id: "one", steps: 1, message: "page 1 of 2", until: gate.path };
    const refId = taskIn(await a.call("plain", work));
    for (const server of [b, c]) {
      expect(await server.get(refId)).toMatchObject({
        status: "processing",
        progress: { current: 0, total: 1, percentage: 0, message: "page 1 of 2" },
      });
      expect(taskIn(await server.call("plain", work))).toBe(refId);
    }
    const waiting = [b, c, b, c].map((server) => server.get(refId, { wait: 20_000 }));
    const calling = [a, b, c].map((server) => server.call("plain", work));
    gate.open();
    for (const answer of await Promise.all(waiting))
      expect(answer).toMatchObject({ ref_id: refId, value: { id: "one" } });
    expect(new Set((await Promise.all(calling)).map(({ ref_id }) => ref_id))).toEqual(new Set([refId]));
    for (const server of [a, b, c])
      expect(await server.call("plain", work)).toMatchObject({ ref_id: refId, value: { id: "one" } });
    expect(servers.notes("begin")).toHaveLength(1);
  });

  test("who waits on another server is woken, and does not find out by looking", {
    timeout: 60_000,
  }, async () => {
    const servers = new TaskServers({ store: await open() });
    const [a, b, c] = await servers.three();
    const gate = servers.gate();
    const ids = Array.from({ length: 10 }, (_, n) => `task-${n}`);
    const refIds = await Promise.all(
      ids.map(async (id) => taskIn(await a.call("plain", { id, until: gate.path }))),
    );
    const woken = await Promise.all(
      [a, b, c].map(async (server) => {
        const ends = refIds.map(async (refId) => {
          expect(await server.get(refId, { wait: 20_000 })).toMatchObject({
            ref_id: refId,
            is_complete: true,
          });
          return performance.now();
        });
        if (server === c) await sleep(3000).then(gate.open); // by then they look for themselves every 0.5 to 1.5 s
        return medianOf(await Promise.all(ends));
      }),
    );
    const [own = 0, ...others] = woken;
    for (const other of others) expect(other - own).toBeLessThan(300);
  });

  test("the server is killed: its task has failed, as interrupted, and the next equal call runs", {
    timeout: 60_000,
  }, async () => {
    const servers = new TaskServers({ store: await open(), tasks: SHORT });
    const [a, b, c] = await servers.three();
    const gate = servers.gate();
    const work = { id: "killed", until: gate.path };
    const refId = taskIn(await a.call("plain", work));
    const waiting = b.get(refId, { wait: 20_000, responseFormat: "full" });
    await a.kill();
    const killed = performance.now();
    expect(await waiting).toMatchObject(INTERRUPTED);
    expect(performance.now() - killed).toBeLessThan(1000 + 500 + 500 + ROOM_MS);
    expect(await c.get(refId, { responseFormat: "full" })).toMatchObject(INTERRUPTED);
    const again = taskIn(await c.call("plain", work));
    expect(again).not.toBe(refId);
    gate.open();
    expect(await endOf(b, again)).toMatchObject({ ref_id: again, value: { id: "killed" } });
    expect(await c.get(refId, { responseFormat: "full" })).toMatchObject(INTERRUPTED);
    expect(servers.notes("begin").map(({ pid }) => pid)).toEqual([a.pid, c.pid]);
  });

  test("an idempotent one is taken over, under the same reference", { timeout: 60_000 }, async () => {
    const servers = new TaskServers({ store: await open(), tasks: SHORT });
    const [a, b, c] = await servers.three();
    const gate = servers.gate();
    const work = { id: "again", until: gate.path };
    const refId = taskIn(await a.call("idempotent", work));
    const waiting = [b, c].map((server) => endOf(server, refId));
    await a.kill();
    const [, second] = await servers.noted("begin", "again", 2);
    expect([b.pid, c.pid]).toContain(second);
    for (const server of [b, c]) expect(taskIn(await server.call("idempotent", work))).toBe(refId);
    gate.open();
    for (const answer of await Promise.all(waiting))
      expect(answer).toMatchObject({ ref_id: refId, value: { id: "again" } });
    for (const server of [b, c])
      expect(await server.call("idempotent", work)).toMatchObject({ ref_id: refId, is_complete: true });
    expect(servers.notes("begin")).toHaveLength(2);
  });

  test("one that ends its server each time is begun three times", { timeout: 60_000 }, async () => {
    const servers = new TaskServers({ store: await open(), tasks: SHORT });
    const [a, b, c] = await servers.three();
    const last = await servers.start();
    const gate = servers.gate();
    const refId = taskIn(await a.call("idempotent", { id: "deadly", deadly: gate.path }));
    gate.open();
    const begun = await servers.noted("begin", "deadly", 3, 30_000);
    expect(new Set(begun).size).toBe(3);
    const survivor = [b, c, last].find(({ pid }) => !begun.includes(pid));
    if (survivor === undefined) throw new Error("No server is left");
    expect(await endOf(survivor, refId)).toMatchObject(INTERRUPTED);
    expect(servers.notes("begin")).toHaveLength(3);
  });

  test("a task is cancelled on another server", { timeout: 60_000 }, async () => {
    const tasks = { lease: "1m" }; // its renewal, every 20 s, would tell as well
    const servers = new TaskServers({ store: await open(), tasks });
    const [a, b, c] = await servers.three();
    const never = servers.gate();
    const works = Array.from({ length: 10 }, (_, n) => ({ id: `cancelled-${n}`, until: never.path }));
    const refIds = await Promise.all(works.map(async (work) => taskIn(await a.call("plain", work))));
    const waiting = refIds.map((refId) => endOf(c, refId));
    await Promise.all(
      refIds.map(async (refId, n) => {
        expect(await b.cancel(refId)).toMatchObject({ ref_id: refId, is_async: true });
        await servers.noted("aborted", works[n]?.id ?? "", 1, 8000);
      }),
    );
    for (const answer of await Promise.all(waiting)) expect(answer).toMatchObject(CANCELLED);
    for (const server of [a, b, c])
      for (const refId of refIds) expect(await endOf(server, refId)).toMatchObject(CANCELLED);
  });

  test("a tool that ignores its signal ends as cancelled when it returns, without a result", {
    timeout: 60_000,
  }, async () => {
    const servers = new TaskServers({ store: await open() });
    const [a, b, c] = await servers.three();
    const gate = servers.gate();
    const work = { id: "deaf", until: gate.path, isDeaf: true };
    const refId = taskIn(await a.call("plain", work));
    await b.cancel(refId);
    await servers.noted("aborted", "deaf");
    expect(await c.get(refId)).toMatchObject({
      status: "processing",
      message: expect.stringContaining("cancelled"),
    });
    gate.open();
    for (const server of [a, b, c]) {
      expect(await endOf(server, refId)).toMatchObject(CANCELLED);
      expect(await server.exists(refId)).toBe(false);
    }
    expect(await b.call("plain", work)).toMatchObject({ value: { id: "deaf" } }); // anew
    expect(servers.notes("begin")).toHaveLength(2);
  });

  test("a server that was stopped for too long drops its result", { timeout: 60_000 }, async () => {
    const servers = new TaskServers({ store: await open(), tasks: SHORT });
    const [a, b] = await servers.three();
    const gate = servers.gate();
    const refId = taskIn(await a.call("plain", { id: "late", until: gate.path, isDeaf: true }));
    a.freeze();
    expect(await endOf(b, refId)).toMatchObject(INTERRUPTED);
    gate.open();
    a.thaw();
    await servers.noted("end", "late");
    await sleep(1000);
    for (const server of [a, b]) {
      expect(await server.get(refId, { responseFormat: "full" })).toMatchObject(INTERRUPTED);
      expect(await server.exists(refId)).toBe(false);
    }
  });

  test("closing waits; what has not ended by then is interrupted, or goes on elsewhere", {
    timeout: 60_000,
  }, async () => {
    const servers = new TaskServers({ store: await open(), tasks: SHORT });
    const [a, b] = await servers.three();
    const [soon, never, later] = [servers.gate(), servers.gate(), servers.gate()];
    const waited = taskIn(await a.call("plain", { id: "waited", until: soon.path }));
    const givenUp = taskIn(await a.call("plain", { id: "given-up", until: never.path }));
    const deaf = taskIn(await a.call("plain", { id: "deaf", until: never.path, isDeaf: true }));
    const moved = taskIn(await a.call("idempotent", { id: "moved", until: later.path }));
    const closing = a.close({ drain: 2000 });
    await sleep(500);
    soon.open();
    await closing;
    expect(await b.get(waited)).toMatchObject({ value: { id: "waited" } });
    for (const refId of [givenUp, deaf])
      expect(await b.get(refId, { responseFormat: "full" })).toMatchObject(INTERRUPTED);
    expect(servers.notes("aborted", "given-up")).toHaveLength(1);
    expect(taskIn(await b.get(moved))).toBe(moved);
    const [, second] = await servers.noted("begin", "moved", 2);
    expect(second).not.toBe(a.pid);
    later.open();
    expect(await endOf(b, moved)).toMatchObject({ ref_id: moved, value: { id: "moved" } });
  });
}

describe("tasks of servers on one SQLite file", () => {
  onAnyStore(async () => ({ sqlite: join(temporaryFolder(), "cache.db") }));

  test("nothing of a task stands readable in an encrypted store", { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    await keepsSecrets({ sqlite: join(folder, "cache.db") }, async () =>
      Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name)))).toString("latin1"),
    );
  });
});

describeRedisServer("tasks of servers on one Redis", () => {
  onAnyStore(async () => ({ redis: (await ownRedis()).url }));

  test("nothing of a task stands readable in an encrypted store", { timeout: 60_000 }, async () => {
    const { url } = await ownRedis();
    const client = new Redis(url);
    onTestFinished(() => client.disconnect());
    await keepsSecrets({ redis: url }, async () => {
      const keys = await client.keys("*");
      return JSON.stringify([keys, await Promise.all(keys.map((key) => contentOf(client, key)))]);
    });
  });

  test("a store that forgets everything, and one that hangs, do not interrupt a task", {
    timeout: 60_000,
  }, async () => {
    const redis = await ownRedis();
    const servers = new TaskServers({ store: { redis: redis.url }, tasks: { lease: 2000 } });
    const [a, b, c] = await servers.three();
    const gate = servers.gate();
    const work = { id: "kept", until: gate.path };
    const refId = taskIn(await a.call("plain", work));
    const known = (server: TaskServer) => server.get(refId).catch((error: Refusal) => error.code);
    await redis.restart(); // it keeps nothing
    for (const server of [b, c])
      await expect.poll(() => known(server), { timeout: 20_000 }).toMatchObject({ status: "processing" });
    expect(taskIn(await c.call("plain", work))).toBe(refId);
    redis.freeze();
    await sleep(3000);
    redis.thaw();
    for (const start = performance.now(); performance.now() - start < 2000; await sleep(50))
      for (const server of [b, c])
        expect(await known(server)).toSatisfy(
          (answer) => STORE_FAILURES.includes(answer) || answer.status === "processing",
        );
    gate.open();
    expect(await endOf(b, refId)).toMatchObject({ ref_id: refId, value: { id: "kept" } });
    expect(servers.notes("begin")).toHaveLength(1);
  });
});

function medianOf(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Runs tasks whose every text is a secret, and looks for it in all that is stored, also while they run. */
async function keepsSecrets(store: Location, everything: () => Promise<string>): Promise<void> {
  const key = "07".repeat(32);
  const servers = new TaskServers({ store, key });
  const [a, b] = await servers.three();
  const gate = servers.gate();
  const told = { steps: 1, message: "SECRET progress", until: gate.path };
  const failing = taskIn(
    await a.call("idempotent", { id: "SECRET-failing", ...told, error: "SECRET error" }),
  );
  const ending = taskIn(await a.call("idempotent", { id: "SECRET-ending", ...told }));
  expect(await b.get(ending)).toMatchObject({ progress: { message: "SECRET progress" } });
  const texts = [await everything()];
  gate.open();
  expect(await endOf(b, failing)).toMatchObject({ error: { message: "SECRET error" } });
  expect(await endOf(b, ending)).toMatchObject({ value: { id: "SECRET-ending" } });
  texts.push(await everything());
  for (const text of texts) {
    expect(text).toContain(ending); // it is looked for in the right place
    expect(text).not.toMatch(/SECRET/);
  }
}

async function contentOf(client: InstanceType<typeof Redis>, key: string): Promise<unknown> {
  const type = await client.type(key);
  if (type === "hash") return client.hgetall(key);
  if (type === "zset") return client.zrangebyscore(key, "-inf", "+inf");
  if (type === "string") return client.get(key);
  throw new Error(`Nothing looks into a ${type}`);
}

async function ownRedis() {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}
