import type { Entry, EntryHead } from "../../entry/entry.js";
import { LARGE_BYTES } from "../../outline/outline.js";
import { type CopiedKey, type Found, hasChanges, type Look } from "../backend.js";
import type { Copies } from "./copies.js";
import type { Flight } from "./flights.js";
import { headOf } from "./frozen.js";
import type { Guard } from "./guard.js";
import { entryKey, linkKey } from "./keys.js";
import type { Local } from "./local.js";

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

/** What the tiers read from. */
export interface ReadTiers {
  readonly guard: Guard;
  readonly copies: Copies;
  /** What waits for the store, where there is a fallback. */
  readonly local: Local | undefined;
  /** Begins to listen to changes, if that has not begun. */
  watch(): void;
}

/** Reads from the nearest tier that has something; what the store gives is copied. */
export class Reads {
  readonly #guard: Guard;
  readonly #copies: Copies;
  readonly #local: Local | undefined;
  readonly #watch: () => void;
  #hits = 0;
  #misses = 0;

  constructor({ guard, copies, local, watch }: ReadTiers) {
    this.#guard = guard;
    this.#copies = copies;
    this.#local = local;
    this.#watch = watch;
  }

  /** How many reads were answered in this process, and how many were not. */
  get figures(): { hits: number; misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  /** An entry, from the nearest tier that has it. */
  async entry(refId: string): Promise<Entry | undefined> {
    const near = this.nearEntry(refId);
    if (near !== undefined) return near;
    return this.#read({
      key: entryKey(refId),
      fromStore: () => this.#guard.store.get(refId),
      keep: (flight, entry, end) => this.#copies.keepEntry(flight, entry, end),
      lastKnown: () => this.#copies.entry(refId, true),
    });
  }

  /** An entry, if it is in this process. */
  nearEntry(refId: string): Entry | undefined {
    return this.#hit(this.#local?.get(refId) ?? this.#copies.entry(refId));
  }

  /** A head, if it is in this process. */
  nearHead(refId: string): EntryHead | undefined {
    return this.#hit(this.#local?.head(refId) ?? this.#copies.head(refId));
  }

  /** A head, from the nearest tier that has it. */
  async head(refId: string, fromStore: () => Promise<EntryHead | undefined>): Promise<EntryHead | undefined> {
    const near = this.nearHead(refId);
    if (near !== undefined) return near;
    return this.#read({
      key: entryKey(refId),
      fromStore,
      keep: (flight, head, end) => this.#copies.keepEntry(flight, head, end),
      lastKnown: () => this.#copies.head(refId, true),
    });
  }

  /**
   * An entry or what is known of it, from the nearest tier that has it. Large ones are looked at in the store: the
   * outline, by which their parts are found, is kept beside them there.
   */
  async look(refId: string, fromStore: () => Promise<Look | undefined>): Promise<Look | undefined> {
    const near = this.#local?.get(refId) ?? this.#copies.entry(refId);
    if (near !== undefined && (near.json.length < LARGE_BYTES || near === this.#local?.get(refId)))
      return this.#hit(lookAt(near));
    return this.#read({
      key: entryKey(refId),
      fromStore,
      keep: (flight, { head, json }, end) =>
        this.#copies.keepEntry(flight, json === undefined ? head : { ...head, json }, end),
      lastKnown: () => {
        const known = this.#copies.entry(refId, true);
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
      return await this.#guard.ask(() => this.#guard.store.exists(refId));
    } catch (error) {
      if (this.#mayGoOnAfter(error) && this.#copies.head(refId, true) !== undefined) return true;
      throw error;
    }
  }

  /** The reference a name leads to, by the nearest tier that knows. While the store is away, others lead nowhere yet. */
  async link(name: string, fromStore: () => Promise<string | undefined>): Promise<string | undefined> {
    const near = this.#hit(this.#local?.link(name) ?? this.#copies.link(name));
    if (near !== undefined) return near;
    try {
      return await this.#read({
        key: linkKey(name),
        fromStore,
        keep: (flight, refId, end) => this.#copies.keepLink(flight, refId, end),
        lastKnown: () => this.#copies.link(name, true),
      });
    } catch (error) {
      if (this.#mayGoOnAfter(error)) return undefined;
      throw error;
    }
  }

  async #read<T>({ key, fromStore, keep, lastKnown }: Reading<T>): Promise<T | undefined> {
    this.#watch();
    this.#misses++;
    const flight = this.#copies.beginRead(key);
    try {
      const read = () => Promise.all([fromStore(), this.#endsOf([key])]);
      const [found, [end]] = await this.#guard.ask(read);
      if (found === undefined) this.#copies.drop(key);
      else if (end !== undefined) keep(flight, found, end);
      return found;
    } catch (error) {
      const known = this.#mayGoOnAfter(error) ? lastKnown() : undefined;
      if (known === undefined) throw error;
      return known;
    } finally {
      this.#copies.abandon(flight);
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
    const flights = keys.map((key) => this.#copies.beginRead(key));
    try {
      const [all, ends] = await this.#guard.ask(() => Promise.all([fromStore(), this.#endsOf(keys)]));
      flights.forEach((flight, n) => {
        const [found, end] = [all[n], ends[n]];
        if (found === undefined) this.#copies.drop(flight.key);
        else if (!(found instanceof Error) && end !== undefined) this.#copies.keepEntry(flight, found, end);
      });
      return all;
    } catch (error) {
      const known = this.#mayGoOnAfter(error) ? refIds.map(lastKnown) : [undefined];
      if (known.includes(undefined)) throw error;
      return known;
    } finally {
      for (const flight of flights) this.#copies.abandon(flight);
    }
  }

  /** Asked together with what it is about; where it cannot be told, that is read and not copied. */
  async #endsOf(keys: readonly CopiedKey[]): Promise<readonly (number | null | undefined)[]> {
    const { store } = this.#guard;
    return hasChanges(store) ? store.endsOf(keys).catch(() => []) : keys.map(() => null);
  }

  #hit<T>(found: T | undefined): T | undefined {
    if (found !== undefined) this.#hits++;
    return found;
  }

  #mayGoOnAfter(error: unknown): boolean {
    return this.#local !== undefined && this.#guard.isExcused(error);
  }
}

function lookAt(entry: Entry): Look {
  return { head: headOf(entry), json: entry.json, textAt: 0 };
}
