import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { allDone, stepByStep } from "../../src/backends/partly-done.js";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { ACL_RULES } from "../../src/backends/redis/rights.js";
import { writeInSteps } from "../../src/backends/sqlite/batches.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { type StoreError, StoreTimeoutError, StoreUnavailableError } from "../../src/errors.js";
import { RefCache, SYSTEM } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { entry, reference } from "../helpers/entries.js";
import { temporaryFolder } from "../helpers/folders.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { startRedis } from "../helpers/redis-server.js";

const REF = reference(1);
const LARGE = entry({ value: "x".repeat(3_000_000) });
const FAILURE = new StoreUnavailableError("It is gone.");
const UNKNOWN = new StoreUnavailableError("It is gone.", { outcomeUnknown: true });
const OUTLINE = Uint8Array.from([1, 2]);

test("a write in steps that fails has done a part, unless it was the first", async () => {
  const failingAt = (step: number) =>
    failureOf(
      stepByStep([0, 1, 2], (n) => {
        if (n === step) throw FAILURE;
      }),
    );
  expect(await failingAt(0)).toBe(FAILURE);
  expect((await failingAt(1)).outcomeUnknown).toBe(true);
  expect(await stepByStep([1, 2], (n) => n + 1)).toEqual([2, 3]);
});

test("writes that were begun together have surely not been done where all have surely failed", async () => {
  const [fails, isUnknown] = [() => Promise.reject(FAILURE), () => Promise.reject(UNKNOWN)];
  const done = () => Promise.resolve(1);
  expect(await failureOf(allDone([fails(), fails()]))).toBe(FAILURE);
  expect(await failureOf(allDone([fails(), isUnknown()]))).toBe(UNKNOWN);
  expect((await failureOf(allDone([fails(), done()]))).outcomeUnknown).toBe(true);
  expect(await allDone([done(), done()])).toEqual([1, 1]);
});

test("SQLite: entries that are stored in steps", async () => {
  const failingAt = (step: number) => {
    let at = 0;
    const run = async (work: (statements: never) => void) => {
      if (at++ === step) throw FAILURE;
      work(undefined as never);
    };
    return failureOf(writeInSteps([1, 2, 3], run, pause));
  };
  expect(await failingAt(0)).toBe(FAILURE);
  expect((await failingAt(1)).outcomeUnknown).toBe(true);
});

test("SQLite: an outline that is cut off midway", async () => {
  const path = join(temporaryFolder(), "cache.db");
  const backend = new SqliteBackend({ path, busyTimeout: 50 });
  await backend.set(REF, LARGE);
  const other = new Database(path);
  onTestFinished(async () => {
    other.close();
    await backend.close();
  });
  const keeping = failureOf(backend.keepOutline(REF, LARGE, OUTLINE));
  other.exec("BEGIN IMMEDIATE");
  const error = await keeping;
  expect(error).toBeInstanceOf(StoreTimeoutError);
  expect(error.outcomeUnknown).toBe(true);
});

describeRedisServer("Redis: what is refused midway", () => {
  async function backendWith(...rules: string[]) {
    const redis = await startRedis({ config: [["user", "app", "on", ">secret", ...ACL_RULES, ...rules]] });
    const backend = new RedisBackend({ url: `redis://app:secret@127.0.0.1:${redis.port}` });
    const other = new RedisBackend({ url: redis.url });
    onTestFinished(async () => {
      await Promise.all([backend.close(), other.close()]);
      await redis.stop();
    });
    await other.set(REF, LARGE);
    return { backend, other };
  }

  test("an outline without a look whether its entry is still there", async () => {
    const { backend, other } = await backendWith("-exists");
    expect((await failureOf(backend.keepOutline(REF, LARGE, OUTLINE))).outcomeUnknown).toBe(true);
    expect((await other.look(REF))?.outline).toBeDefined();
  });

  test("an entry without its name", async () => {
    const { backend, other } = await backendWith("-eval", "-evalsha");
    const lease = await other.acquireLease("made", 1000);
    if (typeof lease === "string") throw new Error(lease);
    expect((await failureOf(backend.setLeased(reference(2), entry(), lease))).outcomeUnknown).toBe(true);
    expect(await other.exists(reference(2))).toBe(true);
  });

  test("one of several commands that are sent at once", async () => {
    const { backend, other } = await backendWith("resetkeys", "~mcp-refcache:entry:*");
    expect((await failureOf(backend.delete(REF))).outcomeUnknown).toBe(true);
    expect(await other.exists(REF)).toBe(false);
    const nothing = await backendWith("resetkeys", "%R~mcp-refcache:*");
    expect((await failureOf(nothing.backend.delete(REF))).outcomeUnknown).toBe(false);
  });
});

/** Removes one entry, and fails at the second. */
class OnceBackend extends MinimalBackend {
  removed = 0;

  override async delete(refId: string): Promise<boolean> {
    if (this.removed === 1) throw FAILURE;
    this.removed++;
    return super.delete(refId);
  }
}

test("an invalidation and a clearing of a cache, entry by entry or tag by tag", async () => {
  const user = { type: "user", id: "anna" } as const;
  const removals = {
    "one tag": (cache: RefCache) => cache.invalidate({ tags: ["a"] }, { actor: SYSTEM }),
    "two tags": (cache: RefCache) => cache.invalidate({ tags: ["c", "b"] }, { actor: SYSTEM }),
    "a namespace": (cache: RefCache) => cache.clear("public", { actor: user }),
  };
  for (const [name, remove] of Object.entries(removals)) {
    const cache = new RefCache({ name: "partly", backend: new OnceBackend() });
    await cache.set("one", 1, { tags: ["a", "b"], actor: user });
    await cache.set("two", 2, { tags: ["a", "c"], actor: user });
    const error = await failureOf(remove(cache));
    expect(error.outcomeUnknown, name).toBe(true);
  }
});

/** Longer than a step of SQLite may take. */
function pause(): void {
  const end = performance.now() + 12;
  while (performance.now() < end);
}

async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  try {
    await call;
  } catch (error) {
    return error as StoreError;
  }
  throw new Error("the call has not failed");
}
