import { describe, expect, test } from "vitest";
import {
  type BackendHealth,
  type CacheEvent,
  type CacheEventName,
  MemoryBackend,
  policies,
  RefCache,
  type RefCacheOptions,
  ReferenceUnavailableError,
  runAs,
  SYSTEM,
} from "../../src/index.js";
import { FlakyBackend } from "../helpers/flaky-backend.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const agent = { type: "agent", id: "alice" } as const;
const asServer = { actor: SYSTEM };
const EVENTS: CacheEventName[] = ["hit", "miss", "set", "evict", "invalidate", "error", "fallback"];

function make(options: Partial<RefCacheOptions> = {}) {
  return new RefCache({ name: "test", logger: recordingLogger(), ...options });
}

function record(cache: RefCache): [CacheEventName, CacheEvent][] {
  const heard: [CacheEventName, CacheEvent][] = [];
  for (const name of EVENTS) cache.events.on(name, (event) => heard.push([name, event]));
  return heard;
}

describe("stats", () => {
  test("tell calls that ran, were joined and were found, without having been switched on", async () => {
    const cache = make();
    const call = cache.cached("work")(async function work({ n }: { n: number }) {
      if (n < 0) throw new Error("no");
      return n;
    });
    await Promise.all([call({ n: 1 }), call({ n: 1 }), call({ n: 1 })]);
    await call({ n: 1 });
    await expect(call({ n: -1 })).rejects.toThrow("no");
    const { calls, stored } = await cache.stats();
    expect(calls).toEqual({ hits: 1, stale: 0, joined: 2, misses: 1, deferred: 0, failed: 1, hitRate: 0.75 });
    expect(stored).toBe(1);
  });

  test("tell references that were found, missing and denied", async () => {
    const cache = make();
    const { refId } = await cache.set("k", [1], { ...asServer, policy: policies.executeOnly });
    await cache.resolve(refId, { actor: agent });
    await expect(cache.get(refId, { actor: agent })).rejects.toThrow(ReferenceUnavailableError);
    await expect(cache.get("test:00000000", asServer)).rejects.toThrow(ReferenceUnavailableError);
    expect((await cache.stats()).reads).toEqual({ found: 1, missing: 1, denied: 1 });
  });

  test("tell times of operations, bytes, and what was removed", async () => {
    const cache = make();
    const { refId } = await cache.set("k", "x".repeat(98));
    for (let n = 0; n < 10; n++) await cache.resolve(refId, asServer);
    expect(await cache.delete(refId, asServer)).toBe(true);
    await cache.clear("public", asServer);
    const { operations, bytes, removed, errors } = await cache.stats();
    const { calls, timed, p50, p95, p99, max } = operations.get ?? {};
    expect([calls, timed]).toEqual([10, 10]);
    for (const [less, more] of [
      [0, p50],
      [p50, p95],
      [p95, p99],
    ])
      expect(less).toBeLessThanOrEqual(more as number);
    expect(max).toBeGreaterThan(0);
    expect(bytes).toEqual({ in: 100, out: 1000 });
    expect(removed).toBe(1);
    expect(errors).toEqual({});
  });

  test("one call in sixty-four is timed once there were a thousand", async () => {
    const cache = make();
    const { refId } = await cache.set("k", 1);
    for (let n = 0; n < 1800; n++) await cache.resolve(refId, asServer);
    expect((await cache.stats()).operations.get).toMatchObject({ calls: 1800, timed: 1013 });
  });

  test("tell evictions and failures by code", async () => {
    const backend = new FlakyBackend({ maxEntries: 2 });
    const cache = make({ backend });
    for (let n = 0; n < 5; n++) await cache.set(`k${n}`, n);
    backend.goDown();
    await expect(cache.resolve("test:00000000", asServer)).rejects.toThrow();
    const { evictions, errors, operations } = await cache.stats();
    expect(evictions).toBe(3);
    expect(errors).toEqual({ store_unavailable: 1 });
    expect(operations.get).toMatchObject({ calls: 1, errors: 1 });
  });

  test("nothing is counted for a cache that is closed, on a backend that goes on", async () => {
    const backend = new MemoryBackend({ maxEntries: 1 });
    backend.close = async () => {};
    const [former, present] = [make({ backend }), make({ backend })];
    await former.close();
    for (let n = 0; n < 3; n++) await present.set(`k${n}`, n);
    expect((await former.stats()).evictions).toBe(0);
    expect((await present.stats()).evictions).toBe(2);
  });
});

describe("events", () => {
  test("tell what happens, and never a value, a key or an argument", async () => {
    const cache = make({ backend: new MemoryBackend({ maxEntries: 3 }) });
    const heard = record(cache);
    const run = cache.cached("user:{user_id}:reports")(async function report(_: { secret: string }) {
      return "canary";
    });
    const { ref_id } = await runAs(agent, () => run({ secret: "canary" }));
    await runAs(agent, () => run({ secret: "canary" }));
    await cache.resolve(ref_id as string, asServer);
    await cache.delete(ref_id as string, asServer);
    await expect(cache.resolve(ref_id as string, asServer)).rejects.toThrow();
    for (let n = 0; n < 4; n++) await cache.set(`canary${n}`, "canary");
    await cache.clear("public", asServer);
    const [namespace, namespaceLabel] = ["user:alice:reports", "user:*"];
    const named = { namespace, namespaceLabel, refId: ref_id };
    const ofTool = { ...named, tool: "report", bytes: 8, count: 1 };
    expect(heard.slice(0, 6)).toEqual([
      ["set", { ...ofTool, operation: "set", code: null, milliseconds: null }],
      ["miss", { ...ofTool, operation: "call", code: "ran", milliseconds: expect.any(Number) }],
      ["hit", { ...ofTool, operation: "call", code: "stored", milliseconds: expect.any(Number) }],
      ["hit", { ...ofTool, operation: "resolve", code: "found", milliseconds: expect.any(Number) }],
      [
        "invalidate",
        expect.objectContaining({
          operation: "delete",
          refId: ref_id,
          count: 1,
          milliseconds: expect.any(Number),
        }),
      ],
      ["miss", expect.objectContaining({ operation: "resolve", code: "missing", namespace: null })],
    ]);
    expect(heard.filter(([name]) => name === "evict")).toHaveLength(1);
    expect(heard.find(([name]) => name === "evict")?.[1]).toMatchObject({ namespace: "public", bytes: 8 });
    expect(heard.at(-1)).toEqual(["invalidate", expect.objectContaining({ operation: "clear", count: 3 })]);
    expect(JSON.stringify(heard)).not.toContain("canary");
  });

  test("tell that the store has failed, and that a tool answers all the same", async () => {
    const backend = new FlakyBackend();
    const cache = make({ backend });
    const heard = record(cache);
    backend.goDown();
    await cache.cached("work")(async function work(_: { n: number }) {
      return 1;
    })({ n: 1 });
    const codes = heard.map(([name, { operation, code }]) => [name, operation, code]);
    expect(codes).toContainEqual(["error", "getLink", "store_unavailable"]);
    expect(codes).toContainEqual(["fallback", "call", "store_unavailable"]);
    expect(codes).toContainEqual(["miss", "call", "ran"]);
    expect((await cache.stats()).fallbacks).toBeGreaterThan(0);
  });

  test("a listener that throws fails nothing", async () => {
    const cache = make();
    for (const name of EVENTS)
      cache.events.on(name, () => {
        throw new Error("listener");
      });
    const { refId } = await cache.set("k", 1);
    expect(await cache.resolve(refId, asServer)).toBe(1);
    expect(await cache.delete(refId, asServer)).toBe(true);
  });
});

/** A backend with tiers, whose state a test sets. */
class Tiered extends MemoryBackend {
  state: BackendHealth["state"] = "up";
  breaker: BackendHealth["breaker"] = "closed";
  #tell = (_: BackendHealth) => {};

  async health(): Promise<BackendHealth> {
    const copies = { entries: 1, links: 0, bytes: 10, hits: 5, misses: 2, evictions: 0 };
    return { state: this.state, breaker: this.breaker, isCoherent: true, copies, waiting: 0 };
  }

  onHealth(listener: (health: BackendHealth) => void): () => void {
    this.#tell = listener;
    return () => {};
  }

  async turn(state: BackendHealth["state"], breaker: BackendHealth["breaker"]): Promise<void> {
    Object.assign(this, { state, breaker });
    this.#tell(await this.health());
  }
}

describe("tiers", () => {
  test("their state is in stats and health, and its changes are events", async () => {
    const backend = new Tiered();
    const cache = make({ backend });
    const heard = record(cache);
    expect(await cache.health()).toMatchObject({ status: "up", tiers: { breaker: "closed" } });
    await backend.turn("up", "half_open");
    expect(await cache.health()).toMatchObject({ status: "degraded", store: { isReachable: true } });
    await backend.turn("fallback", "open");
    expect(await cache.health()).toMatchObject({ status: "degraded", store: { isReachable: false } });
    await backend.turn("away", "open");
    expect((await cache.health()).status).toBe("down");
    await backend.turn("up", "closed");
    expect(heard.map(([name, { code }]) => [name, code])).toEqual([
      ["fallback", "fallback"],
      ["fallback", "away"],
      ["fallback", "up"],
    ]);
    expect((await cache.stats()).tiers?.copies.hits).toBe(5);
  });
});
