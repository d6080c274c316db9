import type { Entry, EntryHead } from "../../entry/entry.js";
import { LARGE_BYTES } from "../../outline/outline.js";
import {
  type BackendHealth,
  type CacheBackend,
  type CopiedKey,
  type Found,
  hasChanges,
  type Look,
  type MayRemove,
  type NewEntry,
} from "../backend.js";
import { isAway } from "./breaker.js";
import { Copies } from "./copies.js";
import type { Flight } from "./flights.js";
import { headOf } from "./frozen.js";
import { Guard } from "./guard.js";
import { entryKey, linkKey } from "./keys.js";
import { Local } from "./local.js";
import type { TieredSettings } from "./options.js";
import { Recovery } from "./recovery.js";
import { WriteFlights } from "./write-flights.js";

/** How one thing is read. */
interface Reading<T> {
  readonly key: CopiedKey;
  fromStore(): Promise<T | undefined>;
  /** Copies what was found. */
  keep(flight: Flight, found: T, end: number | null): void;
  /** What is known of it while the store is away. */
  lastKnown(): T | undefined;
}

/** How several things of a kind are read. */
interface ReadingMany<T extends EntryHead> {
  near(refId: string): T | undefined;
  fromStore(refIds: readonly string[]): Promise<readonly Found<T>[]>;
  /** What is known of one while the store is away. */
  lastKnown(refId: string): T | undefined;
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
    const near = this.nearEntry(refId);
    if (near !== undefined) return near;
    return this.#read({
      key: entryKey(refId),
      fromStore: () => this.store.get(refId),
      keep: (flight, entry, end) => this.copies.keepEntry(flight, entry, end),
      lastKnown: () => this.copies.entry(refId, true),
    });
  }

  /** An entry, if it is in this process. */
  nearEntry(refId: string): Entry | undefined {
    return this.#hit(this.#local?.get(refId) ?? this.copies.entry(refId));
  }

  /** A head, if it is in this process. */
  nearHead(refId: string): EntryHead | undefined {
    return this.#hit(this.#local?.head(refId) ?? this.copies.head(refId));
  }

  /** What the store has seen of a reference that a name led to: of one that waits here, the one before. */
  seenInStore(refId: string | undefined): string | undefined {
    return refId === undefined || this.#local === undefined ? refId : this.#local.before(refId);
  }

  /** A head, from the nearest tier that has it. */
  async head(refId: string, fromStore: () => Promise<EntryHead | undefined>): Promise<EntryHead | undefined> {
    const near = this.nearHead(refId);
    if (near !== undefined) return near;
    return this.#read({
      key: entryKey(refId),
      fromStore,
      keep: (flight, head, end) => this.copies.keepEntry(flight, head, end),
      lastKnown: () => this.copies.head(refId, true),
    });
  }

  /**
   * An entry or what is known of it, from the nearest tier that has it. Large ones are looked at in the store: the
   * outline, by which their parts are found, is kept beside them there.
   */
  async look(refId: string, fromStore: () => Promise<Look | undefined>): Promise<Look | undefined> {
    const near = this.#local?.get(refId) ?? this.copies.entry(refId);
    if (near !== undefined && (near.json.length < LARGE_BYTES || this.isLocal(refId)))
      return this.#hit(lookAt(near));
    return this.#read({
      key: entryKey(refId),
      fromStore,
      keep: (flight, { head, json }, end) =>
        this.copies.keepEntry(flight, json === undefined ? head : { ...head, json }, end),
      lastKnown: () => {
        const known = this.copies.entry(refId, true);
        return known && lookAt(known);
      },
    });
  }

  /** Several at once: what is near is not asked for. Throws where one would. */
  async readMany<T extends EntryHead>(
    refIds: readonly string[],
    { near, fromStore, lastKnown }: ReadingMany<T>,
  ): Promise<readonly Found<T>[]> {
    const found = new Map<string, Found<T>>();
    for (const refId of new Set(refIds)) found.set(refId, near(refId));
    const left = [...found.keys()].filter((refId) => found.get(refId) === undefined);
    const read = left.length === 0 ? [] : await this.#readAll(left, () => fromStore(left), lastKnown);
    left.forEach((refId, n) => {
      found.set(refId, read[n]);
    });
    return refIds.map((refId) => found.get(refId));
  }

  async exists(refId: string): Promise<boolean> {
    if (this.nearHead(refId) !== undefined) return true;
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
      const local = this.#mayGoOnAfter(error) ? this.#local : undefined;
      if (local === undefined) throw error;
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
      if (!wasHere || !this.#mayGoOnAfter(error)) throw error;
      this.#recovery.start(); // the store may have it: it is told later
      return true;
    } finally {
      this.copies.drop(key);
    }
  }

  /** Removes what may go of that which waits here, and as `fromStore` does, in the store; tells how many. */
  async remove(mayRemove: MayRemove, fromStore: () => Promise<number>): Promise<number> {
    this.#watch();
    const removed = (await this.#local?.removeIf(mayRemove)) ?? 0;
    this.copies.changedAll(); // nobody knows what is removed
    try {
      return removed + (await this.guard.ask(fromStore));
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
      const read = () => Promise.all([fromStore(), this.#endsOf([key])]);
      const [found, [end]] = await this.guard.ask(read);
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

  async #readAll<T extends EntryHead>(
    refIds: readonly string[],
    fromStore: () => Promise<readonly Found<T>[]>,
    lastKnown: (refId: string) => T | undefined,
  ): Promise<readonly Found<T>[]> {
    this.#watch();
    this.#misses += refIds.length;
    const keys = refIds.map(entryKey);
    const flights = keys.map((key) => this.copies.beginRead(key));
    try {
      const [all, ends] = await this.guard.ask(() => Promise.all([fromStore(), this.#endsOf(keys)]));
      flights.forEach((flight, n) => {
        const [found, end] = [all[n], ends[n]];
        if (found === undefined) this.copies.drop(flight.key);
        else if (!(found instanceof Error) && end !== undefined) this.copies.keepEntry(flight, found, end);
      });
      return all;
    } catch (error) {
      const known = this.#mayGoOnAfter(error) ? refIds.map(lastKnown) : [undefined];
      if (known.includes(undefined)) throw error;
      return known;
    } finally {
      for (const flight of flights) this.copies.abandon(flight);
    }
  }

  /** Asked together with what it is about; where it cannot be told, that is read and not copied. */
  async #endsOf(keys: readonly CopiedKey[]): Promise<readonly (number | null | undefined)[]> {
    const { store } = this;
    return hasChanges(store) ? store.endsOf(keys).catch(() => []) : keys.map(() => null);
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

function lookAt(entry: Entry): Look {
  return { head: headOf(entry), json: entry.json, textAt: 0 };
}
