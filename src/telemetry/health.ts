import {
  type BackendHealth,
  type CacheBackend,
  hasCapacity,
  hasHealth,
  type StoreCapacity,
} from "../backends/backend.js";
import { RefCacheError } from "../errors.js";
import { withTimeout } from "../with-timeout.js";

/** How a cache is doing. */
export interface CacheHealth {
  /** `degraded`: it goes on without its store, or does not trust its copies. `down`: what needs the store fails. */
  readonly status: "up" | "degraded" | "down";
  /** What a read of a reference that does not exist came to. */
  readonly store: StoreProbe;
  /** How full the store is, as far as it tells. */
  readonly capacity?: StoreCapacity;
  /** Breaker, copies and fallback, where the backend has such tiers. */
  readonly tiers?: BackendHealth;
}

/** One small read of the store. */
export interface StoreProbe {
  readonly isReachable: boolean;
  readonly milliseconds: number;
  /** The error's code, where there was one: `store_timeout`, `store_unavailable`, … */
  readonly code?: string;
}

/** Options of {@link RefCache.health}. */
export interface HealthOptions {
  /** Milliseconds the store may take for each of two questions. Default 2000. */
  readonly timeout?: number | undefined;
}

const TIMEOUT = 2000;

/** Asks a backend how it is. Never rejects. Does not write, so it does not see a full disk. */
export async function healthOf(
  backend: CacheBackend,
  cacheName: string,
  { timeout = TIMEOUT }: HealthOptions = {},
): Promise<CacheHealth> {
  const probed = await probe(timeout, () => backend.exists(`${cacheName}:${"0".repeat(32)}`));
  const tiers = hasHealth(backend) ? await backend.health() : undefined;
  const store = { ...probed, isReachable: probed.isReachable && (tiers?.state ?? "up") === "up" };
  const capacity = store.isReachable ? await capacityOf(backend, timeout) : undefined;
  return {
    status: statusOf(store, tiers),
    store,
    ...(capacity && { capacity }),
    ...(tiers && { tiers }),
  };
}

function statusOf({ isReachable }: StoreProbe, tiers: BackendHealth | undefined): CacheHealth["status"] {
  if (!isReachable) return tiers?.state === "fallback" ? "degraded" : "down";
  return tiers === undefined || (tiers.breaker === "closed" && tiers.isCoherent) ? "up" : "degraded";
}

async function probe(timeout: number, ask: () => Promise<unknown>): Promise<StoreProbe> {
  const start = performance.now();
  try {
    await withTimeout(timeout, ask);
    return { isReachable: true, milliseconds: performance.now() - start };
  } catch (error) {
    return { isReachable: false, milliseconds: performance.now() - start, code: codeOf(error) };
  }
}

function codeOf(error: unknown): string {
  if (error instanceof RefCacheError) return error.code;
  return error instanceof Error && error.name === "TimeoutError" ? "store_timeout" : "other";
}

/** Good to know, and no more: what fails here says nothing about the cache. */
async function capacityOf(backend: CacheBackend, timeout: number): Promise<StoreCapacity | undefined> {
  if (!hasCapacity(backend)) return undefined;
  return withTimeout(timeout, () => backend.capacity()).catch(() => undefined);
}
