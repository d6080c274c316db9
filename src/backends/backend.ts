import type { Entry, EntryHead } from "../entry/entry.js";
import type { Label } from "../entry/labels.js";
import type { EntryUnreadableError } from "../errors.js";
import type { ByteRange } from "../outline/text.js";

/**
 * Where entries live. Six operations and `close`, all asynchronous.
 *
 * Every method settles within a bounded time, with a `StoreError` when the store is down, slow, full or
 * unusable. An expired entry is a missing one everywhere. Backends know nothing of actors: permission is
 * asked above them. `mcp-refcache/conformance` checks an implementation.
 */
export interface CacheBackend {
  /** The entry, or `undefined` when missing or expired. Throws `EntryUnreadableError` for a malformed one. */
  get(refId: string): Promise<Entry | undefined>;
  /** Stores an entry; resolves once it is as safe as the store makes it. */
  set(refId: string, entry: Entry): Promise<void>;
  /** Removes an entry, readable or not; tells whether there was one. */
  delete(refId: string): Promise<boolean>;
  /** Tells whether a live entry is stored, without reading its value. */
  exists(refId: string): Promise<boolean>;
  /** Removes the entries of exactly this namespace, or all with every link; tells how many entries. */
  clear(namespace?: string): Promise<number>;
  /** The references of live entries of exactly this namespace, or all, in no particular order. */
  keys(namespace?: string): AsyncIterable<string>;
  /** Releases connections, files and timers. Later calls reject with `StoreUnavailableError`. */
  close(): Promise<void>;
}

/** Capability: reads heads without values, for listing. */
export interface HeadStore {
  /** The head of one live entry, or `undefined`. */
  head(refId: string): Promise<EntryHead | undefined>;
  /** Reference and head of live entries of exactly this namespace, or all. Skips what is unreadable. */
  heads(namespace?: string): AsyncIterable<readonly [refId: string, head: EntryHead]>;
}

/**
 * Capability: names that lead to references, shared by all servers on the store. Memoisation and look-up by
 * key are built on it. A name is an opaque text of at most 200 ASCII characters.
 */
export interface LinkStore {
  /** The reference a live name leads to, or `undefined`. */
  getLink(name: string): Promise<string | undefined>;
  /**
   * Stores an entry and points a name at it, in one step: what the name led to before is replaced, and the link
   * ends with the entry.
   */
  setLinked(refId: string, entry: Entry, name: string): Promise<void>;
}

/** Capability: writes over an entry, and never brings one back that was deleted or has expired meanwhile. */
export interface ReplaceStore {
  /** Stores an entry in the place of a live one; tells whether there was one. Names go on leading to it. */
  replace(refId: string, entry: Entry): Promise<boolean>;
}

/** What one look at an entry shows. */
export interface Look {
  readonly head: EntryHead;
  /** The text of the value, where it is small. */
  readonly json?: string;
  /** What was kept beside the entry, perhaps of an earlier one under the same reference. */
  readonly outline?: Uint8Array;
  /** Where the text begins in what is stored, for {@link RangeStore.readRanges}. */
  readonly textAt: number;
}

/** Capability: reads parts of a large text, and keeps beside it the outline that tells which. */
export interface RangeStore {
  /** A live entry if it is small, else its head and outline; in one round trip. Throws `EntryUnreadableError`. */
  look(refId: string): Promise<Look | undefined>;
  /** Keeps the outline of a live entry's text for as long as the entry; does nothing where that has gone. */
  keepOutline(refId: string, entry: Entry, outline: Uint8Array): Promise<void>;
  /** Bytes of the text, in UTF-8, of whatever entry is there now; fewer, or `undefined`, where there are none. */
  readRanges(
    refId: string,
    ranges: readonly ByteRange[],
    textAt: number,
  ): Promise<readonly Uint8Array[] | undefined>;
}

/** What servers on one store tell each other: names, which are digests or tags, and never a value. */
export interface ChannelMessage {
  /** What has happened to the names, as in `stored`. */
  readonly topic: string;
  /** Some kilobytes at most. */
  readonly names: readonly string[];
}

/** Who listens. Neither method may throw or wait. */
export interface ChannelListener {
  /** Gets each message once at most, those of this server included, in the order of each sender. */
  message(message: ChannelMessage): void;
  /**
   * Called when messages may have been missed since the subscription, such as after each reconnection, and after the
   * first connection where there was none yet.
   */
  lost(): void;
}

/** Capability: messages among all servers on the store. Nothing is kept for those who do not listen. */
export interface ChannelStore {
  /** Tells everybody who listens. Resolves once it is sent, not heard. */
  publish(message: ChannelMessage): Promise<void>;
  /**
   * Listens until the function that it returns is called, or the backend is closed. A store that fails is tried again
   * by itself; it keeps no process alive that has nothing else to do.
   */
  subscribe(listener: ChannelListener): () => void;
}

/** The right to make what a name shall lead to, for a short time; it ends by itself unless it is renewed. */
export interface Lease {
  readonly name: string;
  /** A random text that tells this lease from every other. */
  readonly owner: string;
  /** Larger than that of every earlier lease of the name, by which the store tells who comes too late. */
  readonly fence: number;
}

/**
 * Capability: leases of the names of links, so that one server at a time makes what a name shall lead to. Names of leases
 * consist of letters, digits, `:`, `.`, `_` and `-`.
 */
export interface LeaseStore {
  /** Whether other processes ask for the same leases. */
  readonly sharesLeases: boolean;
  /**
   * Takes the lease of a name for so many milliseconds: `"taken"` while somebody else has it, and `"changed"` when the
   * name leads to something else than to the reference that the caller has seen there, if any.
   */
  acquireLease(name: string, life: number, seen?: string): Promise<Lease | "taken" | "changed">;
  /** Makes a lease last so many milliseconds from now; `false` when it has ended. */
  renewLease(lease: Lease, life: number): Promise<boolean>;
  /** Gives a lease back; `false` when it had ended. */
  releaseLease(lease: Lease): Promise<boolean>;
  /**
   * Stores an entry, points the lease's name at it as `setLinked` does, and gives the lease back. Where the lease has
   * ended and somebody has taken it since, the name and that lease stay as they are, and it is `false`.
   */
  setLeased(refId: string, entry: Entry, lease: Lease): Promise<boolean>;
}

/** A record of a task as it is found in a store. */
export interface FoundTask {
  /** What is known of the task. Its `json` is the caller's business; its `expiresAt` is never `null`. */
  readonly record: Entry;
  /** 1 at first, and one more at each change. */
  readonly revision: number;
  /** Milliseconds until the lease of the server that runs it ends, by the store's clock; 0 when it has, or was given up. */
  readonly leaseLeft: number;
}

/**
 * Capability: records of tasks, which are calls that take longer than their callers wait. Not entries: they are neither
 * listed nor cleared by namespace, and go when they expire, or everything is cleared. References of records are those
 * that the tasks' results will have. Names are those of links.
 */
export interface TaskStore {
  /**
   * Stores the first record of a task, and points a name at the task; `false` where there is a record already. It is
   * unfinished, and so abandoned when its lease of so many milliseconds ends without having been renewed.
   */
  addTask(
    refId: string,
    record: Entry,
    options: { readonly lease: number; readonly name?: string },
  ): Promise<boolean>;
  /** A live record; in one round trip. Throws `EntryUnreadableError` for a malformed one. */
  readTask(refId: string): Promise<FoundTask | undefined>;
  /**
   * Stores another record in the place of the one of this revision; `false`, and nothing is changed, where there is none
   * of it. The lease lasts so many milliseconds from now; 0 says that the task is finished; without, it stays as it is.
   */
  changeTask(refId: string, record: Entry, revision: number, lease?: number): Promise<boolean>;
  /** Makes the lease last so many milliseconds from now; `false` where there is no unfinished task of this revision. */
  renewTask(refId: string, revision: number, lease: number): Promise<boolean>;
  /** The task that a name was pointed at last, finished or not, as long as its record lives. */
  taskOf(name: string): Promise<string | undefined>;
  /** Some unfinished tasks whose leases have ended. May name one that has been taken up meanwhile. */
  abandonedTasks(limit: number): Promise<readonly string[]>;
}

/** Tells of an entry that is about to be removed with others whether it is to go. */
export type MayRemove = (refId: string, head: EntryHead) => boolean | Promise<boolean>;

/**
 * Capability: finds entries by label, at a cost that follows how many there are of it, not how many are stored. Labels
 * are in the entries' heads; they are indexed whenever an entry is stored, in whatever way.
 */
export interface LabelStore {
  /**
   * Removes the live entries that bear a label, or those of them that may go, with the names that led to them
   * (`metadata.link`); tells how many entries.
   */
  removeLabelled(label: Label, mayRemove?: MayRemove): Promise<number>;
}

/** What is found under one of several references: nothing, something, or something that cannot be read. */
export type Found<T> = T | EntryUnreadableError | undefined;

/** One of several entries to store, and the name to point at it, if any. */
export interface NewEntry {
  readonly refId: string;
  readonly entry: Entry;
  readonly name?: string | undefined;
}

/** Capability: reads and writes many entries in one round trip to each node of the store. */
export interface BatchStore {
  /** As `get` of each, in order. */
  getMany(refIds: readonly string[]): Promise<readonly Found<Entry>[]>;
  /** As `head` of each, in order. */
  headMany(refIds: readonly string[]): Promise<readonly Found<EntryHead>[]>;
  /** As `set` of each, or `setLinked` where there is a name. Where it rejects, some may be stored. */
  setMany(entries: readonly NewEntry[]): Promise<void>;
}

/** What a copy was made of: an entry by its reference, or a link by its name. */
export interface CopiedKey {
  readonly kind: "entry" | "link";
  readonly name: string;
}

/** Who hears of changes. No method may throw or wait. */
export interface ChangeListener {
  /** Something was written, removed or has expired, by whomever. */
  changed(key: CopiedKey): void;
  /** Anything may have changed. Called each time the feed begins to be current, too. */
  changedAll(): void;
  /** Changes go unheard from now on, until the feed is current again. */
  lost(): void;
}

/** A listener's place at a feed. */
export interface ChangeWatch {
  /**
   * Whether copies may be used: all that has changed is heard of within the feed's bound. A store that must be asked
   * is asked here, at once, and the listener called before this returns.
   */
  isCurrent(): boolean;
  /** Resolves once every change is heard that was acknowledged to its maker before; at once where none can be. */
  settle(): Promise<void>;
  /** Ends it. The listener is not called any more. */
  stop(): void;
}

/** Capability: tells what changes in the store, so that copies may be kept in front of it. */
export interface ChangeFeed {
  /** Begins to listen. A store that fails is tried again by itself. */
  watch(listener: ChangeListener): ChangeWatch;
  /**
   * From when on the store itself will have dropped each of these: Unix ms, `null` for never, `undefined` if there is no
   * such thing now. Others may have given it less time than the entry says.
   */
  endsOf(keys: readonly CopiedKey[]): Promise<readonly (number | null | undefined)[]>;
}

/** What a backend in front of a store knows of it. */
export interface BackendHealth {
  /** `fallback`: the store is away, and this process goes on with what it has. */
  readonly state: "up" | "away" | "fallback";
  /** `open`: the store has failed so often that it is not asked; `half_open`: it is being tried. */
  readonly breaker: "closed" | "half_open" | "open";
  /** Whether changes by others are heard, so that copies are used. */
  readonly isCoherent: boolean;
  /** Copies kept in this process, and reads that they answered, or not. */
  readonly copies: {
    readonly entries: number;
    readonly links: number;
    readonly bytes: number;
    readonly hits: number;
    readonly misses: number;
    readonly evictions: number;
  };
  /** Entries that are only in this process so far, waiting for the store's return. */
  readonly waiting: number;
}

/** Capability: knows how its store is, without a round trip. */
export interface HealthSource {
  health(): Promise<BackendHealth>;
  /** Calls a listener at each change of `state` or `breaker`, until the function that it returns is called. */
  onHealth(listener: (health: BackendHealth) => void): () => void;
}

/** An entry that had to go to make room for others. */
export interface Eviction {
  readonly refId: string;
  readonly namespace: string;
  /** Characters of its JSON text. */
  readonly bytes: number;
}

/** Capability: tells of entries that it drops by itself before they expire. */
export interface EvictionSource {
  /** Calls a listener, which must not throw, at each eviction, until the function that it returns is called. */
  onEviction(listener: (eviction: Eviction) => void): () => void;
}

/** How full a store is, as far as it knows without looking through it. */
export interface StoreCapacity {
  /** Entries stored, expired ones included. */
  readonly entries?: number;
  readonly maxEntries?: number;
  /** Bytes in use, by whatever else is in the store as well; of a cluster, by all its primaries. */
  readonly bytes?: number;
  readonly maxBytes?: number;
}

/** Capability: knows how full it is. */
export interface CapacitySource {
  /** Takes one short call. What the store does not tell, or not to this user, is left out. */
  capacity(): Promise<StoreCapacity>;
}

/** Capability: goes on in this process while its store is away. */
export interface FallbackStore {
  /** Whether an entry is in this process only so far, so that no other server can read it. */
  isLocal(refId: string): boolean;
}

/** What else is to be done in the moment in which a text that was written becomes an entry. */
export interface CommitOptions {
  /** Kept beside it, as by {@link RangeStore.keepOutline}. */
  readonly outline?: Uint8Array | undefined;
  /** A name to point at it, as by {@link LinkStore.setLinked}. */
  readonly name?: string | undefined;
  /** A lease under whose name it is stored, as by {@link LeaseStore.setLeased}. */
  readonly lease?: Lease | undefined;
}

/** The text of one entry, on its way into the store. Its methods are called one after the other. */
export interface EntryWriter {
  /** Adds bytes of UTF-8 to the text. Rejects where the store has dropped what was written, as after a long pause. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes an entry of what was written, all at once; `false` where the lease has ended and somebody has taken it. */
  commit(head: EntryHead, options?: CommitOptions): Promise<boolean>;
  /** Removes what was written, unless it is an entry by now. Never rejects: what is left goes by itself. */
  abort(): Promise<void>;
}

/**
 * Capability: stores a text that comes in pieces and is never held whole. Nobody sees it before it is an entry, and what
 * is not made one, such as of a process that was killed, goes by itself some minutes after the last piece.
 */
export interface StreamStore {
  /** Begins a text under a reference. Of two at the same time under one reference, each is whole or fails. */
  openText(refId: string): Promise<EntryWriter>;
}

/** Tells whether a backend can read heads without values. */
export function hasHeads<B extends CacheBackend>(backend: B): backend is B & HeadStore {
  return "heads" in backend && "head" in backend;
}

/** Tells whether a backend can keep links. */
export function hasLinks<B extends CacheBackend>(backend: B): backend is B & LinkStore {
  return "getLink" in backend && "setLinked" in backend;
}

/** Tells whether a backend can write over live entries only. */
export function hasReplace<B extends CacheBackend>(backend: B): backend is B & ReplaceStore {
  return "replace" in backend;
}

/** Tells whether a backend can read parts of texts. */
export function hasRanges<B extends CacheBackend>(backend: B): backend is B & RangeStore {
  return "look" in backend && "keepOutline" in backend && "readRanges" in backend;
}

/** Tells whether a backend can send messages among the servers on it. */
export function hasChannel<B extends CacheBackend>(backend: B): backend is B & ChannelStore {
  return "publish" in backend && "subscribe" in backend;
}

/** Tells whether a backend can give leases. */
export function hasLeases<B extends CacheBackend>(backend: B): backend is B & LeaseStore {
  return "acquireLease" in backend && "setLeased" in backend;
}

/** Tells whether a backend finds entries by label. */
export function hasLabels<B extends CacheBackend>(backend: B): backend is B & LabelStore {
  return "removeLabelled" in backend;
}

/** Tells whether a backend reads and writes many entries at once. */
export function hasBatches<B extends CacheBackend>(backend: B): backend is B & BatchStore {
  return "getMany" in backend && "headMany" in backend && "setMany" in backend;
}

/** Tells whether a backend tells what changes in its store. */
export function hasChanges<B extends CacheBackend>(backend: B): backend is B & ChangeFeed {
  return "watch" in backend && "endsOf" in backend;
}

/** Tells whether a backend knows how its store is. */
export function hasHealth<B extends CacheBackend>(backend: B): backend is B & HealthSource {
  return "health" in backend && "onHealth" in backend;
}

/** Tells whether a backend tells of evictions. */
export function hasEvictions<B extends CacheBackend>(backend: B): backend is B & EvictionSource {
  return "onEviction" in backend;
}

/** Tells whether a backend knows how full it is. */
export function hasCapacity<B extends CacheBackend>(backend: B): backend is B & CapacitySource {
  return "capacity" in backend;
}

/** Tells whether a backend goes on while its store is away. */
export function hasFallback<B extends CacheBackend>(backend: B): backend is B & FallbackStore {
  return "isLocal" in backend;
}

/** Tells whether a backend stores texts that come in pieces. */
export function hasStreams<B extends CacheBackend>(backend: B): backend is B & StreamStore {
  return "openText" in backend;
}

/** Tells whether a backend keeps records of tasks. */
export function hasTasks<B extends CacheBackend>(backend: B): backend is B & TaskStore {
  return "addTask" in backend && "readTask" in backend && "changeTask" in backend;
}
