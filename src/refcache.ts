import { z } from "zod";
import { type Actor, checkActor, SYSTEM } from "./access/actor.js";
import type { Questions } from "./access/control.js";
import { currentActor, currentUsage } from "./access/current.js";
import { PUBLIC_NAMESPACE } from "./access/namespace.js";
import type { Operation } from "./access/operation.js";
import type { Usage } from "./access/usage.js";
import { Administration } from "./administration/administration.js";
import { type Answer, makeAnswer } from "./answer.js";
import { type ReencryptOptions, type ReencryptResult, reencryptAll } from "./at-rest/reencrypt.js";
import type { CacheBackend } from "./backends/backend.js";
import { LONGEST_TIMER } from "./backends/options.js";
import { partlyDone } from "./backends/partly-done.js";
import type { Outcome } from "./batch-reading.js";
import { CachedFunction } from "./cached.js";
import { type CachedOptions, checkCachedOptions } from "./call.js";
import { type CachedDecorator, makeDecorator, type TaskDecorator } from "./decorate.js";
import type { Duration } from "./duration.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { checkTags } from "./entry/labels.js";
import { readValue } from "./entry/value.js";
import { type EntryOptions, EntryStore } from "./entry-store.js";
import {
  AdministratorsOnlyError,
  ConfigurationError,
  PermissionDeniedError,
  ReferenceUnavailableError,
} from "./errors.js";
import { type InvalidateTarget, labelsToInvalidate } from "./invalidate-target.js";
import type { ShowableEntry } from "./large-entries.js";
import type { Logger } from "./logger.js";
import { keyName } from "./memo.js";
import {
  checkShape,
  type PreviewOptions,
  previewShape,
  type RefCacheOptions,
  type ResolvedLimits,
  type ResolvedOptions,
  resolveOptions,
} from "./options.js";
import { TextChangedError } from "./outline/stored-text.js";
import { type OwnershipOptions, Placement } from "./placement.js";
import type { SizeMeasure } from "./preview/measure.js";
import { isReference, isTaskReference, type RefId } from "./reference.js";
import type { Draft } from "./streams/draft.js";
import { chunksOf, itemsOf } from "./streams/read-back.js";
import { type StreamParts, streamParts } from "./streams/value-stream.js";
import { WritingFailure } from "./streams/written-text.js";
import { cancelTask, type PollOptions, pollTask } from "./tasks/asking.js";
import { timer } from "./tasks/options.js";
import type { Delivery, Performed } from "./tasks/runner.js";
import type { TaskAnswer } from "./tasks/task-answer.js";
import type { CacheEvents } from "./telemetry/events.js";
import { type CacheHealth, type HealthOptions, healthOf } from "./telemetry/health.js";
import type { CacheStats } from "./telemetry/stats.js";
import { Telemetry } from "./telemetry/telemetry.js";
import { type Reference, toReference } from "./told-reference.js";
import { runUncached } from "./uncached-call.js";

/** Who asks. Default: the caller of the tool that is running. Outside any, it must be said: {@link SYSTEM} for the server itself. */
export interface ActorOptions {
  readonly actor?: Actor;
}

/** Options of {@link RefCache.set}. Who stores is by default the caller of the tool that is running, outside any the server. */
export interface SetOptions extends ActorOptions, OwnershipOptions {
  /** Default `public`. May be a template, as of cached functions: `user:{user_id}:drafts`. */
  readonly namespace?: string | undefined;
  /** Milliseconds, text such as `"1h"`, or `null` for ever. Default: the namespace's. */
  readonly ttl?: Duration | null | undefined;
  readonly toolName?: string | undefined;
  /** Texts by which the value is invalidated: at most 32 of at most 128 characters. Not encrypted in the store. */
  readonly tags?: readonly string[] | undefined;
  /** Ends a value that comes in pieces before its end; nothing is stored then. */
  readonly signal?: AbortSignal | undefined;
}

/** One of several values to store; who stores is said once for all of them. */
export interface NewValue extends Omit<SetOptions, "actor" | "signal"> {
  /** Not one that comes in pieces. */
  readonly value: unknown;
  /** A key of the namespace that shall lead to it, as of {@link RefCache.set}. */
  readonly key?: string | undefined;
}

/** Options of {@link RefCache.get}. */
export interface GetOptions extends ActorOptions, PreviewOptions, PollOptions {
  /** From 1. Asking for a page, or a page size, makes the answer one page. */
  readonly page?: number | undefined;
  /** The most items a page may hold. */
  readonly pageSize?: number | undefined;
  /** Show the value whole if it measures no more than `limits.maxFullSize`. */
  readonly full?: boolean | undefined;
}

/** Options of {@link RefCache.close}. */
export interface CloseOptions {
  /** How long tasks and other calls that run get to end; then they are given up. 0: no time. Default `"5s"`. */
  readonly drain?: Duration | undefined;
}

/** Options of {@link RefCache.list}. */
export interface ListOptions extends ActorOptions {
  /** Exactly this namespace. Default: all. */
  readonly namespace?: string | undefined;
}

/**
 * Keeps large values on the server and hands out references and bounded answers.
 *
 * @example
 * ```ts
 * const cache = new RefCache({ name: "calculator" });
 * const { refId } = await cache.set("primes", [2, 3, 5]);
 * const answer = await cache.get(refId, { actor: ANONYMOUS_AGENT }); // what a model may see
 * const value = await cache.resolve<number[]>(refId, { actor: SYSTEM }); // the value itself
 * ```
 */
export class RefCache {
  readonly #options: ResolvedOptions;
  readonly #store: EntryStore;
  readonly #telemetry: Telemetry;
  /** As it was given; all that is counted goes through `#options.backend`. */
  readonly #backend: CacheBackend;

  /** @throws {ConfigurationError} naming the option that is not acceptable. */
  constructor(options: RefCacheOptions) {
    const { backend, ...others } = resolveOptions(options);
    this.#backend = backend;
    this.#telemetry = new Telemetry(backend, others.logger);
    this.#options = { ...others, backend: this.#telemetry.backend };
    this.#store = new EntryStore(this.#options, this.#telemetry);
  }

  /** The name that begins every reference of this cache. */
  get name(): string {
    return this.#options.name;
  }

  /** Where warnings go, for what stands on top of the cache. */
  get logger(): Logger {
    return this.#options.logger;
  }

  /** What sizes are counted in. */
  get unit(): SizeMeasure["unit"] {
    return this.#options.measure.unit;
  }

  /** The bounds in force, durations in milliseconds. */
  get limits(): ResolvedLimits {
    return this.#options.limits;
  }

  /** Tells of hits, misses and failures as they happen, for metrics and logs. See `docs/monitoring.md`. */
  get events(): CacheEvents {
    return this.#telemetry.events;
  }

  /** Milliseconds that entries live where nothing else is said, `null` for ever. */
  get defaultTtl(): number | null {
    return this.#options.defaults.ttl;
  }

  /**
   * Stores a value under a new reference, and points the key of this namespace at it. Needs WRITE in the namespace,
   * and UPDATE of what the key names so far. Within a call, the value is closed to all who may not have what the call used.
   *
   * A value that comes piece by piece is stored as it comes, and never held whole: an async iterable as the list of its
   * items, {@link fromJson} as the value that its text stands for, {@link fromText} as one text.
   * @throws {ValueNotStorableError} | {LimitExceededError} | {PermissionDeniedError} before anything is stored;
   * {InvalidJsonError} | {StreamStalledError}, and what a source throws, when nothing is; {StoreError} when the store fails.
   */
  async set(key: string, value: unknown, options: SetOptions = {}): Promise<Reference> {
    const parts = streamParts(value);
    const make = (own: () => EntryOptions): Draft | Promise<Draft> =>
      parts === undefined ? this.#store.make(value, own()) : this.#receive(parts, options.signal, own);
    const actor = this.#storer(options);
    const { entry, name, teller } = await this.#prepare(make, checkKey(key), options, actor);
    if (parts !== undefined) await this.#checkAgain(entry, name, actor);
    return this.#tell(await this.#store.save(entry, name), entry, teller);
  }

  /**
   * Stores several values, each as {@link RefCache.set} does, in one round trip to each node of the store; gives their
   * references in order. All are checked before one is stored.
   * @throws what `set` throws; where the store fails, some may be stored.
   */
  async setMany(values: readonly NewValue[], options: ActorOptions = {}): Promise<Reference[]> {
    const actor = this.#storer(options);
    if (values.some(({ value }) => streamParts(value) !== undefined))
      throw new ConfigurationError(
        "values",
        "may not come in pieces; store such a value by itself, with set",
      );
    const prepared = await Promise.all(
      values.map(({ value, key, ...own }) =>
        this.#prepare(
          (options) => this.#store.make(value, options()),
          key === undefined ? key : checkKey(key),
          own,
          actor,
        ),
      ),
    );
    const refIds = await this.#store.saveMany(prepared);
    return Promise.all(prepared.map(({ entry, teller }, n) => this.#tell(refIds[n] ?? "", entry, teller)));
  }

  /** The reference that a key of a namespace leads to, for those who may read or use it; else `undefined`. */
  async lookup(key: string, options: ListOptions = {}): Promise<Reference | undefined> {
    const questions = this.#questions(options);
    const refId = await this.#store.follow(keyName(options.namespace ?? PUBLIC_NAMESPACE, key));
    const head = refId === undefined ? undefined : await this.#store.findHead(refId, questions, "lookup");
    return refId === undefined || head === undefined ? undefined : this.#tell(refId, head, questions);
  }

  /** What may be told of a reference to those who may read or use its value; else `undefined`. */
  async info(refId: RefId, options: ActorOptions = {}): Promise<Reference | undefined> {
    const questions = this.#questions(options);
    const head = await this.#store.findHead(refId, questions, "info");
    return head === undefined ? undefined : this.#tell(refId, head, questions);
  }

  /**
   * A bounded answer: the value where it is small, else a preview or one page. Needs READ. Of a task that is not complete,
   * how far it is, or why it has failed; that may be known by whoever may READ or EXECUTE its result.
   * @throws {ReferenceUnavailableError} when unknown, expired or forbidden; {InvalidPageError} when there is no such page.
   */
  async get<T = unknown>(refId: RefId, options: GetOptions = {}): Promise<Answer<T>> {
    const questions = this.#questions(options);
    const { preview, maxSize } = options;
    checkShape(previewOptions, { preview, maxSize });
    const task = await pollTask(this.#store.tasks, { refId, questions }, options);
    if (task !== undefined) return task;
    try {
      const entry = await this.#store.readParts(refId, questions, "get");
      if (isTaskReference(refId)) this.#store.tasks.noteComplete(refId);
      return await this.#show<T>(refId, entry, options);
    } catch (error) {
      if (!(error instanceof TextChangedError)) throw error;
      // Overwritten or gone between one part and the next: the whole is of one piece.
      const entry = await this.#store.read(refId, questions, "get");
      return this.#show<T>(refId, this.#store.showable(entry), options);
    }
  }

  /**
   * The value itself, a copy of the caller's own. Needs EXECUTE.
   * @throws {ReferenceUnavailableError} when unknown, expired or forbidden.
   */
  async resolve<T = unknown>(refId: RefId, options: ActorOptions = {}): Promise<T> {
    const entry = await this.#store.read(refId, this.#questions(options), "resolve");
    return readValue(refId, entry) as T;
  }

  /**
   * The JSON text of a value, piece by piece, in bytes of UTF-8; a piece may end amid a character. Little is held of a
   * large value. Needs EXECUTE.
   * @throws {ReferenceUnavailableError} when unknown, expired or forbidden; {StreamInterruptedError} when the value is
   * replaced, removed or damaged before its end: what came before is of no use then.
   * @example
   * await pipeline(cache.resolveStream(refId, { actor: SYSTEM }), createWriteStream("export.json"));
   */
  resolveStream(refId: RefId, options: ActorOptions = {}): AsyncGenerator<Uint8Array, void> {
    return this.#readOn(refId, this.#questions(options), chunksOf); // the caller is who asks now, not who reads on later
  }

  /**
   * The items of a list, or `[name, value]` of each member of an object, one after the other; each a copy of the
   * caller's own. Little more is held than one item. Needs EXECUTE.
   * @throws what {@link RefCache.resolveStream} throws; {NoItemsError} when the value is neither a list nor an object.
   */
  items<T = unknown>(refId: RefId, options: ActorOptions = {}): AsyncGenerator<T, void> {
    return this.#readOn(refId, this.#questions(options), itemsOf) as AsyncGenerator<T, void>;
  }

  /**
   * Bounded answers for several references, in order: what `Promise.allSettled` gives for {@link RefCache.get} of each,
   * in one round trip to each node of the store, or two for others than the server itself, and one for each task that is
   * not complete. Waits for none of these.
   * @throws {StoreError} when the store fails.
   */
  async getMany<T = unknown>(
    refIds: readonly RefId[],
    options: GetOptions = {},
  ): Promise<PromiseSettledResult<Answer<T>>[]> {
    const { preview, maxSize } = options;
    checkShape(previewOptions, { preview, maxSize });
    const { responseFormat } = options;
    return this.#readMany<Answer<T>>(refIds, options, "get", {
      make: (refId, entry) => this.#show<T>(refId, this.#store.showable(entry), options),
      otherwise: (refId, questions) => pollTask(this.#store.tasks, { refId, questions }, { responseFormat }),
    });
  }

  /** The values of several references, in order; to {@link RefCache.resolve} what `getMany` is to `get`. */
  async resolveMany<T = unknown>(
    refIds: readonly RefId[],
    options: ActorOptions = {},
  ): Promise<PromiseSettledResult<T>[]> {
    return this.#readMany(refIds, options, "resolve", {
      make: (refId, entry) => readValue(refId, entry) as T,
      otherwise: (refId, questions) => this.#store.checkComplete(refId, questions),
    });
  }

  /** Removes an entry. Needs DELETE; tells whether there was one to remove. */
  async delete(refId: RefId, options: ActorOptions = {}): Promise<boolean> {
    const may = await this.#mayDoUnread("delete", refId, this.#questions(options));
    return may && this.#store.backend.delete(refId);
  }

  /** Tells whether a reference leads to something that the actor may read or use. */
  async exists(refId: RefId, options: ActorOptions = {}): Promise<boolean> {
    const questions = this.#questions(options);
    const may = await this.#mayDoUnread("exists", refId, questions);
    return may && (questions.actor.type !== "system" || this.#store.backend.exists(refId));
  }

  /** Removes what the actor may delete of exactly one namespace, or of all; tells how many. */
  async clear(namespace?: string, options: ActorOptions = {}): Promise<number> {
    const questions = this.#questions(options);
    if (questions.actor.type === "system") {
      questions.record("clear", BY_SYSTEM, namespace ?? null);
      await this.#startGeneration(namespace);
      return this.#store.backend.clear(namespace);
    }
    let removed = 0;
    try {
      for await (const [refId] of this.#permitted("clear", questions, namespace)) {
        if (removed === 0) await this.#startGeneration(namespace);
        if (await this.#store.backend.delete(refId)) removed++;
      }
    } catch (error) {
      throw partlyDone(error, removed);
    }
    return removed;
  }

  /**
   * Removes what the actor may delete of all that has a tag, or is in a namespace, or was made by a tool, with the
   * names under which results are found again; tells how many entries. What calls return that are under way now, on
   * whatever server, is not found again either. Of several tags, each counts. Its cost follows what is removed.
   * @throws {ConfigurationError} unless exactly one of `tags`, `namespace` and `tool` is given; {StoreError}
   * @example
   * await cache.invalidate({ tags: ["customer:17"] }, { actor: SYSTEM });
   */
  async invalidate(target: InvalidateTarget, options: ActorOptions = {}): Promise<number> {
    const labels = labelsToInvalidate(target);
    const questions = this.#questions(options);
    const isSystem = questions.actor.type === "system";
    if (isSystem) questions.record("invalidate", BY_SYSTEM, target.namespace ?? null);
    await this.#store.startGeneration(labels);
    const mayRemove = isSystem ? undefined : this.#asking("invalidate", questions);
    let removed = 0;
    try {
      for (const label of labels) removed += await this.#store.removeLabelled(label, mayRemove);
    } catch (error) {
      throw partlyDone(error, removed);
    }
    return removed;
  }

  /** What the actor may read or use, of exactly one namespace or of all, without values, in no particular order. */
  list(options: ListOptions = {}): AsyncGenerator<Reference, void> {
    return this.#list(this.#questions(options), options.namespace); // the caller is who asks now, not who reads on later
  }

  /**
   * Stands before a function: references in its arguments are resolved, equal calls run once, and what it
   * returns is stored and answered. Wraps functions, and decorates methods (standard and legacy).
   *
   * @throws {ConfigurationError} naming the option that is not acceptable.
   * @example
   * ```ts
   * const generatePrimes = cache.cached("sequences")(async ({ count }: { count: number }) => primes(count));
   * const answer = await generatePrimes({ count: 1000 });
   * ```
   */
  cached(namespace: string, options: CachedOptions & { readonly asyncTimeout: Duration }): TaskDecorator;
  cached(namespace: string, options?: CachedOptions): CachedDecorator;
  cached(namespace: string, options: CachedOptions = {}): CachedDecorator | TaskDecorator {
    checkCachedOptions(options, this.#options.limits);
    const placement = this.#placement(namespace, options);
    return makeDecorator((fn) => new CachedFunction(this.#store, this.#options, placement, options, fn));
  }

  /**
   * Runs a tool that is not cached on behalf of an actor: what it asks of the cache, it asks in the actor's name.
   * After it used values that the actor may not see, nothing it returns or throws passes but the answers of cached
   * functions that it called since.
   * @throws {HiddenResultError} | {HiddenFailureError} in place of what is withheld; else what `run` throws.
   */
  async callAs<T>(actor: Actor, run: () => T | Promise<T>, tool = run.name): Promise<T> {
    return runUncached(this.#store, this.#options, { actor: checkActor(actor, "actor"), run, tool });
  }

  /** Tells whether the caller of a call may READ all that it has used so far, and so may be told what its tool says. */
  async mayTell(usage: Usage): Promise<boolean> {
    return this.#store.questionsOf(usage.caller).mayReadAll(usage);
  }

  /**
   * Wants a task to end, which it does when its function heeds its signal or returns; the result is dropped. One that has
   * not begun ends at once. Who may is whoever made the call, or may DELETE its result. Tells how the task is then.
   * @throws {ReferenceUnavailableError} when there is no such task that the actor may cancel.
   */
  async cancelTask(refId: RefId, options: ActorOptions = {}): Promise<TaskAnswer> {
    return cancelTask(this.#store.tasks, { refId, questions: this.#questions(options) });
  }

  /**
   * Runs a task that a {@link TaskRunner} has brought to this process, which must have the same tools as the server that
   * took the call. What becomes of it is in the store by the time this resolves; failures of the tool are none of this.
   * @throws {TaskUnknownError} when this process does not have the tool; {StoreError}
   */
  async performTask(refId: RefId, delivery: Delivery = {}): Promise<Performed> {
    return this.#store.tasks.perform(refId, delivery);
  }

  /**
   * What an administrator may do, past every policy, each act on the audit record in the administrator's own name.
   * @param isAdministrator what the server's own code has found out, from what it has verified.
   * @throws {AdministratorsOnlyError} unless that is `true`; this is on record as well.
   */
  administer(actor: Actor, isAdministrator: boolean): Administration<GetOptions> {
    const who = checkActor(actor, "actor");
    if (isAdministrator !== true) {
      this.#store.questionsOf(who).record("administer", NO_ADMINISTRATOR, null);
      throw new AdministratorsOnlyError();
    }
    return new Administration(this.#store, who, (refId, entry, options: GetOptions) =>
      this.#show(refId, this.#store.showable(entry), options),
    );
  }

  /**
   * Writes every entry of the store, whichever server's, under the current key: those under another key, and with
   * `plaintext` those that are not encrypted. Reference, expiry and policy stay. Meant for the server's own code.
   * @throws {ConfigurationError} without `encryption`, or when the backend cannot replace; {StoreError} when the store fails.
   */
  async reencrypt(options: ReencryptOptions = {}): Promise<ReencryptResult> {
    checkShape(reencryptOptions, options);
    const { backend, logger, keyring } = this.#options;
    if (keyring === undefined) throw new ConfigurationError("encryption", "is needed to re-encrypt entries");
    return reencryptAll({ ...options, backend, logger, protection: this.#store.protection });
  }

  /** What this cache has done since it was made, in this process. Counting is always on. */
  async stats(): Promise<CacheStats> {
    const stats = await this.#telemetry.stats();
    return { ...stats, tasks: { ...stats.tasks, ...this.#store.tasks.size } };
  }

  /** Whether the store answers, how fast, and how full it is. Never rejects; takes no longer than its time-outs. */
  async health(options: HealthOptions = {}): Promise<CacheHealth> {
    checkShape(healthOptions, options);
    return healthOf(this.#backend, this.name, options);
  }

  /**
   * Takes no more calls of tools with `asyncTimeout`, waits for what runs, and releases the backend's connections, files
   * and timers. Tasks that have not ended by then are given up, and their records say so; those that may be run again are
   * left to other servers.
   */
  async close({ drain = "5s" }: CloseOptions = {}): Promise<void> {
    const milliseconds = drain === 0 ? 0 : timer(drain, "drain");
    this.#telemetry.close();
    await this.#store.close(milliseconds);
  }

  async *#readOn<T>(
    refId: RefId,
    questions: Questions,
    read: (entry: ShowableEntry) => AsyncGenerator<T, void>,
  ): AsyncGenerator<T, void> {
    yield* read(await this.#store.readParts(refId, questions, "resolve"));
  }

  #show<T>(refId: RefId, entry: ShowableEntry, options: GetOptions): Promise<Answer<T>> {
    const { preview, maxSize, page, pageSize } = options;
    const settings = this.#store.settings(entry.namespace);
    const { limits, measure } = this.#options;
    return makeAnswer<T>(
      { refId, entry, isLocal: this.#store.isLocal(refId) },
      {
        mayRead: true,
        measure,
        preview: preview ?? settings.preview,
        maxSize: Math.min(maxSize ?? settings.maxSize, limits.maxPreviewSize),
        maxFullSize: options.full === true ? limits.maxFullSize : undefined,
        page,
        pageSize,
        maxPageSize: limits.maxPageSize,
        repeat: { page_size: pageSize, max_size: maxSize },
      },
    );
  }

  /** The server itself may do this with what it cannot read, too. */
  async #mayDoUnread(operation: "delete" | "exists", refId: RefId, questions: Questions): Promise<boolean> {
    if (!isReference(refId)) return false;
    if (questions.actor.type !== "system")
      return (await this.#store.findHead(refId, questions, operation)) !== undefined;
    questions.record(operation, BY_SYSTEM, null, refId);
    return true;
  }

  async *#list(questions: Questions, namespace?: string): AsyncGenerator<Reference, void> {
    for await (const [refId, head] of this.#permitted("list", questions, namespace))
      yield await this.#tell(refId, head, questions);
  }

  async *#permitted(
    operation: Operation,
    questions: Questions,
    namespace?: string,
  ): AsyncGenerator<readonly [RefId, EntryHead], void> {
    const isPermitted = this.#asking(operation, questions);
    for await (const [refId, head] of this.#store.heads(namespace))
      if (await isPermitted(refId, head)) yield [refId, head];
  }

  /** What nobody named is not refused, nor on record, where it would bury what was. */
  #asking(operation: Operation, questions: Questions) {
    return async (refId: RefId, head: EntryHead): Promise<boolean> =>
      (await questions.wouldPermit(operation, head)) && questions.permits(operation, head, refId);
  }

  #startGeneration(namespace: string | undefined): Promise<void> {
    return this.#store.startGeneration(
      namespace === undefined ? undefined : [{ kind: "namespace", name: namespace }],
    );
  }

  /** An actor that was looked up and not found must not become the server itself, nor may nobody in particular. */
  #questions(options: ActorOptions): Questions {
    const actor = "actor" in options ? checkActor(options.actor, "actor") : currentActor();
    if (actor !== undefined) return this.#store.questionsOf(actor);
    throw new ConfigurationError(
      "actor",
      "no tool is running, so say who asks; { actor: SYSTEM } is the server",
    );
  }

  #storer(options: ActorOptions): Actor {
    return "actor" in options ? checkActor(options.actor, "actor") : (currentActor() ?? SYSTEM);
  }

  /** Makes an entry of a value, once it is known that it may be stored. */
  async #prepare<E extends Draft>(
    make: (options: () => EntryOptions) => E | Promise<E>,
    key: string | undefined,
    {
      namespace: template = PUBLIC_NAMESPACE,
      actor: _,
      ttl,
      toolName,
      tags,
      signal: _signal,
      ...ownership
    }: SetOptions,
    actor: Actor,
  ): Promise<PreparedValue<E>> {
    const checked = tags && checkTags(tags);
    const whose = currentUsage()?.caller ?? actor;
    const { namespace, policy: own } = this.#placement(template, ownership).of(whose);
    const name = key === undefined ? undefined : keyName(namespace, key);
    await this.#checkWriting(this.#store.questionsOf(actor), namespace, name);
    const policy = () => currentUsage()?.restrict(own) ?? own;
    const entry = await make(() => ({ namespace, ttl, policy: policy(), toolName, tags: checked }));
    return { entry, name, teller: this.#store.questionsOf(whose) };
  }

  /** @param options are asked for at the end: what gives the value may use other values until then. */
  async #receive(
    parts: StreamParts,
    signal: AbortSignal | undefined,
    options: () => EntryOptions,
  ): Promise<Draft> {
    try {
      return await this.#store.makeOf(await this.#store.receive(parts, signal), options());
    } catch (error) {
      throw error instanceof WritingFailure ? error.cause : error;
    }
  }

  /** While a value came in, somebody else may have stored under its key. */
  async #checkAgain(draft: Draft, name: string | undefined, actor: Actor): Promise<void> {
    try {
      await this.#checkKey(this.#store.questionsOf(actor), name);
    } catch (error) {
      if ("written" in draft) await draft.written.abort();
      throw error;
    }
  }

  async #readMany<T>(
    refIds: readonly RefId[],
    options: ActorOptions,
    operation: "get" | "resolve",
    { make, otherwise }: ManyReader<T>,
  ): Promise<PromiseSettledResult<T>[]> {
    const questions = this.#questions(options);
    const outcomes = await this.#store.findMany(refIds, questions, operation);
    const settle = async (outcome: Outcome, n: number) => {
      const refId = refIds[n] ?? "";
      if (outcome instanceof Error) throw outcome;
      if (outcome !== undefined) return make(refId, outcome);
      const other = await otherwise(refId, questions);
      if (other === undefined) throw new ReferenceUnavailableError();
      return other;
    };
    return Promise.allSettled(outcomes.map(settle));
  }

  async #checkWriting(questions: Questions, namespace: string, name: string | undefined): Promise<void> {
    const { policy } = this.#store.settings(namespace);
    if (!(await questions.permits("set", { namespace, policy }))) throw new PermissionDeniedError();
    await this.#checkKey(questions, name);
  }

  async #checkKey(questions: Questions, name: string | undefined): Promise<void> {
    if (questions.actor.type === "system" || name === undefined) return;
    const taken = await this.#store.follow(name);
    const former = taken === undefined ? undefined : await this.#store.peek(taken);
    if (former !== undefined && !(await questions.permits("update", former, taken)))
      throw new PermissionDeniedError();
  }

  #placement(namespace: string, options: OwnershipOptions): Placement {
    return new Placement(namespace, options, (name) => this.#store.settings(name));
  }

  /** What may be told of an entry; its size is a fact about its value. */
  async #tell(refId: RefId, head: EntryHead, questions: Questions): Promise<Reference> {
    if (await questions.wouldPermit("get", head)) {
      currentUsage()?.add(head);
      return toReference(refId, head);
    }
    const totalItems = head.policy.showShape === true ? head.metadata.totalItems : null;
    return { ...toReference(refId, head), totalItems, bytes: null };
  }
}

/** What is made of each of several references. */
interface ManyReader<T> {
  make(refId: RefId, entry: Entry): T | Promise<T>;
  /** What there is in place of an entry, if anything. */
  otherwise(refId: RefId, questions: Questions): Promise<T | undefined>;
}

/** A value that may be stored, and to whom its reference is told. */
interface PreparedValue<E extends Draft = Draft> {
  readonly entry: E;
  readonly name: string | undefined;
  readonly teller: Questions;
}

function checkKey(key: string): string {
  if (typeof key === "string" && key !== "") return key;
  throw new ConfigurationError("key", "must be a text that is not empty");
}

const NO_ADMINISTRATOR = { permitted: false, reason: "no_administrator" };
const BY_SYSTEM = { permitted: true, reason: "system" };

const reencryptOptions = z.strictObject({ plaintext: z.boolean().optional() });

const healthOptions = z.strictObject({ timeout: z.number().positive().max(LONGEST_TIMER).optional() });

const previewOptions = z.strictObject(previewShape);
