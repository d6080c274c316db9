import { type Entry, type EntryHead, isExpired } from "../../entry/entry.js";
import type { Label } from "../../entry/labels.js";
import { decodeEntry, decodeHeadFromTail, encodeEntry } from "../../entry/wire.js";
import { EntryUnreadableError, StoreUnusableError } from "../../errors.js";
import type { ByteRange } from "../../outline/text.js";
import type {
  BatchStore,
  CacheBackend,
  CapacitySource,
  ChangeFeed,
  ChangeListener,
  ChangeWatch,
  ChannelListener,
  ChannelMessage,
  ChannelStore,
  CopiedKey,
  EntryWriter,
  Found,
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
  StreamStore,
  TaskStore,
} from "../backend.js";
import { allDone, partlyDone } from "../partly-done.js";
import { getMany, headMany, setMany } from "./batches.js";
import { capacityOf } from "./capacity.js";
import { RedisChanges } from "./changes.js";
import { RedisChannel } from "./channel.js";
import type { Command, Connection } from "./commands.js";
import { connect } from "./connect.js";
import { live, tailOf, writing } from "./entry-commands.js";
import {
  ENTRY_PREFIX,
  entryKey,
  LABEL_PREFIX,
  LABELS_KEY,
  LEASE_PREFIX,
  LINK_PREFIX,
  linkKey,
  OUTLINE_PREFIX,
  outlineKey,
  refIdOf,
  TASK_PREFIX,
  TASKS_KEY,
  WRITING_PREFIX,
} from "./keys.js";
import { type Listed, RedisLabels } from "./labels.js";
import { RedisLeases } from "./leases.js";
import { type RedisBackendOptions, readNamespaceIndex, readTimeouts } from "./options.js";
import { keepOutline, look, readRanges, TAIL_BYTES } from "./ranges.js";
import { scanKeys } from "./scan.js";
import { RedisWriter } from "./streams.js";
import { RedisTasks } from "./tasks.js";

/**
 * Entries in Redis or Valkey, shared with every server on it, in either language. Needs ioredis.
 *
 * Every call settles within about a second, whatever the server does, and works again within a second of its
 * return; only a value of many megabytes may take longer, a second for each 10 MB.
 * @example
 * new RedisBackend();                                       // REDIS_URL, or REDIS_HOST, REDIS_PORT, …
 * new RedisBackend({ url: "rediss://app:secret@cache.example:6380/2" });
 * new RedisBackend({ url: "redis+sentinel://app:secret@10.0.0.1:26379,10.0.0.2:26379/cache" });
 * new RedisBackend({ nodes: [{ host: "10.0.0.1", port: 7000 }, { host: "10.0.0.2", port: 7000 }] });
 */
export class RedisBackend
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
    CapacitySource,
    ChangeFeed,
    StreamStore,
    TaskStore
{
  /** See {@link LeaseStore.sharesLeases}. */
  readonly sharesLeases = true;
  readonly #connection: Connection;
  readonly #channel: RedisChannel;
  readonly #leases: RedisLeases;
  readonly #labels: RedisLabels;
  readonly #changes: RedisChanges;
  readonly #tasks: RedisTasks;

  /**
   * Connects at the first call, not here.
   * @throws {ConfigurationError} naming an option or variable that will not do.
   * @throws {PeerDependencyError} when ioredis is not installed.
   */
  constructor(options: RedisBackendOptions = {}) {
    this.#connection = connect(options);
    this.#channel = new RedisChannel(this.#connection);
    this.#leases = new RedisLeases(this.#connection);
    this.#labels = new RedisLabels(this.#connection, readNamespaceIndex(options));
    this.#changes = new RedisChanges(this.#connection, readTimeouts(options).commandTimeout);
    this.#tasks = new RedisTasks(this.#connection);
  }

  /** See {@link CacheBackend.get}. One round trip. */
  async get(refId: string): Promise<Entry | undefined> {
    const text = await this.#read(refId, ["get"]);
    const entry = text === undefined ? undefined : decodeEntry(refId, text);
    return live(entry);
  }

  /** See {@link CacheBackend.set}. One round trip; where the entry has labels, a transaction, as of `setLinked`. */
  async set(refId: string, entry: Entry): Promise<void> {
    const noting = this.#labels.noting([{ refId, entry }]);
    const text = encodeEntry(entry);
    const write = writing(entryKey(refId), text, entry.expiresAt);
    await (noting.length === 0
      ? this.#connection.call(write, text.length)
      : this.#connection.inOrder([...noting, write], text.length));
  }

  /** See {@link CacheBackend.delete}. One round trip. */
  async delete(refId: string): Promise<boolean> {
    const key = entryKey(refId);
    const [tail, removed] = await this.#connection.send([
      tailOf(key),
      ["unlink", key],
      ["unlink", outlineKey(refId)],
    ]);
    const head = typeof tail === "string" ? decodeHeadFromTail(tail) : undefined;
    return removed === 1 && (head === undefined || !isExpired(head, Date.now()));
  }

  /** See {@link CacheBackend.exists}. An unreadable entry counts as none. */
  async exists(refId: string): Promise<boolean> {
    return (await readable(this.head(refId))) !== undefined;
  }

  /**
   * See {@link CacheBackend.clear}. Without a namespace everything of ours goes, unreadable entries and links
   * included; only entries are counted.
   */
  async clear(namespace?: string): Promise<number> {
    if (namespace !== undefined) return this.removeLabelled({ kind: "namespace", name: namespace });
    const progress: Progress = { removed: 0 };
    try {
      return await this.#clearAll(progress);
    } catch (error) {
      throw partlyDone(error, progress.removed);
    }
  }

  /**
   * See {@link LabelStore.removeLabelled}. Four round trips for 500 entries; for a namespace without an index, the
   * whole store is looked through.
   */
  async removeLabelled(label: Label, mayRemove?: MayRemove): Promise<number> {
    const isIndexed = await this.#labels.finds(label);
    const batches = isIndexed ? this.#labels.batches(label) : this.#headBatches(label.name);
    return this.#labels.remove(batches, mayRemove);
  }

  /**
   * Notes the labels of every entry there is, of whichever server; tells how many entries. To be called once after
   * `namespaceIndex` was switched on everywhere, and after the server has evicted or lost what was noted.
   */
  async rebuildIndex(): Promise<number> {
    let noted = 0;
    for await (const heads of this.#headBatches()) {
      await this.#labels.note(heads);
      noted += heads.length;
    }
    await this.#labels.markComplete();
    return noted;
  }

  /** See {@link BatchStore.getMany}. One round trip to each server. */
  getMany(refIds: readonly string[]): Promise<Found<Entry>[]> {
    return getMany(this.#connection, refIds);
  }

  /** See {@link BatchStore.headMany}. One round trip to each server, and another where a head is larger than usual. */
  headMany(refIds: readonly string[]): Promise<Found<EntryHead>[]> {
    return headMany(this.#connection, refIds);
  }

  /** See {@link BatchStore.setMany}. One round trip and a transaction on one server, three round trips on a cluster. */
  setMany(entries: readonly NewEntry[]): Promise<void> {
    return setMany(this.#connection, this.#labels, entries);
  }

  /** See {@link CacheBackend.keys}. Reads heads, not values. */
  async *keys(namespace?: string): AsyncGenerator<string> {
    for await (const [refId] of this.heads(namespace)) yield refId;
  }

  /**
   * See {@link HeadStore.head}. One round trip for what this package or the Python one wrote.
   * @throws {EntryUnreadableError} for a malformed entry.
   */
  async head(refId: string): Promise<EntryHead | undefined> {
    const tail = await this.#read(refId, ["getrange", -TAIL_BYTES, -1]);
    if (!tail) return undefined;
    return live(decodeHeadFromTail(tail) ?? (await this.#headOfWhole(refId)));
  }

  /** See {@link HeadStore.heads}. Two round trips for 500 keys. */
  async *heads(namespace?: string): AsyncGenerator<readonly [refId: string, head: EntryHead]> {
    const label: Label | undefined =
      namespace === undefined ? undefined : { kind: "namespace", name: namespace };
    const isIndexed = label !== undefined && (await this.#labels.finds(label));
    const batches = isIndexed ? this.#labels.batches(label) : this.#headBatches(namespace);
    for await (const batch of batches) yield* batch;
  }

  /** See {@link LinkStore.getLink}. */
  async getLink(name: string): Promise<string | undefined> {
    const reply = await this.#connection.call(["get", linkKey(name)]);
    return typeof reply === "string" ? reply : undefined;
  }

  /**
   * See {@link LinkStore.setLinked}. Where the entry is refused, so is the link. On one server one round trip, and a
   * transaction; on a cluster the link follows once the entry is acknowledged.
   */
  async setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    const text = encodeEntry(entry);
    const { expiresAt } = entry;
    const link = writing(linkKey(name), refId, expiresAt);
    const noting = this.#labels.noting([{ refId, entry }]);
    const writes = [writing(entryKey(refId), text, expiresAt), link];
    await this.#connection.inOrder([...noting, ...writes], text.length);
  }

  /** See {@link ReplaceStore.replace}. One round trip, and a transaction: the outline of what was there goes. */
  async replace(refId: string, entry: Entry): Promise<boolean> {
    const text = encodeEntry(entry);
    const write = writing(entryKey(refId), text, entry.expiresAt);
    const onlyIfThere = write[0] === "set" ? ["XX"] : [];
    const noting = this.#labels.noting([{ refId, entry }]);
    if (noting.length > 0) await this.#connection.send(noting);
    const forgetting: Command = ["unlink", outlineKey(refId)];
    const [, reply] = await this.#connection.inOrder([forgetting, [...write, ...onlyIfThere]], text.length);
    return reply === "OK" || reply === 1;
  }

  /** See {@link RangeStore.look}. One round trip for what this package or the Python one wrote. */
  async look(refId: string): Promise<Look | undefined> {
    const seen = await look(this.#connection, refId);
    const head = live(seen && (seen.head ?? (await this.#headOfWhole(refId))));
    return seen && head && { ...seen, head };
  }

  /** See {@link RangeStore.keepOutline}. */
  keepOutline(refId: string, entry: Entry, outline: Uint8Array): Promise<void> {
    return keepOutline(this.#connection, refId, entry, outline);
  }

  /** See {@link RangeStore.readRanges}. One round trip. */
  readRanges(
    refId: string,
    ranges: readonly ByteRange[],
    textAt: number,
  ): Promise<readonly Uint8Array[] | undefined> {
    return readRanges(this.#connection, refId, ranges, textAt);
  }

  /** See {@link ChannelStore.publish}. One round trip. */
  publish(message: ChannelMessage): Promise<void> {
    return this.#channel.publish(message);
  }

  /** See {@link ChannelStore.subscribe}. The first one makes a second connection, for all. */
  subscribe(listener: ChannelListener): () => void {
    return this.#channel.subscribe(listener);
  }

  /** See {@link LeaseStore.acquireLease}. One round trip. */
  acquireLease(name: string, life: number, seen?: string): Promise<Lease | "taken" | "changed"> {
    return this.#leases.acquire(name, life, seen);
  }

  /** See {@link LeaseStore.renewLease}. One round trip. */
  renewLease(lease: Lease, life: number): Promise<boolean> {
    return this.#leases.renew(lease, life);
  }

  /** See {@link LeaseStore.releaseLease}. One round trip. */
  releaseLease(lease: Lease): Promise<boolean> {
    return this.#leases.release(lease);
  }

  /** See {@link LeaseStore.setLeased}. One round trip: both are sent at once, the entry first. */
  async setLeased(refId: string, entry: Entry, lease: Lease): Promise<boolean> {
    const storing = this.set(refId, entry);
    const linking = this.#leases.link(lease, refId, entry.expiresAt);
    await allDone<unknown>([storing, linking]);
    return linking;
  }

  /** See {@link CapacitySource.capacity}. One round trip. Needs the right to `INFO`; without, nothing is known. */
  capacity(): Promise<StoreCapacity> {
    return capacityOf(this.#connection);
  }

  /** See {@link ChangeFeed.watch}. Takes a connection more to each primary. */
  watch(listener: ChangeListener): ChangeWatch {
    return this.#changes.watch(listener);
  }

  /** See {@link ChangeFeed.endsOf}. One round trip to each node. */
  endsOf(keys: readonly CopiedKey[]): Promise<readonly (number | null | undefined)[]> {
    return this.#changes.endsOf(keys);
  }

  /** See {@link StreamStore.openText}. One round trip a piece; the first makes the key, of which nobody knows. */
  async openText(refId: string): Promise<EntryWriter> {
    return new RedisWriter(this.#connection, { refId, labels: this.#labels, leases: this.#leases });
  }

  /** See {@link TaskStore.addTask}. Three round trips, or two without a name. */
  addTask(...task: Parameters<TaskStore["addTask"]>): Promise<boolean> {
    return this.#tasks.addTask(...task);
  }

  /** See {@link TaskStore.readTask}. One round trip. */
  readTask(refId: string): Promise<FoundTask | undefined> {
    return this.#tasks.readTask(refId);
  }

  /** See {@link TaskStore.changeTask}. One round trip; another where it is finished, or kept for longer. */
  changeTask(refId: string, record: Entry, revision: number, lease?: number): Promise<boolean> {
    return this.#tasks.changeTask(refId, record, revision, lease);
  }

  /** See {@link TaskStore.renewTask}. One round trip. */
  renewTask(refId: string, revision: number, lease: number): Promise<boolean> {
    return this.#tasks.renewTask(refId, revision, lease);
  }

  /** See {@link TaskStore.taskOf}. One round trip, and another where there is one. */
  taskOf(name: string): Promise<string | undefined> {
    return this.#tasks.taskOf(name);
  }

  /** See {@link TaskStore.abandonedTasks}. One round trip where no lease may have ended, else three for 100 tasks. */
  abandonedTasks(limit: number): Promise<readonly string[]> {
    return this.#tasks.abandonedTasks(limit);
  }

  /** See {@link CacheBackend.close}. Settles within the time of a command; a client that was given stays open. */
  close(): Promise<void> {
    this.#channel.close();
    this.#changes.close();
    return this.#connection.close();
  }

  /** Runs a command whose reply is the text of an entry, or part of it. A key of another type is no entry. */
  async #read(refId: string, [name, ...args]: Command): Promise<string | undefined> {
    try {
      const reply = await this.#connection.call([name, entryKey(refId), ...args]);
      return typeof reply === "string" ? reply : undefined;
    } catch (error) {
      if (!(error instanceof StoreUnusableError && isWrongType(error.cause))) throw error;
      throw new EntryUnreadableError(refId, "its key holds something else than a text", { cause: error });
    }
  }

  async #headOfWhole(refId: string): Promise<EntryHead | undefined> {
    const text = await this.#read(refId, ["get"]);
    if (text === undefined) return undefined;
    const { json: _, ...head } = decodeEntry(refId, text);
    return head;
  }

  async *#headBatches(namespace?: string): AsyncGenerator<Listed[]> {
    for await (const keys of scanKeys(this.#connection, ENTRY_PREFIX)) {
      const tails = await this.#connection.send(keys.map(tailOf));
      const heads: (readonly [string, EntryHead])[] = [];
      for (const [n, key] of keys.entries()) {
        const refId = refIdOf(key);
        const head = await this.#headFromTail(refId, tails[n]);
        if (head !== undefined && head.namespace === (namespace ?? head.namespace)) heads.push([refId, head]);
      }
      yield heads;
    }
  }

  /** The live head that a tail holds, or else the whole entry; nothing for what is unreadable. */
  async #headFromTail(refId: string, tail: unknown): Promise<EntryHead | undefined> {
    if (typeof tail !== "string" || tail === "") return undefined;
    return live(decodeHeadFromTail(tail) ?? (await readable(this.#headOfWhole(refId))));
  }

  async #clearAll(progress: Progress): Promise<number> {
    // Before the entries: one that is stored meanwhile keeps what is noted of it, or goes itself.
    await this.#clearPrefix(LABEL_PREFIX, progress);
    await this.#unlink([LABELS_KEY], progress);
    const cleared = await this.#clearPrefix(ENTRY_PREFIX, progress);
    await this.#clearPrefix(LEASE_PREFIX, progress);
    await this.#clearPrefix(LINK_PREFIX, progress);
    await this.#clearPrefix(OUTLINE_PREFIX, progress);
    await this.#clearPrefix(WRITING_PREFIX, progress);
    await this.#clearPrefix(TASK_PREFIX, progress);
    await this.#unlink([TASKS_KEY], progress);
    await this.#labels.markComplete();
    return cleared;
  }

  async #clearPrefix(prefix: string, progress: Progress): Promise<number> {
    let cleared = 0;
    for await (const keys of scanKeys(this.#connection, prefix))
      cleared += await this.#unlink(keys, progress);
    return cleared;
  }

  async #unlink(keys: string[], progress: Progress): Promise<number> {
    const replies = await this.#connection.send(keys.map((key) => ["unlink", key]));
    const removed = replies.filter((reply) => reply === 1).length;
    progress.removed += removed;
    return removed;
  }
}

/** How many keys a clearing has removed so far. */
interface Progress {
  removed: number;
}

function isWrongType(cause: unknown): boolean {
  return (cause as { code?: unknown } | undefined)?.code === "WRONGTYPE";
}

/** What a promise gives, or nothing if the entry is unreadable. */
async function readable<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof EntryUnreadableError) return undefined;
    throw error;
  }
}
