import { setImmediate as nextTurn } from "node:timers/promises";
import type { Entry, EntryHead } from "../../entry/entry.js";
import { bears, type Label } from "../../entry/labels.js";
import { StoreFullError, StoreUnavailableError } from "../../errors.js";
import { LARGE_BYTES } from "../../outline/outline.js";
import type { ByteRange } from "../../outline/text.js";
import type {
  BatchStore,
  CacheBackend,
  CapacitySource,
  ChannelListener,
  ChannelMessage,
  ChannelStore,
  Eviction,
  EvictionSource,
  FoundTask,
  HeadStore,
  LabelStore,
  Lease,
  LeaseStore,
  LinkStore,
  Look,
  MayRemove,
  NewEntry,
  RangeStore,
  ReplaceStore,
  StoreCapacity,
  TaskStore,
} from "../backend.js";
import { checkInteger, LONGEST_TIMER } from "../options.js";
import { NONE } from "./chain.js";
import { MemoryChannel } from "./channel.js";
import { MemoryLeases } from "./leases.js";
import { bytesOf, EntryTable } from "./table.js";
import { MemoryTasks } from "./tasks.js";

/** Options of {@link MemoryBackend}. */
export interface MemoryBackendOptions {
  /** Entries kept before the least recently used goes, with the names that lead to it. Default 10,000. */
  readonly maxEntries?: number;
  /**
   * Bytes kept before the least recently used goes; default 256 MiB. Counted is what the texts take at most:
   * a byte a character where the entry's `totalSize` shows it to be ASCII, else two, and 512 for the rest.
   */
  readonly maxBytes?: number;
  /** Milliseconds between two looks for expired entries, each at no more than 10,000 entries. Default 1000. */
  readonly sweepInterval?: number;
}

/** Slots looked at before other work gets its turn; some two milliseconds. */
const SLOTS_PER_TURN = 10_000;

/**
 * Entries in the memory of this process, bounded in number and bytes; the least recently used go first.
 * Values are texts, and heads are the reader's own or frozen, so a reader cannot change what the next one gets.
 */
export class MemoryBackend
  implements
    CacheBackend,
    HeadStore,
    LinkStore,
    ReplaceStore,
    RangeStore,
    ChannelStore,
    LeaseStore,
    LabelStore,
    BatchStore,
    EvictionSource,
    CapacitySource,
    TaskStore
{
  /** See {@link LeaseStore.sharesLeases}. */
  readonly sharesLeases = false;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #sweeper: NodeJS.Timeout;
  readonly #channel = new MemoryChannel();
  readonly #leases = new MemoryLeases();
  readonly #tasks = new MemoryTasks();
  readonly #onEviction = new Set<(eviction: Eviction) => void>();
  #table = new EntryTable();
  #sweptTo = 1;
  #closed = false;

  /** @throws {ConfigurationError} when an option is not a positive integer. */
  constructor(options: MemoryBackendOptions = {}) {
    this.#maxEntries = checkInteger("maxEntries", options.maxEntries ?? 10_000);
    this.#maxBytes = checkInteger("maxBytes", options.maxBytes ?? 256 * 1024 * 1024);
    const interval = checkInteger("sweepInterval", options.sweepInterval ?? 1000, 1, LONGEST_TIMER);
    this.#sweeper = setInterval(() => this.#sweep(), interval).unref();
  }

  /** See {@link CacheBackend.get}. */
  async get(refId: string): Promise<Entry | undefined> {
    this.#assertOpen();
    const slot = this.#find(refId);
    if (slot === NONE) return undefined;
    this.#table.touch(slot);
    return this.#table.entryAt(slot);
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
    this.#table.put(refId, entry);
    this.#makeRoom();
  }

  /** See {@link CacheBackend.delete}. */
  async delete(refId: string): Promise<boolean> {
    this.#assertOpen();
    const slot = this.#find(refId);
    if (slot !== NONE) this.#drop(slot);
    return slot !== NONE;
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
      this.#table.names.clear();
      this.#leases.clear();
      this.#tasks.clear();
    }
    for await (const refId of this.#walk(this.#slotsOf(namespace))) {
      const slot = this.#find(refId, namespace);
      if (slot === NONE) continue;
      this.#drop(slot);
      cleared++;
    }
    return cleared;
  }

  /** See {@link LabelStore.removeLabelled}. */
  async removeLabelled(label: Label, mayRemove: MayRemove = () => true): Promise<number> {
    this.#assertOpen();
    let removed = 0;
    for await (const refId of this.#walk(this.#table.slotsUnder(label))) {
      const head = await this.head(refId);
      if (head === undefined || !bears(head, label) || !(await mayRemove(refId, head))) continue;
      if (await this.delete(refId)) removed++;
    }
    return removed;
  }

  /** See {@link CacheBackend.keys}. */
  async *keys(namespace?: string): AsyncGenerator<string> {
    for await (const [refId] of this.heads(namespace)) yield refId;
  }

  /** See {@link HeadStore.head}. Does not count as use. */
  async head(refId: string): Promise<EntryHead | undefined> {
    this.#assertOpen();
    const slot = this.#find(refId);
    return slot === NONE ? undefined : this.#table.headAt(slot);
  }

  /** See {@link HeadStore.heads}. */
  async *heads(namespace?: string): AsyncGenerator<readonly [refId: string, head: EntryHead]> {
    this.#assertOpen();
    for await (const refId of this.#walk(this.#slotsOf(namespace))) {
      const slot = this.#find(refId, namespace);
      const head = slot === NONE ? undefined : this.#table.headAt(slot);
      if (head !== undefined) yield [refId, head];
    }
  }

  /** See {@link LinkStore.getLink}. */
  async getLink(name: string): Promise<string | undefined> {
    this.#assertOpen();
    const slot = this.#table.names.find(name);
    return slot !== undefined && this.#isLive(slot) ? this.#table.referenceAt(slot) : undefined;
  }

  /** See {@link LinkStore.setLinked}. Throws as `set` does. */
  async setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    await this.set(refId, entry);
    const slot = this.#table.find(refId);
    if (slot !== NONE) this.#table.names.set(name, slot);
  }

  /** See {@link ReplaceStore.replace}. Throws as `set` does. */
  async replace(refId: string, entry: Entry): Promise<boolean> {
    this.#assertOpen();
    const isLive = this.#find(refId) !== NONE;
    if (isLive) await this.set(refId, entry); // begins at once, so that no deletion comes in between
    return isLive;
  }

  /** See {@link RangeStore.look}. */
  async look(refId: string): Promise<Look | undefined> {
    this.#assertOpen();
    const slot = this.#find(refId);
    const head = slot === NONE ? undefined : this.#table.headAt(slot);
    if (head === undefined) return undefined;
    this.#table.touch(slot);
    const json = this.#table.textAt(slot);
    if (json.length < LARGE_BYTES) return { head, json, textAt: 0 };
    const outline = this.#table.outlines.of(slot);
    return { head, ...(outline && { outline }), textAt: 0 };
  }

  /** See {@link RangeStore.keepOutline}. What it takes counts as the entry's. */
  async keepOutline(refId: string, _: Entry, outline: Uint8Array): Promise<void> {
    this.#assertOpen();
    const slot = this.#find(refId);
    const stored = slot === NONE ? undefined : this.#table.entryAt(slot);
    if (stored === undefined) return;
    this.#table.touch(slot);
    this.#table.outlines.keep(slot, stored.json, outline, this.#maxBytes - bytesOf(stored));
    this.#makeRoom();
  }

  /** See {@link RangeStore.readRanges}. */
  async readRanges(refId: string, ranges: readonly ByteRange[]): Promise<Uint8Array[] | undefined> {
    this.#assertOpen();
    const slot = this.#find(refId);
    return slot === NONE ? undefined : this.#table.outlines.read(slot, this.#table.textAt(slot), ranges);
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

  /** See {@link TaskStore.addTask}. Throws `StoreFullError` when there are 10,000 unfinished ones. */
  async addTask(...task: Parameters<TaskStore["addTask"]>): Promise<boolean> {
    this.#assertOpen();
    return this.#tasks.addTask(...task);
  }

  /** See {@link TaskStore.readTask}. */
  async readTask(refId: string): Promise<FoundTask | undefined> {
    this.#assertOpen();
    return this.#tasks.readTask(refId);
  }

  /** See {@link TaskStore.changeTask}. */
  async changeTask(refId: string, record: Entry, revision: number, lease?: number): Promise<boolean> {
    this.#assertOpen();
    return this.#tasks.changeTask(refId, record, revision, lease);
  }

  /** See {@link TaskStore.renewTask}. */
  async renewTask(refId: string, revision: number, lease: number): Promise<boolean> {
    this.#assertOpen();
    return this.#tasks.renewTask(refId, revision, lease);
  }

  /** See {@link TaskStore.taskOf}. */
  async taskOf(name: string): Promise<string | undefined> {
    this.#assertOpen();
    return this.#tasks.taskOf(name);
  }

  /** See {@link TaskStore.abandonedTasks}. */
  async abandonedTasks(limit: number): Promise<readonly string[]> {
    this.#assertOpen();
    return this.#tasks.abandonedTasks(limit);
  }

  /** See {@link EvictionSource.onEviction}. */
  onEviction(listener: (eviction: Eviction) => void): () => void {
    const own = (eviction: Eviction) => listener(eviction); // one may listen twice
    this.#onEviction.add(own);
    return () => this.#onEviction.delete(own);
  }

  /** See {@link CapacitySource.capacity}. Bytes are counted as `maxBytes` counts them. */
  async capacity(): Promise<StoreCapacity> {
    this.#assertOpen();
    const { size: entries, bytes } = this.#table;
    return { entries, maxEntries: this.#maxEntries, bytes, maxBytes: this.#maxBytes };
  }

  /** See {@link CacheBackend.close}. What was stored is gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#channel.close();
    this.#leases.clear();
    this.#tasks.clear();
    clearInterval(this.#sweeper);
    this.#table = new EntryTable();
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreUnavailableError("The memory store is closed. Make a new backend.");
  }

  #makeRoom(): void {
    const table = this.#table;
    while (table.size > this.#maxEntries || table.bytes > this.#maxBytes) this.#evict(table.oldest);
  }

  #evict(slot: number): void {
    const eviction = this.#onEviction.size === 0 ? undefined : this.#table.evictionOf(slot);
    this.#table.remove(slot);
    if (eviction !== undefined) for (const listener of this.#onEviction) listener(eviction);
  }

  /** The slot of a live entry, of this namespace where one is named, else `NONE`. An expired one is removed on the way. */
  #find(refId: string, namespace?: string): number {
    const slot = this.#table.find(refId);
    if (slot === NONE || !this.#isLive(slot)) return NONE;
    return namespace === undefined || this.#table.namespaceAt(slot) === namespace ? slot : NONE;
  }

  /** Tells whether what is in a slot in use is live; an expired entry is removed on the way. */
  #isLive(slot: number): boolean {
    const isLive = !this.#table.isExpired(slot, Date.now());
    if (!isLive) this.#drop(slot);
    return isLive;
  }

  /** Removes what is in a slot. What a large table leaves behind when it is empty is given back. */
  #drop(slot: number): void {
    this.#table.remove(slot);
    if (this.#table.size === 0 && this.#table.end > SLOTS_PER_TURN) this.#table = new EntryTable();
  }

  /** The slots of a namespace; `undefined` for all. */
  #slotsOf(namespace: string | undefined): Uint32Array | undefined {
    return namespace === undefined ? undefined : this.#table.slotsOf(namespace);
  }

  /**
   * References in some slots or in all, pausing for other work; when they are looked at, some may have gone, or have come
   * since. What is there throughout is met once. Ends even if writers add as fast as it reads.
   */
  async *#walk(slots: Uint32Array | undefined): AsyncGenerator<string> {
    const end = slots?.length ?? this.#table.end;
    for (let n = 0; n < end; n++) {
      const refId = this.#table.referenceAt(slots?.[n] ?? n);
      if (refId !== "") yield refId;
      if ((n + 1) % SLOTS_PER_TURN === 0) await nextTurn();
      this.#assertOpen();
    }
  }

  #sweep(): void {
    this.#tasks.sweep();
    const from = this.#sweptTo < this.#table.end ? this.#sweptTo : 1;
    this.#sweptTo = Math.min(from + SLOTS_PER_TURN, this.#table.end);
    for (let slot = from; slot < this.#sweptTo; slot++) {
      if (this.#table.referenceAt(slot) !== "") this.#isLive(slot);
    }
  }
}
