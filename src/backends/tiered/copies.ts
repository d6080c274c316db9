import { LRUCache } from "lru-cache";
import { type Entry, type EntryHead, isExpired } from "../../entry/entry.js";
import type { BackendHealth, ChangeListener, ChangeWatch, CopiedKey, Eviction } from "../backend.js";
import { type Flight, Flights } from "./flights.js";
import { bytesOf, frozenCopy, frozenHead, HEAD_BYTES, headOf } from "./frozen.js";
import type { CopyBounds } from "./options.js";

interface Copy {
  /** Unix ms from which the store no longer has it; `null` for never. */
  readonly expiresAt: number | null;
  /** The session in which it was made; of another one than the present, it may have changed unheard. */
  session: number;
  /** Whether the next change that is heard is this process's own writing of it. */
  isEchoAwaited: boolean;
}

interface EntryCopy extends Copy {
  head: EntryHead;
  /** Absent where it is too large to be copied. */
  readonly entry: Entry | undefined;
}

interface LinkCopy extends Copy {
  readonly refId: string;
}

const NO_SESSION = -1;

/**
 * Copies of what is in the store, in this process: entries, heads and links, bounded, the least recently used first
 * to go. They are used while changes in the store are heard. What may have changed unheard is dropped, or
 * where a fallback wants it, kept as the last that is known, and dropped when changes are heard again.
 */
export class Copies implements ChangeListener {
  readonly #entries: LRUCache<string, EntryCopy>;
  readonly #links: LRUCache<string, LinkCopy>;
  readonly #flights = new Flights();
  readonly #maxEntryBytes: number;
  readonly #keepsLastKnown: boolean;
  #watch: ChangeWatch | undefined;
  #session = 0;
  #evictions = 0;
  readonly #listeners = new Set<(eviction: Eviction) => void>();

  constructor(bounds: CopyBounds, keepsLastKnown: boolean) {
    this.#maxEntryBytes = bounds.maxEntryBytes;
    this.#keepsLastKnown = keepsLastKnown;
    this.#entries = new LRUCache({
      max: bounds.maxEntries,
      maxSize: bounds.maxBytes,
      sizeCalculation: ({ entry }) => (entry === undefined ? HEAD_BYTES : bytesOf(entry)),
      dispose: (copy, refId, reason) => {
        if (reason === "evict") this.#evicted(refId, copy);
      },
    });
    this.#links = new LRUCache({ max: bounds.maxEntries });
  }

  /** From now on copies are used whenever this is current. */
  use(watch: ChangeWatch): void {
    this.#watch = watch;
  }

  get isCurrent(): boolean {
    return this.#watch?.isCurrent() ?? false;
  }

  /** See {@link EvictionSource.onEviction}. */
  onEviction(listener: (eviction: Eviction) => void): () => void {
    const own = (eviction: Eviction) => listener(eviction); // one may listen twice
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** What is kept, and what had to make room. */
  get figures(): Omit<BackendHealth["copies"], "hits" | "misses"> {
    const { size: entries, calculatedSize: bytes } = this.#entries;
    return { entries, bytes, links: this.#links.size, evictions: this.#evictions };
  }

  /** The entry, if there is a copy that may be used; with `lastKnown`, any copy. */
  entry(refId: string, lastKnown = false): Entry | undefined {
    return this.#usable(this.#entries, refId, lastKnown)?.entry;
  }

  /** The head, as `entry`. */
  head(refId: string, lastKnown = false): EntryHead | undefined {
    const copy = this.#usable(this.#entries, refId, lastKnown);
    if (copy === undefined || copy.head !== copy.entry) return copy?.head;
    copy.head = Object.freeze(headOf(copy.entry));
    return copy.head;
  }

  /** The reference a name leads to, as `entry`. */
  link(name: string, lastKnown = false): string | undefined {
    return this.#usable(this.#links, name, lastKnown)?.refId;
  }

  /** To be called before something is read from the store. */
  beginRead(key: CopiedKey): Flight {
    return this.#flights.begin(key, this.isCurrent);
  }

  /** To be called before something is written to the store. What was copied of it is gone. */
  beginWrite(key: CopiedKey): Flight {
    this.drop(key);
    return this.beginRead(key);
  }

  /** Ends a read without a result to copy, or a write that failed. */
  abandon(flight: Flight): void {
    this.#flights.end(flight);
  }

  /** Ends a read or write of an entry, or its head, and copies it, unless it may have changed meanwhile. */
  keepEntry(flight: Flight, found: Entry | EntryHead, end: number | null, isOwnWrite = false): void {
    const copy = this.#copyOf(flight, earlier(found.expiresAt, end), isOwnWrite);
    if (copy === undefined) return;
    const { name } = flight.key;
    const entry = isWhole(found) && bytesOf(found) <= this.#maxEntryBytes ? frozenCopy(found) : undefined;
    if (entry === undefined && this.#entries.peek(name)?.entry !== undefined) return; // a head beside a whole entry
    const head = entry ?? frozenHead(found);
    this.#entries.set(name, Object.assign(copy, { entry, head }));
  }

  /** As `keepEntry`, for a link. */
  keepLink(flight: Flight, refId: string, end: number | null, isOwnWrite = false): void {
    const copy = this.#copyOf(flight, end, isOwnWrite);
    if (copy !== undefined) this.#links.set(flight.key.name, Object.assign(copy, { refId }));
  }

  /** Drops what is copied of a key, and what is on its way. */
  drop(key: CopiedKey): void {
    this.#flights.outdate(key);
    this.#mapOf(key).delete(key.name);
  }

  /** See {@link ChangeListener.changed}. The echo of an own write leaves what was written as the last that is known. */
  changed(key: CopiedKey): void {
    this.#flights.changed(key);
    const copies = this.#mapOf(key);
    const copy = copies.peek(key.name);
    if (copy === undefined) return;
    if (!(copy.isEchoAwaited && this.#keepsLastKnown)) copies.delete(key.name);
    copy.isEchoAwaited = false;
    copy.session = NO_SESSION;
  }

  /** See {@link ChangeListener.changedAll}. */
  changedAll(): void {
    this.#flights.outdateAll();
    this.#entries.clear();
    this.#links.clear();
  }

  /** See {@link ChangeListener.lost}. */
  lost(): void {
    this.#session++;
    this.#flights.outdateAll();
    if (!this.#keepsLastKnown) this.changedAll();
  }

  /** Ends listening; what was copied is gone. */
  close(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.changedAll();
  }

  #mapOf({ kind }: CopiedKey): LRUCache<string, EntryCopy> | LRUCache<string, LinkCopy> {
    return kind === "entry" ? this.#entries : this.#links;
  }

  #evicted(refId: string, { head, entry }: EntryCopy): void {
    this.#evictions++;
    const eviction = { refId, namespace: head.namespace, bytes: entry?.json.length ?? 0 };
    for (const listener of this.#listeners) listener(eviction);
  }

  #usable<C extends Copy>(copies: LRUCache<string, C>, name: string, lastKnown: boolean): C | undefined {
    // Asked first: asking may drop what was copied.
    if (!lastKnown && !this.isCurrent) return undefined;
    const copy = copies.get(name);
    if (copy === undefined || isExpired(copy, Date.now())) return undefined;
    return lastKnown || copy.session === this.#session ? copy : undefined;
  }

  /** What a copy begins with; `undefined` where the result must not be copied. */
  #copyOf(flight: Flight, expiresAt: number | null, isOwnWrite: boolean): Copy | undefined {
    this.#flights.end(flight);
    if (isOwnWrite) this.drop(flight.key); // others may have read what was there before
    if (flight.isVoid || flight.changes > (isOwnWrite ? 1 : 0)) return undefined;
    const isTrusted = flight.isHeard && flight.changes === 0;
    if (!isTrusted && !this.#keepsLastKnown) return undefined;
    return {
      expiresAt,
      session: isTrusted ? this.#session : NO_SESSION,
      isEchoAwaited: isOwnWrite && flight.changes === 0,
    };
  }
}

function isWhole(found: Entry | EntryHead): found is Entry {
  return "json" in found;
}

function earlier(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
