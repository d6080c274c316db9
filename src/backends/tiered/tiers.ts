import type { Entry, EntryHead } from "../../entry/entry.js";
import { type BackendHealth, type CacheBackend, type CopiedKey, hasChanges } from "../backend.js";
import { isAway } from "./breaker.js";
import { Copies } from "./copies.js";
import type { Flight } from "./flights.js";
import { Guard } from "./guard.js";
import { Local } from "./local.js";
import type { TieredSettings } from "./options.js";
import { Recovery } from "./recovery.js";

/** How one thing is read. */
interface Reading<T> {
  readonly key: CopiedKey;
  fromStore(): Promise<T | undefined>;
  /** Copies what was found. */
  keep(flight: Flight, found: T, end: number | null): void;
  /** What is known of it while the store is away. */
  lastKnown(): T | undefined;
}

/** An entry to be written, and the name to lead to it. */
interface Writing {
  readonly refId: string;
  readonly entry: Entry;
  readonly name?: string | undefined;
}

/** The ways in which anything is read from the tiers and written to them. */
export class Tiers {
  readonly guard: Guard;
  readonly copies: Copies;
  readonly #local: Local | undefined;
  readonly #recovery: Recovery;
  readonly #listeners = new Set<(health: BackendHealth) => void>();
  #settle: (() => Promise<void>) | undefined;
  #hits = 0;
  #misses = 0;

  constructor({ l2, bounds, hasFallback, breaker }: TieredSettings) {
    this.guard = new Guard(l2, breaker.failures, () => this.#onChange());
    this.copies = new Copies(bounds, hasFallback);
    this.#local = hasFallback ? new Local(bounds) : undefined;
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
      copies: { ...copies.figures, hits: this.#hits, misses: this.#misses },
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

  /** An entry, from the nearest tier that has it. */
  async entry(refId: string): Promise<Entry | undefined> {
    const near = this.#hit(this.#local?.get(refId) ?? this.copies.entry(refId));
    if (near !== undefined) return near;
    return this.#read({
      key: entryKey(refId),
      fromStore: () => this.store.get(refId),
      keep: (flight, entry, end) => this.copies.keepEntry(flight, entry, end),
      lastKnown: () => this.copies.entry(refId, true),
    });
  }

  /** A head, from the nearest tier that has it. */
  async head(refId: string, fromStore: () => Promise<EntryHead | undefined>): Promise<EntryHead | undefined> {
    const near = this.#nearHead(refId);
    if (near !== undefined) return near;
    return this.#read({
      key: entryKey(refId),
      fromStore,
      keep: (flight, head, end) => this.copies.keepEntry(flight, head, end),
      lastKnown: () => this.copies.head(refId, true),
    });
  }

  async exists(refId: string): Promise<boolean> {
    if (this.#nearHead(refId) !== undefined) return true;
    this.#watch();
    try {
      return await this.guard.ask(() => this.store.exists(refId));
    } catch (error) {
      if (this.#mayGoOnAfter(error) && this.copies.head(refId, true) !== undefined) return true;
      throw error;
    }
  }

  /** The reference a name leads to, by the nearest tier that knows. While the store is away, others lead nowhere yet. */
  async link(name: string, fromStore: () => Promise<string | undefined>): Promise<string | undefined> {
    const near = this.#hit(this.#local?.link(name) ?? this.copies.link(name));
    if (near !== undefined) return near;
    try {
      return await this.#read({
        key: linkKey(name),
        fromStore,
        keep: (flight, refId, end) => this.copies.keepLink(flight, refId, end),
        lastKnown: () => this.copies.link(name, true),
      });
    } catch (error) {
      if (this.#mayGoOnAfter(error)) return undefined;
      throw error;
    }
  }

  /**
   * Writes an entry to the store.
   * @param hasWritten tells by what the call gave whether it has written anything.
   */
  async write<T>(what: Writing, call: () => Promise<T>, hasWritten = (_result: T) => true): Promise<T> {
    const { refId, entry, name } = what;
    this.#watch();
    const flight = this.copies.beginWrite(entryKey(refId));
    const linkFlight = name === undefined ? undefined : this.copies.beginWrite(linkKey(name));
    try {
      const result = await this.guard.ask(call);
      if (hasWritten(result)) {
        this.#local?.supersede(refId, name);
        this.copies.keepEntry(flight, entry, entry.expiresAt, true);
        if (linkFlight) this.copies.keepLink(linkFlight, refId, entry.expiresAt, true);
      }
      return result;
    } finally {
      this.copies.abandon(flight);
      if (linkFlight) this.copies.abandon(linkFlight);
    }
  }

  /** As `write`; while the store is away, and with a fallback, the entry is kept here until it is back. */
  async put(what: Writing, call: () => Promise<void>): Promise<void> {
    const { refId, entry, name } = what;
    const before = name === undefined ? undefined : this.copies.link(name, true);
    try {
      await this.write(what, call);
    } catch (error) {
      if (this.#local === undefined || !this.#mayGoOnAfter(error)) throw error;
      this.#local.add({ refId, entry, name, before });
      this.#recovery.start();
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
      if (!wasHere || !this.#mayGoOnAfter(error)) throw error;
      this.#recovery.start(); // the store may have it: it is told later
      return true;
    } finally {
      this.copies.drop(key);
    }
  }

  /** Removes the entries of a namespace, or all; tells how many. */
  async clear(namespace?: string): Promise<number> {
    const cleared = this.#local?.clear(namespace) ?? 0;
    return cleared + (await this.change(() => this.store.clear(namespace)));
  }

  /** Runs what changes nobody knows what in the store. */
  async change<T>(call: () => Promise<T>): Promise<T> {
    this.#watch();
    this.copies.changedAll();
    try {
      return await this.guard.ask(call);
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

  async #read<T>({ key, fromStore, keep, lastKnown }: Reading<T>): Promise<T | undefined> {
    this.#watch();
    this.#misses++;
    const flight = this.copies.beginRead(key);
    try {
      const read = () => Promise.all([fromStore(), this.#endOf(key)]);
      const [found, end] = await this.guard.ask(read);
      if (found === undefined) this.copies.drop(key);
      else if (end !== undefined) keep(flight, found, end);
      return found;
    } catch (error) {
      const known = this.#mayGoOnAfter(error) ? lastKnown() : undefined;
      if (known === undefined) throw error;
      return known;
    } finally {
      this.copies.abandon(flight);
    }
  }

  /** Asked together with what it is about; where it cannot be told, that is read and not copied. */
  #endOf(key: CopiedKey): Promise<number | null | undefined> {
    const { store } = this;
    return hasChanges(store) ? store.endOf(key).catch(() => undefined) : Promise.resolve(null);
  }

  #nearHead(refId: string): EntryHead | undefined {
    return this.#hit(this.#local?.head(refId) ?? this.copies.head(refId));
  }

  #hit<T>(found: T | undefined): T | undefined {
    if (found !== undefined) this.#hits++;
    return found;
  }

  /** Listening begins with the first call, as connecting does. */
  #watch(): void {
    const { store } = this;
    if (this.#settle !== undefined || this.guard.isClosed || !hasChanges(store)) return;
    const watch = store.watch(this.copies);
    this.#settle = () => watch.settle();
    this.copies.use(watch);
  }

  #mayGoOnAfter(error: unknown): boolean {
    return this.#local !== undefined && !this.guard.isClosed && isAway(error);
  }

  #onChange(): void {
    if (this.guard.isAway || this.guard.breaker !== "closed") this.#recovery.start();
    const { health } = this;
    for (const listener of [...this.#listeners]) listener(health);
  }
}

function entryKey(refId: string): CopiedKey {
  return { kind: "entry", name: refId };
}

function linkKey(name: string): CopiedKey {
  return { kind: "link", name };
}
