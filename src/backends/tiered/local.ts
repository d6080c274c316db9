import { type Entry, type EntryHead, isExpired } from "../../entry/entry.js";
import { StoreFullError } from "../../errors.js";
import type { MayRemove } from "../backend.js";
import { bytesOf, frozenCopy, headOf } from "./frozen.js";
import type { CopyBounds } from "./options.js";

/** What was stored while the store was away. */
export interface Waiting {
  readonly refId: string;
  readonly entry: Entry;
  /** The name that leads to it, if any. */
  readonly name: string | undefined;
  /** What the name led to before, as far as this process knew. */
  readonly before: string | undefined;
}

/**
 * Entries that wait in this process for the store's return. Bounded: what does not fit is refused, for what was
 * accepted is not to be lost.
 */
export class Local {
  readonly #bounds: CopyBounds;
  readonly #waiting = new Map<string, Waiting>();
  readonly #names = new Map<string, string>();
  /** References deleted here which the store may hold, as the outcome of their writing is unknown. */
  readonly #deleted = new Set<string>();
  #bytes = 0;

  constructor(bounds: CopyBounds) {
    this.#bounds = bounds;
  }

  /** Entries that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether there is nothing left to tell the store. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#deleted.size === 0;
  }

  /** @throws {StoreFullError} when it does not fit. */
  add({ refId, entry, name, before }: Waiting): void {
    this.#remove(refId);
    if (this.#isFullFor(entry)) this.removeExpired();
    if (this.#isFullFor(entry)) throw new StoreFullError(FULL);
    const known = name === undefined ? before : this.#takeName(name, before);
    this.#waiting.set(refId, { refId, entry: frozenCopy(entry), name, before: known });
    this.#bytes += bytesOf(entry);
    this.#deleted.delete(refId);
    if (name !== undefined) this.#names.set(name, refId);
  }

  get(refId: string): Entry | undefined {
    const entry = this.#waiting.get(refId)?.entry;
    return entry === undefined || isExpired(entry, Date.now()) ? undefined : entry;
  }

  head(refId: string): EntryHead | undefined {
    const entry = this.get(refId);
    return entry && headOf(entry);
  }

  /** The reference a name leads to, as long as that waits. */
  link(name: string): string | undefined {
    const refId = this.#names.get(name);
    return refId === undefined || this.get(refId) === undefined ? undefined : refId;
  }

  /** The store has something newer under a reference or name. */
  supersede(refId: string, name?: string): void {
    this.#remove(refId);
    if (name === undefined) return;
    this.#takeName(name, undefined);
    this.#names.delete(name);
  }

  /** Removes an entry that waits, for good; tells whether there was one. */
  delete(refId: string): boolean {
    const isLive = this.get(refId) !== undefined;
    if (this.#remove(refId)) this.#deleted.add(refId);
    return isLive;
  }

  /** Removes what waits and may go; tells how many. */
  async removeIf(mayRemove: MayRemove): Promise<number> {
    let removed = 0;
    for (const { refId, entry } of this.waiting())
      if (await mayRemove(refId, entry)) removed += Number(this.delete(refId));
    return removed;
  }

  /** What the name that leads to an entry led to before, in the store; the entry itself where it does not wait. */
  before(refId: string): string | undefined {
    const waiting = this.#waiting.get(refId);
    return waiting === undefined ? refId : waiting.before;
  }

  removeExpired(): void {
    for (const [refId, { entry }] of this.#waiting) if (isExpired(entry, Date.now())) this.#remove(refId);
  }

  /** What waits, in the order in which it came. */
  waiting(): Waiting[] {
    return [...this.#waiting.values()];
  }

  deleted(): string[] {
    return [...this.#deleted];
  }

  /** The store has it, or knows that it is deleted. Not if it has changed meanwhile. */
  settled(what: Waiting | string): void {
    if (typeof what === "string") this.#deleted.delete(what);
    else if (this.#waiting.get(what.refId) === what) this.#remove(what.refId);
  }

  /** A name leads to one entry: takes it from the one that had it, and tells what it led to before that. */
  #takeName(name: string, before: string | undefined): string | undefined {
    const former = this.#waiting.get(this.#names.get(name) ?? "");
    if (former === undefined) return before;
    this.#waiting.set(former.refId, { ...former, name: undefined, before: undefined });
    return former.before;
  }

  #remove(refId: string): boolean {
    const found = this.#waiting.get(refId);
    if (found === undefined) return false;
    this.#waiting.delete(refId);
    this.#bytes -= bytesOf(found.entry);
    if (found.name !== undefined && this.#names.get(found.name) === refId) this.#names.delete(found.name);
    return true;
  }

  #isFullFor(entry: Entry): boolean {
    const { maxEntries, maxBytes } = this.#bounds;
    const size = this.#waiting.size + this.#deleted.size;
    return size >= maxEntries || this.#bytes + bytesOf(entry) > maxBytes;
  }
}

const FULL =
  "The store is away, and this process keeps no more until it is back (l1.maxEntries, l1.maxBytes).";
