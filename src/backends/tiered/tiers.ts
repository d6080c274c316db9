import {
  type BackendHealth,
  type CacheBackend,
  type CopiedKey,
  hasChanges,
  type MayRemove,
  type NewEntry,
} from "../backend.js";
import { partlyDone } from "../partly-done.js";
import { Copies } from "./copies.js";
import { Guard } from "./guard.js";
import { entryKey } from "./keys.js";
import { Local } from "./local.js";
import type { TieredSettings } from "./options.js";
import { Reads } from "./reads.js";
import { Recovery } from "./recovery.js";
import { WriteFlights } from "./write-flights.js";

/** The tiers as one: what is near, the store behind, and the ways in which anything is written to them. */
export class Tiers {
  readonly guard: Guard;
  readonly copies: Copies;
  readonly reads: Reads;
  readonly #local: Local | undefined;
  readonly #recovery: Recovery;
  readonly #listeners = new Set<(health: BackendHealth) => void>();
  #settle: (() => Promise<void>) | undefined;

  constructor({ l2, bounds, hasFallback, breaker }: TieredSettings) {
    this.guard = new Guard(l2, breaker.failures, () => this.#onChange());
    this.copies = new Copies(bounds, hasFallback);
    this.#local = hasFallback ? new Local(bounds) : undefined;
    const { guard, copies } = this;
    this.reads = new Reads({ guard, copies, local: this.#local, watch: () => this.#watch() });
    this.#recovery = new Recovery(this.guard, this.#local, breaker.probeInterval);
  }

  /** The store behind. */
  get store(): CacheBackend {
    return this.guard.store;
  }

  get health(): BackendHealth {
    const { guard, copies } = this;
    return {
      state: !guard.isAway ? "up" : this.#local === undefined ? "away" : "fallback",
      breaker: guard.breaker,
      isCoherent: copies.isCurrent,
      copies: { ...copies.figures, ...this.reads.figures },
      waiting: this.#local?.size ?? 0,
    };
  }

  onHealth(listener: (health: BackendHealth) => void): () => void {
    const own = (health: BackendHealth) => listener(health); // one may listen twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Whether an entry is in this process only. */
  isLocal(refId: string): boolean {
    return this.#local?.get(refId) !== undefined;
  }

  /** Resolves once changes are heard that were acknowledged before. */
  async settle(): Promise<void> {
    await this.#settle?.();
  }

  /** What the store has seen of a reference that a name led to: of one that waits here, the one before. */
  seenInStore(refId: string | undefined): string | undefined {
    return refId === undefined || this.#local === undefined ? refId : this.#local.before(refId);
  }

  /**
   * Writes entries to the store.
   * @param written tells by what the call gave what it has written.
   */
  async write<T>(
    what: readonly NewEntry[],
    call: () => Promise<T>,
    written: (result: T) => readonly NewEntry[] = () => what,
  ): Promise<T> {
    this.#watch();
    const flights = new WriteFlights(this.copies, what);
    try {
      const result = await this.guard.ask(call);
      for (const { refId, name } of written(result)) this.#local?.supersede(refId, name);
      flights.keep(written(result));
      return result;
    } finally {
      flights.end();
    }
  }

  /**
   * As `write`; while the store is away, and with a fallback, the entries are kept here until it is back, and the
   * result is `undefined`.
   */
  async put<T>(
    what: readonly NewEntry[],
    call: () => Promise<T>,
    written?: (result: T) => readonly NewEntry[],
  ): Promise<T | undefined> {
    const before = what.map(({ name }) => (name === undefined ? undefined : this.copies.link(name, true)));
    try {
      return await this.write(what, call, written);
    } catch (error) {
      const local = this.#local;
      if (local === undefined || !this.guard.isExcused(error)) throw error;
      this.#recovery.start();
      what.forEach(({ refId, entry, name }, n) => {
        local.add({ refId, entry, name, before: before[n] });
      });
      return undefined;
    }
  }

  /** Removes an entry; tells whether there was one. */
  async delete(refId: string): Promise<boolean> {
    const key = entryKey(refId);
    this.#watch();
    this.copies.drop(key);
    const wasHere = this.#local?.delete(refId) ?? false;
    try {
      return (await this.guard.ask(() => this.store.delete(refId))) || wasHere;
    } catch (error) {
      if (!wasHere || !this.guard.isExcused(error)) throw error;
      this.#recovery.start(); // the store may have it: it is told later
      return true;
    } finally {
      this.copies.drop(key);
    }
  }

  /** Writes to the store what is not copied, under some keys. */
  async change<T>(keys: readonly CopiedKey[], call: () => Promise<T>): Promise<T> {
    this.#watch();
    for (const key of keys) this.copies.drop(key);
    try {
      return await this.guard.ask(call);
    } finally {
      for (const key of keys) this.copies.drop(key);
    }
  }

  /** Removes what may go of that which waits here, and as `fromStore` does, in the store; tells how many. */
  async remove(mayRemove: MayRemove, fromStore: () => Promise<number>): Promise<number> {
    this.#watch();
    const removed = (await this.#local?.removeIf(mayRemove)) ?? 0;
    this.copies.changedAll(); // nobody knows what is removed
    try {
      return removed + (await this.guard.ask(fromStore));
    } catch (error) {
      throw partlyDone(error, removed);
    } finally {
      this.copies.changedAll();
    }
  }

  async close(): Promise<void> {
    if (this.guard.isClosed) return this.guard.close();
    this.#recovery.stop();
    if (this.guard.breaker === "closed") await this.#recovery.flush().catch(() => {});
    this.copies.close();
    await this.guard.close();
  }

  /** Listening begins with the first call, as connecting does. */
  #watch(): void {
    const { store } = this;
    if (this.#settle !== undefined || this.guard.isClosed || !hasChanges(store)) return;
    const watch = store.watch(this.copies);
    this.#settle = () => watch.settle();
    this.copies.use(watch);
  }

  #onChange(): void {
    if (this.guard.isAway || this.guard.breaker !== "closed") this.#recovery.start();
    const { health } = this;
    for (const listener of [...this.#listeners]) listener(health);
  }
}
