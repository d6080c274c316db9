import { setImmediate as nextTurn } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Actor } from "./access/actor.js";
import { AccessControl, type Questions } from "./access/control.js";
import { currentUsage } from "./access/current.js";
import { checkNamespace, pickForNamespace } from "./access/namespace.js";
import type { Operation } from "./access/operation.js";
import type { Policy } from "./access/policy.js";
import { admit, admitAgain, foundBy } from "./admission.js";
import { Protection } from "./at-rest/protection.js";
import {
  type CacheBackend,
  hasBatches,
  hasFallback,
  hasHeads,
  hasLabels,
  hasLinks,
  hasRanges,
  hasStreams,
  type LinkStore,
  type Look,
  type MayRemove,
  type NewEntry,
} from "./backends/backend.js";
import { allDone, partlyDone } from "./backends/partly-done.js";
import { type BatchReading, type Outcome, readAhead, readMany, type Weigh } from "./batch-reading.js";
import { Background } from "./coordination/background.js";
import type { HeldLease } from "./coordination/held-lease.js";
import { LeasedRuns } from "./coordination/leased-runs.js";
import type { Duration } from "./duration.js";
import { encodeValue } from "./entry/encode.js";
import { type Entry, type EntryHead, isExpired } from "./entry/entry.js";
import { bears, type Label, labelsOf } from "./entry/labels.js";
import {
  DecryptionError,
  EntryUnreadableError,
  ReferenceUnavailableError,
  TaskNotCompleteError,
} from "./errors.js";
import { type Bearer, Invalidations } from "./invalidation.js";
import { LargeEntries, type ShowableEntry } from "./large-entries.js";
import { type NamespaceSettings, type ResolvedOptions, resolveTtl } from "./options.js";
import { LARGE_BYTES } from "./outline/outline.js";
import { TextChangedError } from "./outline/stored-text.js";
import { isReference, isTaskReference, mintReference, type RefId } from "./reference.js";
import type { EntrySource } from "./resolution.js";
import { type Draft, discard, itemsIn, textOfAll, type WrittenEntry } from "./streams/draft.js";
import { type Received, receive } from "./streams/receive.js";
import type { StreamParts } from "./streams/value-stream.js";
import { WrittenText } from "./streams/written-text.js";
import { isOver } from "./tasks/task.js";
import { Tasks } from "./tasks/tasks.js";
import type { Telemetry } from "./telemetry/telemetry.js";

/** Entries between two turns left to other work, where the backend leaves none. */
const ENTRIES_PER_TURN = 1000;

/** Milliseconds for which the end of a cache waits for what runs in the background. */
const BACKGROUND_MS = 5000;

/** What a name leads to. */
export interface Recalled {
  /** The reference, whatever has become of it. */
  readonly seen?: RefId;
  readonly found?: { readonly refId: RefId; readonly entry: ShowableEntry };
}

/** What one entry may say of itself; the rest comes from its namespace. */
export interface EntryOptions {
  readonly namespace: string;
  readonly ttl?: Duration | null | undefined;
  /** Default: the namespace's. */
  readonly policy?: Policy | undefined;
  readonly toolName?: string | undefined;
  /** Tags that have been checked. */
  readonly tags?: readonly string[] | undefined;
}

/**
 * The entries behind a cache: makes them, keeps them, and hands them out to those who may have them. Everything
 * that reads an entry for somebody comes through {@link EntryStore.read}.
 */
export class EntryStore {
  readonly backend: CacheBackend;
  /** Every entry goes into the backend sealed, and what comes out is opened before anybody sees its value. */
  readonly protection: Protection;
  readonly telemetry: Telemetry;
  /** Runs equal calls of all servers once; `undefined` where no other server could know of them. */
  readonly leasedRuns: LeasedRuns | undefined;
  readonly background = new Background();
  readonly tasks: Tasks;
  readonly #large: LargeEntries;
  readonly #access: AccessControl;
  readonly #options: ResolvedOptions;
  readonly #links: LinkStore;
  readonly #functions = new Map<string, object>();
  readonly #invalidations: Invalidations;

  constructor(options: ResolvedOptions, telemetry: Telemetry) {
    this.#options = options;
    this.telemetry = telemetry;
    this.backend = options.backend;
    this.protection = new Protection(options.keyring, options.logger, {
      compression: options.compression,
      maxBytes: options.limits.maxValueBytes,
    });
    this.tasks = new Tasks({
      backend: options.backend,
      protection: this.protection,
      logger: options.logger,
      options: options.tasks,
      onEnd: (_, { state, toolName, guarded }) =>
        telemetry.taskEnded(state.status, toolName, guarded.namespace),
    });
    this.leasedRuns = LeasedRuns.on(options.backend, options.logger);
    this.#large = new LargeEntries(options.backend, this.background, this.protection.outlines);
    this.#access = new AccessControl(options);
    this.#invalidations = new Invalidations(options.backend, () => this.tasks.outdate());
    this.#links = hasLinks(options.backend) ? options.backend : new ProcessLinks(options.backend);
  }

  /** What is configured for a namespace. */
  settings(namespace: string): NamespaceSettings {
    return pickForNamespace(this.#options.namespaces, namespace) ?? this.#options.defaults;
  }

  /**
   * Makes an entry of a value, without storing it.
   * @throws {ValueNotStorableError} | {LimitExceededError} | {ConfigurationError}
   */
  make(value: unknown, options: EntryOptions): Entry {
    const settled = this.#settled(options);
    const { json, ...facts } = encodeValue(value, this.#options.limits);
    return { json, ...headOf(settled, facts) };
  }

  /**
   * Takes in a value that comes piece by piece, up to where only its head is missing. To be saved, or discarded.
   * @param mint makes the reference that it will have, where it goes to the store at once.
   * @throws what the source throws, {WritingFailure} when the store fails, and what {@link receive} throws else.
   */
  receive(parts: StreamParts, signal?: AbortSignal, mint = () => this.mint()): Promise<Received> {
    const { limits } = this.#options;
    return receive(parts, { limits, maxPause: limits.maxStreamPause, signal, open: this.#opener(mint) });
  }

  /**
   * Makes an entry of what was received, without storing it.
   * @throws {ConfigurationError}; what was received is discarded then.
   */
  async makeOf(received: Received, options: EntryOptions): Promise<Draft> {
    const { bytes, strictJson, outline, text } = received;
    try {
      const head = headOf(this.#settled(options), { bytes, strictJson, totalItems: itemsIn(outline) });
      if (text instanceof WrittenText) return { ...head, written: text, outline };
      const entry = this.#large.known({ ...head, json: textOfAll(text, outline) }, outline, text);
      if (bytes >= LARGE_BYTES) await nextTurn(); // to seal and store it takes its time, too
      return entry;
    } catch (error) {
      await discard(received);
      throw error;
    }
  }

  /** Writes to the store what comes in pieces, where it can. */
  #opener(mint: () => RefId): (() => Promise<WrittenText>) | undefined {
    const { backend } = this;
    if (!hasStreams(backend) || !hasLinks(backend)) return undefined;
    return () => {
      const refId = mint();
      return WrittenText.open(refId, backend, this.protection.sealer(refId));
    };
  }

  /** A new reference of this cache. */
  mint(): RefId {
    return mintReference(this.#options.name);
  }

  #settled(options: EntryOptions): SettledOptions {
    const namespace = checkNamespace(options.namespace);
    const settings = this.settings(namespace);
    const ttl =
      options.ttl === undefined ? settings.ttl : resolveTtl(options.ttl, this.#options.limits, "ttl");
    return { ...options, namespace, ttl, policy: options.policy ?? settings.policy };
  }

  /**
   * Stores an entry under a new reference, and points a name at it where one is given; with a lease, unless another
   * server has taken over meanwhile.
   * @param given the reference, where it was made before.
   */
  async save(entry: Draft, name?: string, lease?: HeldLease, given?: RefId): Promise<RefId> {
    if ("written" in entry) return this.#commit(entry, name, lease);
    const { refId, noted } = this.#minted(entry, name, given);
    const sealing = this.protection.seal(refId, noted);
    const sealed = sealing instanceof Promise ? await sealing : sealing;
    if (name === undefined) await this.backend.set(refId, sealed);
    else if (lease !== undefined) await lease.save(refId, sealed);
    else await this.#links.setLinked(refId, sealed, name);
    this.#large.keepOutline(refId, entry, sealed);
    this.telemetry.stored(refId, entry);
    return refId;
  }

  async #commit(
    { written, outline, ...head }: WrittenEntry,
    name?: string,
    lease?: HeldLease,
  ): Promise<RefId> {
    const { refId } = written;
    const sealed = written.seal(name === undefined ? head : withLink(head, name));
    const options = { outline: outline && this.#large.outlineToKeep(refId, sealed, written.mapped(outline)) };
    if (name === undefined || lease === undefined) await written.commit(sealed, { ...options, name });
    else await lease.saveBy((held) => written.commit(sealed, { ...options, lease: held }));
    this.telemetry.stored(refId, sealed);
    return refId;
  }

  /**
   * An entry that has just been saved, to answer with.
   * @throws {TextChangedError} when it is gone already.
   */
  async saved(refId: RefId): Promise<ShowableEntry> {
    const entry = await this.#found(refId);
    if (entry === undefined) throw new TextChangedError();
    return entry;
  }

  /**
   * Waits for what runs in the background, and closes the backend.
   * @param drain milliseconds for which is waited at most.
   */
  async close(drain = BACKGROUND_MS): Promise<void> {
    await Promise.all([this.tasks.close(drain), this.background.close(drain)]);
    this.leasedRuns?.close();
    await this.backend.close();
  }

  /** Whether no other server can read an entry so far, as the store is away. */
  isLocal(refId: RefId): boolean {
    return hasFallback(this.backend) && this.backend.isLocal(refId);
  }

  /** Stores entries, each as {@link EntryStore.save} does, in one round trip to each node that can batch. */
  async saveMany(
    entries: readonly { readonly entry: Entry; readonly name?: string | undefined }[],
  ): Promise<RefId[]> {
    const { backend } = this;
    if (!hasBatches(backend) || !hasLinks(backend))
      return allDone(entries.map(({ entry, name }) => this.save(entry, name)));
    const sealed: NewEntry[] = [];
    for (const { entry, name } of entries) {
      const { refId, noted } = this.#minted(entry, name);
      sealed.push({ refId, entry: await this.protection.seal(refId, noted), name });
    }
    await backend.setMany(sealed);
    for (const { refId, entry } of sealed) this.telemetry.stored(refId, entry);
    return sealed.map(({ refId }) => refId);
  }

  #minted(entry: Entry, name: string | undefined, refId = this.mint()): { refId: RefId; noted: Entry } {
    return { refId, noted: name === undefined ? entry : withLink(entry, name) };
  }

  /** What an actor may do, in the course of one operation. */
  questionsOf(actor: Actor): Questions {
    return this.#access.questionsOf(actor);
  }

  /**
   * The entry of a reference, for those who may do this with it; `undefined` when it is unknown, expired, forbidden,
   * or not a reference at all. The head is asked first: what is forbidden takes no longer than what does not exist,
   * however large it is. A call that is running has then used the entry.
   * @throws {TaskNotCompleteError} when it is the reference of a task, and has no value.
   */
  async find(refId: string, questions: Questions, operation: Operation): Promise<Entry | undefined> {
    const { backend } = this;
    const whole = questions.actor.type === "system" || !(hasHeads(backend) || hasRanges(backend));
    const found = await this.#ask(refId, questions, operation, whole ? "get" : "look");
    if (found === undefined) await this.checkComplete(refId, questions);
    return found && this.#use(refId, found, questions, operation);
  }

  /**
   * To be called where no entry was found: who may know of a task is told that it has no value, where it has none.
   * @throws {TaskNotCompleteError}
   */
  async checkComplete(refId: RefId, questions: Questions): Promise<undefined> {
    if (!isTaskReference(refId)) return undefined;
    const task = await this.tasks.look(refId);
    if (task !== undefined && (await questions.wouldPermit("info", task.guarded)))
      throw new TaskNotCompleteError(isOver(task.state));
    return undefined;
  }

  /**
   * Like {@link EntryStore.read}, of which only parts are shown: those of a large entry are read when they are.
   * @throws {ReferenceUnavailableError}
   */
  async readParts(refId: string, questions: Questions, operation: Operation): Promise<ShowableEntry> {
    const seen = await this.#ask(refId, questions, operation, "look");
    const partly = seen && this.#partly(refId, seen);
    if (partly !== undefined) {
      currentUsage()?.add(partly);
      return partly;
    }
    const entry = seen && (await this.#use(refId, seen, questions, operation));
    if (entry === undefined) throw new ReferenceUnavailableError();
    return this.showable(entry);
  }

  /** An entry at hand, to answer with. */
  showable(entry: Entry): ShowableEntry {
    return this.#large.whole(entry);
  }

  /**
   * Like {@link EntryStore.find}.
   * @throws {ReferenceUnavailableError} where `find` gives `undefined`.
   */
  async read(refId: string, questions: Questions, operation: Operation): Promise<Entry> {
    const entry = await this.find(refId, questions, operation);
    if (entry === undefined) throw new ReferenceUnavailableError();
    return entry;
  }

  /** Like {@link EntryStore.find} of each, in order, in a few round trips; with why an entry cannot be read. */
  async findMany(
    refIds: readonly string[],
    questions: Questions,
    operation: Operation,
  ): Promise<readonly Outcome[]> {
    const outcomes = await readMany(refIds, this.#batch(questions, operation));
    for (const entry of outcomes) if (entry !== undefined && "json" in entry) currentUsage()?.add(entry);
    return outcomes;
  }

  /** Entries for the arguments of a call, which has then used them. */
  sourceFor(questions: Questions, operation: Operation): EntrySource {
    const fetch = (refId: RefId) => this.find(refId, questions, operation);
    if (!hasBatches(this.backend) || !hasHeads(this.backend)) return { fetch };
    const ahead = async (refIds: readonly RefId[], weigh: Weigh) => {
      const take = await readAhead(refIds, this.#batch(questions, operation), weigh);
      return async (refId: RefId) => {
        const entry = await take(refId);
        if (entry !== undefined) currentUsage()?.add(entry);
        else await this.checkComplete(refId, questions);
        return entry;
      };
    };
    return { fetch, ahead };
  }

  #batch(questions: Questions, operation: Operation): BatchReading {
    const open = (refId: RefId, sealed: Entry) => this.protection.open(refId, sealed);
    const { backend, telemetry } = this;
    return { backend, questions, operation, open, telemetry, start: telemetry.start() };
  }

  /** Like {@link EntryStore.find}, for what is known of an entry without its value. Does not count as use. */
  async findHead(refId: string, questions: Questions, operation: Operation): Promise<EntryHead | undefined> {
    return this.#ask(refId, questions, operation, hasHeads(this.backend) ? "head" : "get");
  }

  /** What is known of an entry, for the cache's own decisions. */
  async peek(refId: string): Promise<EntryHead | undefined> {
    return this.head(refId).catch(skipUnreadable);
  }

  /**
   * The head of an entry, whoever asks.
   * @throws {EntryUnreadableError}
   */
  async head(refId: string): Promise<EntryHead | undefined> {
    return hasHeads(this.backend) ? this.backend.head(refId) : this.backend.get(refId);
  }

  /** The heads of exactly one namespace, or of all, whoever asks. Skips what is unreadable. */
  async *heads(namespace?: string): AsyncGenerator<readonly [RefId, EntryHead], void> {
    const { backend } = this;
    if (hasHeads(backend)) return yield* backend.heads(namespace);
    let visited = 0;
    for await (const refId of backend.keys(namespace)) {
      const entry = await backend.get(refId).catch(skipUnreadable);
      if (entry !== undefined) yield [refId, entry];
      if (++visited % ENTRIES_PER_TURN === 0) await nextTurn();
    }
  }

  /** An earlier result by its name, for the call that made it to answer with; one that cannot be read is none. */
  async recall(name: string): Promise<Recalled> {
    const refId = await this.follow(name);
    if (refId === undefined) return {};
    const entry = await this.#found(refId);
    return entry === undefined ? { seen: refId } : { seen: refId, found: { refId, entry } };
  }

  /** An entry that can be read, whoever asks. */
  async #found(refId: RefId): Promise<ShowableEntry | undefined> {
    const seen = await this.#see(refId, "look").catch(skipUnreadable);
    return seen && (this.#partly(refId, seen) ?? (await this.#recallWhole(refId, seen)));
  }

  /** A large entry of which only what was seen is at hand, where that is enough. */
  #partly(refId: RefId, seen: Seen): ShowableEntry | undefined {
    return "look" in seen ? this.#large.partly(refId, seen.look) : undefined;
  }

  async #recallWhole(refId: RefId, seen: Seen): Promise<ShowableEntry | undefined> {
    const sealed = isWhole(seen) ? seen : await this.backend.get(refId).catch(skipUnreadable);
    const entry = sealed && (await this.#openIfPossible(refId, sealed));
    return entry && this.showable(entry);
  }

  async #openIfPossible(refId: RefId, sealed: Entry): Promise<Entry | undefined> {
    try {
      return await this.protection.open(refId, sealed);
    } catch (error) {
      if (!(error instanceof DecryptionError || error instanceof EntryUnreadableError)) throw error;
      this.#options.logger.warn(`${error.message} The value is made again.`);
      return undefined;
    }
  }

  async #ask(
    refId: string,
    questions: Questions,
    operation: Operation,
    how: "get" | "head" | "look",
  ): Promise<Seen | undefined> {
    const start = this.telemetry.start();
    const found = isReference(refId) ? await foundBy(this.#see(refId, how)) : undefined;
    return admit(refId, found, { questions, operation, telemetry: this.telemetry, start });
  }

  async #see(refId: RefId, how: "get" | "head" | "look"): Promise<Seen | undefined> {
    const { backend } = this;
    if (how === "look" && hasRanges(backend)) {
      const look = await backend.look(refId);
      return look && seenOf(look);
    }
    return how !== "get" && hasHeads(backend) ? backend.head(refId) : backend.get(refId);
  }

  /** The whole of what was seen, opened. A call that is running has then used it. */
  async #use(
    refId: RefId,
    seen: Seen,
    questions: Questions,
    operation: Operation,
  ): Promise<Entry | undefined> {
    const sealed = isWhole(seen)
      ? seen
      : await admitAgain(seen, await foundBy(this.backend.get(refId)), { questions, operation });
    const opening = sealed && this.protection.open(refId, sealed);
    const entry = opening instanceof Promise ? await opening : opening;
    if (sealed === undefined || entry === undefined) return undefined;
    currentUsage()?.add(entry);
    if (!isWhole(seen)) this.#large.keepOutline(refId, entry, sealed);
    return entry;
  }

  /** The reference that a name leads to, which may have ended meanwhile. */
  async follow(name: string): Promise<RefId | undefined> {
    return this.#links.getLink(name);
  }

  /**
   * Removes the entries that bear a label, or those of them that may go, and the names that lead to them. At a cost
   * that follows what is found, where the backend has an index.
   */
  async removeLabelled(label: Label, mayRemove: MayRemove | undefined): Promise<number> {
    const { backend } = this;
    if (hasLabels(backend)) return backend.removeLabelled(label, mayRemove);
    let removed = 0;
    try {
      for await (const [refId, head] of this.heads(label.kind === "namespace" ? label.name : undefined)) {
        if (!bears(head, label) || (await mayRemove?.(refId, head)) === false) continue;
        if (await backend.delete(refId)) removed++;
      }
    } catch (error) {
      throw partlyDone(error, removed);
    }
    return removed;
  }

  /**
   * To be called before what bears one of these labels, or everything, is removed: what began earlier, on whatever
   * server, is not found again afterwards.
   * @throws {StoreError} when the other servers cannot be told.
   */
  startGeneration(labels?: readonly Label[]): Promise<void> {
    return this.#invalidations.begin(labels);
  }

  /** Changes whenever something is invalidated, on whatever server, that the result of a call is to bear. */
  generationOf(bearer: Bearer): number {
    return this.#invalidations.generationOf(bearer);
  }

  /**
   * Tells whether a name stands for a function: it goes to the first that asks. Two functions of one name and one
   * source may still differ in what they close over.
   */
  claimName(name: string, fn: object): boolean {
    const owner = this.#functions.get(name) ?? fn;
    this.#functions.set(name, owner);
    return owner === fn;
  }
}

/** What an entry says of itself, its namespace asked. */
interface SettledOptions extends Omit<EntryOptions, "ttl"> {
  readonly ttl: number | null;
  readonly policy: Policy;
}

/** What is known of a value once it was encoded or received. */
interface Facts {
  readonly bytes: number;
  readonly totalItems: number | null;
  readonly strictJson: boolean;
}

function headOf(
  { namespace, policy, ttl, toolName, tags = [] }: SettledOptions,
  { bytes, totalItems, strictJson }: Facts,
): EntryHead {
  const createdAt = Date.now();
  return {
    namespace,
    policy,
    createdAt,
    expiresAt: ttl === null ? null : createdAt + ttl,
    metadata: {
      toolName: toolName ?? null,
      totalItems,
      totalSize: bytes,
      strictJson,
      ...(tags.length > 0 ? { tags } : {}),
    },
  };
}

/** A head, with the text of the value or what else was seen of the entry. */
type Seen = EntryHead | Entry | (EntryHead & { readonly look: Look });

/** Member by member: a spread takes ten times as long. */
function seenOf(look: Look): Seen {
  const { namespace, policy, createdAt, expiresAt, metadata } = look.head;
  const { json } = look;
  return json === undefined
    ? { namespace, policy, createdAt, expiresAt, metadata, look }
    : { namespace, policy, createdAt, expiresAt, metadata, json };
}

function isWhole(head: EntryHead): head is Entry {
  return "json" in head;
}

function skipUnreadable(error: unknown): undefined {
  if (error instanceof EntryUnreadableError) return undefined;
  throw error;
}

/** An entry that is found by a label is to take the name along that leads to it when it goes. */
function withLink<H extends EntryHead>(entry: H, link: string): H {
  return labelsOf(entry).length === 0 ? entry : { ...entry, metadata: { ...entry.metadata, link } };
}

/** Links for a backend that keeps none: known to this process only. */
class ProcessLinks implements LinkStore {
  readonly #backend: CacheBackend;
  readonly #links = new LRUCache<string, { refId: string; expiresAt: number | null }>({ max: 10_000 });

  constructor(backend: CacheBackend) {
    this.#backend = backend;
  }

  async getLink(name: string): Promise<string | undefined> {
    const link = this.#links.get(name);
    return link === undefined || isExpired(link, Date.now()) ? undefined : link.refId;
  }

  async setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    await this.#backend.set(refId, entry);
    this.#links.set(name, { refId, expiresAt: entry.expiresAt });
  }
}
