import { expect, test, vi } from "vitest";
import { type CacheEvent, RefCache, StoreUnavailableError, SYSTEM } from "../../../src/index.js";
import { RemoteBackend } from "../../helpers/remote-backend.js";
import { tiersOver } from "../../helpers/tiers.js";

const actor = SYSTEM;

function server(fallback: "memory" | undefined, l1 = {}) {
  const store = new RemoteBackend();
  const { tiers } = tiersOver(store, { fallback, l1, breaker: { failures: 2, probeInterval: 10 } });
  const cache = new RefCache({ name: "test", backend: tiers });
  const told: string[] = [];
  for (const name of ["fallback", "evict"] as const)
    cache.events.on(name, ({ code }: CacheEvent) => told.push(`${name} ${code}`));
  const goAway = () => {
    store.failure = new StoreUnavailableError("It cannot be reached.");
    store.lose();
  };
  const comeBack = async () => {
    store.failure = undefined;
    store.regain();
    await vi.waitFor(async () => expect((await cache.health()).status).toBe("up"));
  };
  return { cache, told, goAway, comeBack };
}

test("figures, health and events tell of copies, a fallback, and the return", async () => {
  const { cache, told, goAway, comeBack } = server("memory");
  const { refId } = await cache.set("key", [1, 2, 3], { actor });
  for (let n = 0; n < 3; n++) await cache.resolve(refId, { actor });
  expect((await cache.stats()).tiers).toMatchObject({
    state: "up",
    copies: { entries: 1, hits: 3 },
    waiting: 0,
  });

  goAway();
  await cache.set("other", 1, { actor });
  expect(await cache.resolve(refId, { actor })).toEqual([1, 2, 3]);
  expect(await cache.health()).toMatchObject({
    status: "degraded",
    store: { isReachable: false, code: "store_unavailable" },
    tiers: { state: "fallback", isCoherent: false, waiting: 1 },
  });
  for (let n = 0; n < 3; n++) await cache.set("other", n, { actor });
  expect((await cache.stats()).tiers).toMatchObject({
    state: "fallback",
    breaker: expect.not.stringContaining("closed"),
  });

  await comeBack();
  expect((await cache.stats()).tiers).toMatchObject({ state: "up", breaker: "closed", waiting: 0 });
  expect(told).toEqual(["fallback fallback", "fallback up"]);
});

test("without a fallback the store is away, and the cache down", async () => {
  const { cache, told, goAway, comeBack } = server(undefined);
  await cache.set("key", 1, { actor });
  goAway();
  expect(await cache.health()).toMatchObject({ status: "down", tiers: { state: "away" } });
  await comeBack();
  expect(told).toEqual(["fallback away", "fallback up"]);
});

test("copies that made room are counted and told", async () => {
  const { cache, told } = server(undefined, { maxEntries: 1 });
  for (const key of ["a", "b", "c"]) await cache.set(key, key, { actor });
  expect((await cache.stats()).evictions).toBe(2);
  expect(told).toEqual(["evict room", "evict room"]);
});
