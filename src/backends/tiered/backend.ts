import type { Entry } from "../../entry/entry.js";
import type {
  BackendHealth,
  CacheBackend,
  Eviction,
  EvictionSource,
  FallbackStore,
  HealthSource,
} from "../backend.js";
import { capabilitiesOf } from "./capabilities.js";
import { checkTieredOptions, type TieredBackendOptions } from "./options.js";
import { Tiers } from "./tiers.js";

/**
 * Copies of hot entries in this process, in front of a store that others share. What is read from a copy costs no
 * round trip; what others write, delete or let expire is dropped as soon as the store tells of it, and all of it when
 * the store can no longer be heard. A store that hangs is left alone until it answers again.
 *
 * It has the capabilities of the store behind it.
 * @example
 * new TieredBackend({ l2: new RedisBackend() });
 * new TieredBackend({ l1: { maxBytes: 256 * 1024 * 1024 }, l2: new RedisBackend(), fallback: "memory" });
 */
export class TieredBackend implements CacheBackend, HealthSource, EvictionSource, FallbackStore {
  readonly #tiers: Tiers;

  /** @throws {ConfigurationError} naming an option that is not acceptable. */
  constructor(options: TieredBackendOptions) {
    this.#tiers = new Tiers(checkTieredOptions(options));
    Object.assign(this, capabilitiesOf(this.#tiers));
  }

  /** See {@link CacheBackend.get}. No round trip where there is a copy. */
  get(refId: string): Promise<Entry | undefined> {
    return this.#tiers.reads.entry(refId);
  }

  /** See {@link CacheBackend.set}. With a fallback, resolves also when the entry is kept here until the store is back. */
  set(refId: string, entry: Entry): Promise<void> {
    return this.#tiers.put([{ refId, entry }], () => this.#tiers.store.set(refId, entry));
  }

  /** See {@link CacheBackend.delete}. Rejects while the store is away, unless the entry is only here. */
  delete(refId: string): Promise<boolean> {
    return this.#tiers.delete(refId);
  }

  /** See {@link CacheBackend.exists}. */
  exists(refId: string): Promise<boolean> {
    return this.#tiers.reads.exists(refId);
  }

  /** See {@link CacheBackend.clear}. Rejects while the store is away. */
  clear(namespace?: string): Promise<number> {
    return this.#tiers.remove(
      (_refId, head) => namespace === undefined || head.namespace === namespace,
      () => this.#tiers.store.clear(namespace),
    );
  }

  /** See {@link CacheBackend.keys}. Asks the store. */
  keys(namespace?: string): AsyncIterable<string> {
    return this.#tiers.guard.each(() => this.#tiers.store.keys(namespace));
  }

  /** See {@link HealthSource.health}. */
  async health(): Promise<BackendHealth> {
    return this.#tiers.health;
  }

  /** See {@link HealthSource.onHealth}. */
  onHealth(listener: (health: BackendHealth) => void): () => void {
    return this.#tiers.onHealth(listener);
  }

  /** See {@link EvictionSource.onEviction}. Copies that made room; the store still has what they were made of. */
  onEviction(listener: (eviction: Eviction) => void): () => void {
    return this.#tiers.copies.onEviction(listener);
  }

  /** See {@link FallbackStore.isLocal}. */
  isLocal(refId: string): boolean {
    return this.#tiers.isLocal(refId);
  }

  /**
   * Resolves once everything is dropped here that others had changed, with their stores' acknowledgement, before the
   * call. One round trip; for those who must not read what was just replaced elsewhere.
   */
  settle(): Promise<void> {
    return this.#tiers.settle();
  }

  /** See {@link CacheBackend.close}. Writes through what waits if the store answers, and closes it. */
  close(): Promise<void> {
    return this.#tiers.close();
  }
}
