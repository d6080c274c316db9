import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test } from "vitest";
import type { CacheBackend, ChannelMessage, ChannelStore } from "../../src/backends/backend.js";
import { readMessage, writeMessage } from "../../src/backends/channel.js";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { temporaryFolder } from "../helpers/folders.js";
import { startRedis } from "../helpers/redis-server.js";

type Backend = CacheBackend & ChannelStore;

/** One who listens, and notes what it was told. */
function listen(backend: Backend) {
  const heard: ChannelMessage[] = [];
  const ear = { heard, lost: 0, stop: () => {} };
  ear.stop = backend.subscribe({
    message: (message) => void heard.push(message),
    lost: () => void ear.lost++,
  });
  onTestFinished(ear.stop);
  return ear;
}

function closing<B extends CacheBackend>(backend: B): B {
  onTestFinished(() => backend.close());
  return backend;
}

const said = (...names: string[]): ChannelMessage => ({ topic: "said", names });

/** Says something again and again until somebody has heard it. */
async function saidUntilHeard(from: Backend, ear: { heard: ChannelMessage[] }, name: string): Promise<void> {
  await expect
    .poll(
      async () => {
        await from.publish(said(name)).catch(() => {});
        return ear.heard.some(({ names }) => names[0] === name);
      },
      { timeout: 15_000 },
    )
    .toBe(true);
}

describe("servers on one SQLite file", () => {
  function two(): [SqliteBackend, SqliteBackend, string] {
    const path = join(temporaryFolder(), "cache.db");
    return [closing(new SqliteBackend(path)), closing(new SqliteBackend(path)), path];
  }

  test("hear each other, and themselves, from the subscription on", async () => {
    const [one, two_] = two();
    await one.publish(said("before"));
    const ears = [listen(one), listen(two_)];
    await one.publish(said("a"));
    await two_.publish(said("b"));
    for (const ear of ears) {
      await expect.poll(() => ear.heard).toEqual([said("a"), said("b")]);
      expect(ear.lost).toBe(0);
    }
  });

  test("are told of what is gone before they could hear it", async () => {
    const [one, two_, path] = two();
    const ear = listen(two_);
    await one.publish(said("first"));
    await expect.poll(() => ear.heard).toEqual([said("first")]);
    const raw = new Database(path);
    onTestFinished(() => void raw.close());
    raw.transaction(() => {
      const add = raw.prepare("INSERT INTO refcache_messages (at, text) VALUES (0, ?)");
      for (const name of ["swept", "kept"]) add.run(writeMessage(said(name)));
      raw.prepare("DELETE FROM refcache_messages WHERE text LIKE '%swept%'").run();
    })();
    await expect.poll(() => ear.heard).toEqual([said("first"), said("kept")]);
    expect(ear.lost).toBe(1);
  });

  test("are told when another file has taken the place of theirs, though as much was said in it", async () => {
    const [one, two_, path] = two();
    const ear = listen(two_);
    await one.publish(said("first"));
    await expect.poll(() => ear.heard).toEqual([said("first")]);
    for (const file of [path, `${path}-wal`, `${path}-shm`]) rmSync(file, { force: true });
    const three = closing(new SqliteBackend(path));
    await three.publish(said("of the new file"));
    await expect.poll(() => ear.lost, { timeout: 10_000 }).toBe(1);
    await three.publish(said("second"));
    await expect.poll(() => ear.heard.at(-1), { timeout: 10_000 }).toEqual(said("second"));
  });

  test("keep messages for a minute, the newest one for its number", async () => {
    const [one, , path] = two();
    await one.exists("x:00000000");
    const raw = new Database(path);
    onTestFinished(() => void raw.close());
    raw.prepare("INSERT INTO refcache_messages (at, text) VALUES (?, 'old')").run(Date.now() / 1000 - 61);
    await one.publish(said("new"));
    expect(raw.prepare("SELECT id FROM refcache_messages").pluck().all()).toEqual([2]);
  });

  test("look for messages only while somebody listens", async () => {
    const [one, two_] = two();
    const ear = listen(two_);
    ear.stop();
    await one.publish(said("a"));
    await sleep(100);
    expect(ear.heard).toEqual([]);
    expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length).toBeLessThan(10);
  });

  test("skip what is no message", async () => {
    const [one, , path] = two();
    const ear = listen(one);
    await expect.poll(() => one.exists("x:00000000")).toBe(false);
    const raw = new Database(path);
    onTestFinished(() => void raw.close());
    for (const text of ["", "{", "[]", "null", '{"topic":1,"names":[]}', '{"topic":"t","names":[1]}'])
      raw.prepare("INSERT INTO refcache_messages (at, text) VALUES (0, ?)").run(text);
    await one.publish(said("a"));
    await expect.poll(() => ear.heard).toEqual([said("a")]);
  });
});

describeRedisServer("servers on one Redis", () => {
  async function servers() {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const options = { url: redis.url, connectTimeout: 500, commandTimeout: 500 };
    return { redis, one: closing(new RedisBackend(options)), other: closing(new RedisBackend(options)) };
  }

  test("hear each other, after one notice that it has begun", async () => {
    const { one, other } = await servers();
    const ear = listen(other);
    await expect.poll(() => ear.lost).toBe(1);
    await one.publish(said("a"));
    await one.publish(said("b"));
    await expect.poll(() => ear.heard).toEqual([said("a"), said("b")]);
  });

  test("make one more connection, at the first subscription, and give it up with the last", async () => {
    const { redis, one } = await servers();
    await one.exists("x:00000000");
    const raw = new Redis(redis.url);
    onTestFinished(() => raw.disconnect());
    const clients = async () =>
      String(await raw.client("LIST"))
        .trim()
        .split("\n").length - 1;
    expect(await clients()).toBe(1);
    const ears = [listen(one), listen(one)];
    await expect.poll(clients).toBe(2);
    await expect.poll(() => ears[1]?.lost).toBe(1);
    expect(await clients()).toBe(2);
    for (const ear of ears) ear.stop();
    await expect.poll(clients).toBe(1);
  });

  test("say that messages may be lost, and go on, after the connection was cut", async () => {
    const { redis, one, other } = await servers();
    const ear = listen(other);
    await expect.poll(() => ear.lost).toBe(1);
    const raw = new Redis(redis.url);
    onTestFinished(() => raw.disconnect());
    await raw.call("CLIENT", "KILL", "TYPE", "pubsub");
    await expect.poll(() => ear.lost, { timeout: 5000 }).toBe(2);
    await one.publish(said("again"));
    await expect.poll(() => ear.heard).toEqual([said("again")]);
  });

  test("listen again after the server was killed, or was frozen for long", async () => {
    const { redis, one, other } = await servers();
    const ear = listen(other);
    await saidUntilHeard(one, ear, "at first");
    await redis.kill();
    await redis.start();
    await saidUntilHeard(one, ear, "after a kill");
    expect(ear.lost).toBe(2);
    redis.freeze();
    await sleep(4000); // a ping goes out every two seconds, and has half a second
    redis.thaw();
    await saidUntilHeard(one, ear, "after a freeze");
    expect(ear.lost).toBeGreaterThanOrEqual(3);
  });

  test("subscribe while the server is away, and hear once it is there", async () => {
    const { redis, one, other } = await servers();
    await redis.kill();
    const ear = listen(other);
    await sleep(300);
    expect(ear.lost).toBe(0);
    await redis.start();
    await saidUntilHeard(one, ear, "there");
  });

  test("work on a client that was given, which is left as it was", async () => {
    const { redis, one } = await servers();
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    const backend = new RedisBackend({ client });
    const ear = listen(backend);
    await saidUntilHeard(one, ear, "a");
    await backend.close();
    expect(await client.ping()).toBe("PONG");
  });
});

test("a message comes back from its text as it was, and nothing else is one", () => {
  const message = said("", 'Zoë "😀"\n');
  expect(readMessage(writeMessage(message))).toEqual(message);
  for (const text of [undefined, "", "1", "null", "[]", '{"topic":"t"}'])
    expect(readMessage(text)).toBe(undefined);
});
