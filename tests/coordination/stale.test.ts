import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { currentActor, currentUsage, runAs } from "../../src/access/current.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import {
  type Actor,
  type CacheBackend,
  type CachedOptions,
  MemoryBackend,
  policies,
  RefCache,
  type RefCacheOptions,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { errorOf } from "../helpers/errors.js";
import { temporaryFolder } from "../helpers/folders.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };

function cacheOn(backend: CacheBackend, options: Partial<RefCacheOptions> = {}): RefCache {
  const cache = new RefCache({ name: "test", backend, limits: { minTtl: 1 }, ...options });
  onTestFinished(() => cache.close());
  return cache;
}

/** A tool whose results are fresh for 400 ms, and answered for a minute. */
function counting(
  cache: RefCache,
  options: CachedOptions = {},
  run = async (n: number): Promise<unknown> => n,
) {
  const runs: string[] = [];
  const call = cache.cached("runs", { name: "tool", ttl: 400, staleTtl: "1m", ...options })(
    async (_: { id: number }) => {
      runs.push(currentActor()?.id ?? "nobody");
      return run(runs.length);
    },
  );
  return { call: () => call({ id: 1 }), runs };
}

const untilStale = () => sleep(450);

const STORES: Record<string, () => () => CacheBackend> = {
  memory: () => {
    const backend = new MemoryBackend();
    return () => backend;
  },
  SQLite: () => {
    const path = join(temporaryFolder(), "cache.db");
    return () => new SqliteBackend(path);
  },
};

describe.each(Object.entries(STORES))("on %s, a result past its ttl", (_, open) => {
  test("is answered at once, marked, while a new one is made", async () => {
    const { call, runs } = counting(cacheOn(open()()));
    const fresh = await call();
    expect(fresh).not.toHaveProperty("stale");
    await untilStale();
    expect(await call()).toEqual({ ...fresh, stale: true });
    await expect.poll(() => runs.length).toBe(2);
    await expect.poll(async () => (await call()).value).toBe(2);
  });

  test("is made anew once, however many ask", async () => {
    const { call, runs } = counting(cacheOn(open()()), {}, async (n) => {
      await sleep(50);
      return n;
    });
    await call();
    await untilStale();
    const answers = await Promise.all(Array.from({ length: 50 }, call));
    expect(new Set(answers.map(({ stale, value }) => `${stale} ${value}`))).toEqual(new Set(["true 1"]));
    await expect.poll(async () => (await call()).value).not.toBe(1);
    expect(runs.length).toBe(2);
  });

  test("is gone when staleTtl is over, too", async () => {
    const { call } = counting(cacheOn(open()()), { ttl: 50, staleTtl: 50 });
    const { expires_at, ref_id } = await call();
    expect(Date.parse(expires_at ?? "") - Date.now()).toBeLessThanOrEqual(100);
    await sleep(450);
    const next = await call();
    expect(next).not.toHaveProperty("stale");
    expect(next.ref_id).not.toBe(ref_id);
  });

  test("stays where no new one can be made; the log has no word of the error", async () => {
    const logger = recordingLogger();
    const { call, runs } = counting(cacheOn(open()(), { logger }), {}, async (n) => {
      if (n > 1) throw new TypeError("quotes 4711");
      return "old";
    });
    await call();
    await untilStale();
    await call();
    await expect.poll(() => logger.lines.length).toBe(1);
    expect(logger.lines[0]).toMatch(/stale result of .* TypeError/);
    expect(logger.lines.join()).not.toContain("4711");
    expect(await call()).toMatchObject({ value: "old", stale: true });
    await expect.poll(() => runs.length).toBe(3);
  });

  test("is made anew on behalf of the caller who got it, as closed as what it is made of", async () => {
    const cache = cacheOn(open()());
    const secret = await cache.set("secret", "canary-4711", {
      ...asServer,
      policy: { ...policies.executeOnly, owner: "user:x" },
    });
    const runs: unknown[] = [];
    const call = cache.cached("runs", { name: "tool", ttl: 400, staleTtl: "1m" })(
      async ({ n }: { n: unknown }) => {
        runs.push([n, currentActor()?.id, currentUsage()?.policies.length]);
        return n;
      },
    );
    const asked = () => runAs(alice, () => call({ n: secret.refId }));
    const first = await asked();
    await untilStale();
    expect(await asked()).toEqual({ ...first, stale: true });
    await expect.poll(() => runs.length).toBe(2);
    expect(runs[1]).toEqual(runs[0]);
    await expect.poll(async () => (await asked()).ref_id).not.toBe(first.ref_id);
    const second = await asked();
    expect(JSON.stringify(second)).not.toContain("canary");
    expect(await errorOf(() => runAs(alice, () => cache.get(second.ref_id ?? "")))).toMatchObject({
      code: "reference_unavailable",
    });
    expect(await runAs(alice, () => cache.resolve(second.ref_id ?? ""))).toBe("canary-4711");
  });

  test("is made anew before the cache closes, if that does not take long", async () => {
    const connect = open();
    const cache = new RefCache({ name: "test", backend: connect(), limits: { minTtl: 1 } });
    const { call } = counting(cache, {}, async (n) => {
      if (n > 1) await sleep(100);
      return n;
    });
    await call();
    await untilStale();
    await call();
    await cache.close();
    if (connect() instanceof MemoryBackend) return;
    expect(await counting(cacheOn(connect())).call()).toMatchObject({ value: 2 });
  });
});

test("one of several servers makes it anew", async () => {
  const connect = STORES.SQLite?.() as () => CacheBackend;
  let runs = 0;
  const calls = Array.from({ length: 4 }, () =>
    counting(cacheOn(connect()), {}, async () => {
      await sleep(100);
      return ++runs;
    }),
  );
  await calls[0]?.call();
  await untilStale();
  const answers = await Promise.all(calls.map(({ call }) => call()));
  expect(answers.map(({ value, stale }) => [value, stale])).toEqual(Array(4).fill([1, true]));
  await expect.poll(() => runs).toBe(2);
  await expect.poll(async () => (await calls[3]?.call())?.value).not.toBe(1);
});

test("what runs on when the cache closes gets five seconds, and stores nothing after", {
  timeout: 30_000,
}, async () => {
  const logger = recordingLogger();
  const cache = new RefCache({ name: "test", limits: { minTtl: 1 }, logger });
  const { call } = counting(cache, {}, (n) => (n > 1 ? new Promise(() => {}) : Promise.resolve(n)));
  await call();
  await untilStale();
  await call();
  const start = performance.now();
  await cache.close();
  expect(performance.now() - start).toBeGreaterThan(4000);
});

describe("options", () => {
  const cache = new RefCache({ name: "test", limits: { maxTtl: "2h" } });
  const cases: [string, CachedOptions][] = [
    ["staleTtl", { staleTtl: 0 }],
    ["staleTtl", { staleTtl: "soon" }],
    ["staleTtl", { ttl: "1h", staleTtl: "61m" }],
    ["ttl", { ttl: "3h", staleTtl: "1m" }],
    ["coordination", { coordination: true as never }],
    ["coordination.lease", { coordination: { lease: 0 } }],
    ["coordination.wait", { coordination: { wait: "-1s" } }],
    ["coordination.nothing", { coordination: { nothing: 1 } as never }],
    ["ttl", { ttl: {} as never }],
  ];
  test.each(cases)("%s is named when it will not do: %o", (option, options) => {
    expect(() => cache.cached("n", options)).toThrow(
      expect.objectContaining({ code: "invalid_option", option }),
    );
  });

  test("a result for ever is never stale", () => {
    const endless = new RefCache({ name: "test" });
    expect(() => endless.cached("n", { ttl: null, staleTtl: "1m" })).toThrow(
      /staleTtl.*needs a ttl that ends/,
    );
  });

  test.each(["lease", "wait"])("coordination.%s of the cache is checked as well", (name) => {
    expect(() => new RefCache({ name: "test", coordination: { [name]: "x" } })).toThrow(
      `coordination.${name}`,
    );
  });
});
