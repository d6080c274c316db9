import { expect, onTestFinished } from "vitest";
import {
  type CacheBackend,
  type HeadStore,
  type HealthSource,
  type LinkStore,
  type ReplaceStore,
  TieredBackend,
  type TieredBackendOptions,
} from "../../src/index.js";

/** Tiers over a store that can do all that ours can. They go when the running test is over. */
export function tiersOver<B extends CacheBackend & HeadStore & LinkStore & ReplaceStore>(
  store: B,
  options: Omit<TieredBackendOptions, "l2"> = {},
): { tiers: TieredBackend & HeadStore & LinkStore & ReplaceStore; store: B } {
  const tiers = new TieredBackend({ ...options, l2: store });
  onTestFinished(() => tiers.close());
  return { tiers: tiers as TieredBackend & HeadStore & LinkStore & ReplaceStore, store };
}

/** Waits until copies are used, or not. */
export async function coherent(backend: HealthSource, isCoherent = true): Promise<void> {
  await expect
    .poll(async () => (await backend.health()).isCoherent, { timeout: 15_000, interval: 5 })
    .toBe(isCoherent);
}
