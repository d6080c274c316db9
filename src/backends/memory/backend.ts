import { setImmediate as nextTurn } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Policy } from "../../access/policy.js";
import {
  type Entry,
  type EntryHead,
  type EntryMetadata,
  isExpired,
  storedSizeOf,
} from "../../entry/entry.js";
import type { Label } from "../../entry/labels.js";
import { StoreFullError, StoreUnavailableError } from "../../errors.js";
import type {
  BatchStore,
  CacheBackend,
  ChannelListener,
  ChannelMessage,
  ChannelStore,
  HeadStore,
  LabelStore,
  Lease,
  LeaseStore,
  LinkStore,
  MayRemove,
  NewEntry,
  ReplaceStore,
} from "../backend.js";
import { checkInteger, LONGEST_TIMER } from "../options.js";
import { MemoryChannel } from "./channel.js";
import { LabelIndex, removeWalked } from "./labels.js";
import { MemoryLeases } from "./leases.js";

/** Options of {@link MemoryBackend}. */
export interface MemoryBackendOptions {
  /** Entries kept before the least recently used goes; links have a bound of the same number. Default 10,000. */
  readonly maxEntries?: number;
  /**
   * Bytes kept before the least recently used goes; default 256 MiB. Counted is what the texts take at most:
   * a byte a character where the entry's `totalSize` shows it to be ASCII, else two, and 512 for the rest.
   */
  readonly maxBytes?: number;
  /** Milliseconds between two looks for expired entries, each at no more than 10,000 entries. Default 1000. */
  readonly sweepInterval?: number;
}

/** What a head takes: two small objects, the key and the bookkeeping. */
const HEAD_BYTES = 512;
/** Entries looked at before other work gets its turn; some two milliseconds. */
const ENTRIES_PER_TURN = 10_000;

interface Link {
  readonly refId: string;
  readonly expiresAt: number | null;
}

/**
 * Entries in the memory of this process, bounded in number and bytes; the least recently used go first.
 * Entries are kept frozen and their values are texts, so a reader cannot change what the next one gets.
 */
export class MemoryBackend
  implements
    CacheBackend,
    HeadStore,
    LinkStore,
    ReplaceStore,
    ChannelStore,
    LeaseStore,
    LabelStore,
    BatchStore
{
  /** See {@link LeaseStore.sharesLeases}. */
  readonly sharesLeases = false;
  readonly #maxBytes: number;
  readonly #entries: LRUCache<string, Entry>;
  readonly #links: LRUCache<string, Link>;
  /** References by namespace: unlike the LRU, a Set can be walked while it changes. */
  readonly #namespaces = new Map<string, Set<string>>();
  readonly #channel = new MemoryChannel();
  readonly #leases = new MemoryLeases();
  readonly #labels = new LabelIndex();
  readonly #sweeper: NodeJS.Timeout;
  #unswept: Iterator<string> | undefined;
  #closed = false;

  /** @throws {ConfigurationError} when an option is not a positive integer. */
  constructor(options: MemoryBackendOptions = {}) {
    const max = checkInteger("maxEntries", options.maxEntries ?? 10_000);
    this.#maxBytes = checkInteger("maxBytes", options.maxBytes ?? 256 * 1024 * 1024);
    this.#entries = new LRUCache({
      max,
      maxSize: this.#maxBytes,
      sizeCalculation: bytesOf,
      noDisposeOnSet: true,
      dispose: (entry, refId) => this.#forget(refId, entry),
    });
    this.#links = new LRUCache({ max });
    const interval = checkInteger("sweepInterval", options.sweepInterval ?? 1000, 1, LONGEST_TIMER);
    this.#sweeper = setInterval(() => this.#sweep(), interval).unref();
  }

  /** See {@link CacheBackend.get}. */
  async get(refId: string): Promise<Entry | undefined> {
    this.#assertOpen();
    return this.#live(refId, this.#entries.get(refId));
  }

  /**
   * See {@link CacheBackend.set}.
   * @throws {StoreFullError} when the entry alone is larger than `maxBytes`; what was stored stays.
   */
  async set(refId: string, entry: Entry): Promise<void> {
    this.#assertOpen();
    if (bytesOf(entry) > this.#maxBytes) {
      throw new StoreFullError(
        `The entry is larger than the whole memory store of ${this.#maxBytes} bytes. Raise maxBytes.`,
      );
    }
    const replaced = this.#entries.peek(refId);
    if (replaced !== undefined) this.#forget(refId, replaced);
    this.#entries.set(refId, frozenCopy(entry));
    this.#referencesOf(entry.namespace).add(refId);
    this.#labels.add(refId, entry);
  }

  /** See {@link CacheBackend.delete}. */
  async delete(refId: string): Promise<boolean> {
    this.#assertOpen();
    return this.#remove(refId);
  }

  /** See {@link CacheBackend.exists}. */
  async exists(refId: string): Promise<boolean> {
    return (await this.head(refId)) !== undefined;
  }

  /** See {@link CacheBackend.clear}. */
  async clear(namespace?: string): Promise<number> {
    this.#assertOpen();
    let cleared = 0;
    if (namespace === undefined) {
      this.#links.clear();
      this.#leases.clear();
    }
    for await (const refId of this.#walk(this.#setsOf(namespace))) if (this.#removeWithLink(refId)) cleared++;
    return cleared;
  }

  /** See {@link LabelStore.removeLabelled}. */
  async removeLabelled(label: Label, mayRemove: MayRemove = () => true): Promise<number> {
    this.#assertOpen();
    const references = label.kind === "namespace" ? this.#namespaces.get(label.name) : this.#labels.of(label);
    const entries = {
      head: (refId: string) => this.head(refId),
      remove: (refId: string) => this.#removeWithLink(refId),
    };
    return removeWalked(this.#walk([references]), entries, mayRemove);
  }

  /** See {@link CacheBackend.keys}. */
  async *keys(namespace?: string): AsyncGenerator<string> {
    for await (const [refId] of this.heads(namespace)) yield refId;
  }

  /** See {@link HeadStore.head}. Does not count as use. */
  async head(refId: string): Promise<EntryHead | undefined> {
    this.#assertOpen();
    const entry = this.#live(refId, this.#entries.peek(refId));
    return entry && headOf(entry);
  }

  /** See {@link HeadStore.heads}. */
  async *heads(namespace?: string): AsyncGenerator<readonly [refId: string, head: EntryHead]> {
    this.#assertOpen();
    for await (const refId of this.#walk(this.#setsOf(namespace))) {
      const entry = this.#live(refId, this.#entries.peek(refId));
      if (entry !== undefined) yield [refId, headOf(entry)];
    }
  }

  /** See {@link LinkStore.getLink}. */
  async getLink(name: string): Promise<string | undefined> {
    this.#assertOpen();
    const link = this.#links.get(name);
    if (link === undefined || !isExpired(link, Date.now())) return link?.refId;
    this.#links.delete(name);
    return undefined;
  }

  /** See {@link LinkStore.setLinked}. Throws as `set` does. */
  async setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    await this.set(refId, entry);
    this.#links.set(name, { refId, expiresAt: entry.expiresAt });
  }

  /** See {@link ReplaceStore.replace}. Throws as `set` does. */
  async replace(refId: string, entry: Entry): Promise<boolean> {
    this.#assertOpen();
    const isLive = this.#live(refId, this.#entries.peek(refId)) !== undefined;
    if (isLive) await this.set(refId, entry); // begins at once, so that no deletion comes in between
    return isLive;
  }

  /** See {@link BatchStore.getMany}. */
  getMany(refIds: readonly string[]): Promise<(Entry | undefined)[]> {
    return Promise.all(refIds.map((refId) => this.get(refId)));
  }

  /** See {@link BatchStore.headMany}. */
  headMany(refIds: readonly string[]): Promise<(EntryHead | undefined)[]> {
    return Promise.all(refIds.map((refId) => this.head(refId)));
  }

  /** See {@link BatchStore.setMany}. Throws as `set` does. */
  async setMany(entries: readonly NewEntry[]): Promise<void> {
    this.#assertOpen();
    for (const { refId, entry, name } of entries)
      await (name === undefined ? this.set(refId, entry) : this.setLinked(refId, entry, name));
  }

  /** See {@link ChannelStore.publish}. */
  async publish(message: ChannelMessage): Promise<void> {
    this.#assertOpen();
    this.#channel.publish(message);
  }

  /** See {@link ChannelStore.subscribe}. Nothing is ever missed. */
  subscribe(listener: ChannelListener): () => void {
    return this.#closed ? () => {} : this.#channel.subscribe(listener);
  }

  /** See {@link LeaseStore.acquireLease}. */
  async acquireLease(name: string, life: number, seen?: string): Promise<Lease | "taken" | "changed"> {
    const found = await this.getLink(name);
    return found !== undefined && found !== seen ? "changed" : this.#leases.acquire(name, life);
  }

  /** See {@link LeaseStore.renewLease}. */
  async renewLease(lease: Lease, life: number): Promise<boolean> {
    this.#assertOpen();
    return this.#leases.renew(lease, life);
  }

  /** See {@link LeaseStore.releaseLease}. */
  async releaseLease(lease: Lease): Promise<boolean> {
    this.#assertOpen();
    return this.#leases.release(lease);
  }

  /** See {@link LeaseStore.setLeased}. Throws as `set` does. */
  async setLeased(refId: string, entry: Entry, lease: Lease): Promise<boolean> {
    const isNewest = this.#leases.isNewest(lease);
    await (isNewest ? this.setLinked(refId, entry, lease.name) : this.set(refId, entry));
    this.#leases.release(lease);
    return isNewest;
  }

  /** See {@link CacheBackend.close}. What was stored is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#channel.close();
    this.#leases.clear();
    clearInterval(this.#sweeper);
    this.#entries.clear();
    this.#links.clear();
    this.#namespaces.clear();
    this.#labels.clear();
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailableError("The memory store is closed. Make a new backend.");
  }

  /** The entry if it is live; an expired one is removed on the way. */
  #live(refId: string, entry: Entry | undefined): Entry | undefined {
    if (entry === undefined || !isExpired(entry, Date.now())) return entry;
    this.#entries.delete(refId);
    return undefined;
  }

  /** Removes an entry; tells whether it was live. */
  #remove(refId: string): boolean {
    const entry = this.#live(refId, this.#entries.peek(refId));
    return entry !== undefined && this.#entries.delete(refId);
  }

  #removeWithLink(refId: string): boolean {
    const link = this.#entries.peek(refId)?.metadata.link;
    if (link !== undefined && this.#links.peek(link)?.refId === refId) this.#links.delete(link);
    return this.#remove(refId);
  }

  #referencesOf(namespace: string): Set<string> {
    const known = this.#namespaces.get(namespace);
    if (known !== undefined) return known;
    const references = new Set<string>();
    this.#namespaces.set(namespace, references);
    return references;
  }

  /** Takes an entry that was deleted, evicted or moved to another namespace out of the index. */
  #forget(refId: string, entry: Entry): void {
    const { namespace } = entry;
    this.#labels.remove(refId, entry);
    const references = this.#namespaces.get(namespace);
    references?.delete(refId);
    if (references?.size === 0) this.#namespaces.delete(namespace);
  }

  #setsOf(namespace: string | undefined): readonly (ReadonlySet<string> | undefined)[] {
    return namespace === undefined ? [...this.#namespaces.values()] : [this.#namespaces.get(namespace)];
  }

  /** References of some sets, pausing for other work. Ends even if writers add as fast as it reads. */
  async *#walk(sets: readonly (ReadonlySet<string> | undefined)[]): AsyncGenerator<string> {
    let visited = 0;
    for (const references of sets) {
      let left = references?.size ?? 0;
      for (const refId of references ?? []) {
        if (left-- === 0) break;
        yield refId;
        if (++visited % ENTRIES_PER_TURN === 0) await nextTurn();
        this.#assertOpen();
      }
    }
  }

  #sweep(): void {
    this.#unswept ??= this.#allReferences();
    for (let looked = 0; looked < ENTRIES_PER_TURN; looked++) {
      const { value: refId, done } = this.#unswept.next();
      if (done) {
        this.#unswept = undefined;
        return;
      }
      this.#live(refId, this.#entries.peek(refId));
    }
  }

  *#allReferences(): Generator<string, undefined> {
    for (const references of this.#namespaces.values()) yield* references;
  }
}

function bytesOf({ json, metadata }: Entry): number {
  return HEAD_BYTES + (storedSizeOf(metadata) === json.length ? json.length : 2 * json.length);
}

function headOf({ json: _, ...head }: Entry): EntryHead {
  return head;
}

function frozenCopy(entry: Entry): Entry {
  return Object.freeze({
    json: entry.json,
    namespace: entry.namespace,
    policy: frozenPolicy(entry.policy),
    createdAt: entry.createdAt,
    expiresAt: entry.expiresAt,
    metadata: frozenMetadata(entry.metadata),
  });
}

function frozenPolicy(policy: Policy): Policy {
  const { allowedActors, deniedActors } = policy;
  if (Object.isFrozen(policy) && allowedActors === null && deniedActors === null) return policy;
  return Object.freeze({
    ...policy,
    allowedActors: allowedActors && Object.freeze([...allowedActors]),
    deniedActors: deniedActors && Object.freeze([...deniedActors]),
  });
}

function frozenMetadata(metadata: EntryMetadata): EntryMetadata {
  const { atRest, other, tags } = metadata;
  return Object.freeze({
    ...metadata,
    ...(tags && { tags: Object.freeze([...tags]) }),
    ...(atRest && { atRest: Object.freeze({ ...atRest }) }),
    ...(other && { other: deepFreeze(structuredClone(other)) }),
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(Object.freeze(value)).forEach(deepFreeze);
  }
  return value;
}
