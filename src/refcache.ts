import { z } from "zod";
import { type Actor, checkActor } from "./access/actor.js";
import { isPermitted } from "./access/checker.js";
import { currentActor } from "./access/current.js";
import { checkNamespace, PUBLIC_NAMESPACE } from "./access/namespace.js";
import { Permission } from "./access/permission.js";
import type { Policy } from "./access/policy.js";
import { type Answer, makeAnswer } from "./answer.js";
import { hasHeads } from "./backends/backend.js";
import { CachedFunction } from "./cached.js";
import { type CachedOptions, checkCachedOptions } from "./call.js";
import { type CachedDecorator, makeDecorator } from "./decorate.js";
import type { Duration } from "./duration.js";
import type { EntryHead } from "./entry/entry.js";
import { readValue } from "./entry/value.js";
import { EntryStore } from "./entry-store.js";
import { ConfigurationError, EntryUnreadableError } from "./errors.js";
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
import type { SizeMeasure } from "./preview/measure.js";
import { isReference, type RefId } from "./reference.js";

/** A stored value by name, with what may be told of it. */
export interface Reference {
  readonly refId: RefId;
  readonly namespace: string;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  /** Unix time in milliseconds, `null` for never. */
  readonly expiresAt: number | null;
  /** The tool that made it, or `null`. */
  readonly toolName: string | null;
  /** Items of a list, members of an object, else `null`. */
  readonly totalItems: number | null;
  /** Size of the value as JSON text in bytes, where known. */
  readonly bytes: number | null;
}

/** Who asks. Default: the actor of the running call, or the server itself outside any. */
export interface ActorOptions {
  readonly actor?: Actor;
}

/** Options of {@link RefCache.set}. */
export interface SetOptions {
  /** Default `public`. */
  readonly namespace?: string | undefined;
  /** Milliseconds, text such as `"1h"`, or `null` for ever. Default: the namespace's. */
  readonly ttl?: Duration | null | undefined;
  /** Members that differ from the namespace's policy. */
  readonly policy?: Partial<Policy> | undefined;
  readonly toolName?: string | undefined;
}

/** Options of {@link RefCache.get}. */
export interface GetOptions extends ActorOptions, PreviewOptions {
  /** From 1. Asking for a page, or a page size, makes the answer one page. */
  readonly page?: number | undefined;
  /** The most items a page may hold. */
  readonly pageSize?: number | undefined;
  /** Show the value whole if it measures no more than `limits.maxFullSize`. */
  readonly full?: boolean | undefined;
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
 * const answer = await cache.get(refId); // what a model may see
 * const value = await cache.resolve<number[]>(refId); // the value itself
 * ```
 */
export class RefCache {
  readonly #options: ResolvedOptions;
  readonly #store: EntryStore;

  /** @throws {ConfigurationError} naming the option that is not acceptable. */
  constructor(options: RefCacheOptions) {
    this.#options = resolveOptions(options);
    this.#store = new EntryStore(this.#options);
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

  /** Milliseconds that entries live where nothing else is said, `null` for ever. */
  get defaultTtl(): number | null {
    return this.#options.defaults.ttl;
  }

  /**
   * Stores a value under a new reference, and points the key of this namespace at it.
   * @throws {ValueNotStorableError} | {LimitExceededError} before anything is stored; {StoreError} when the store fails.
   */
  async set(key: string, value: unknown, options: SetOptions = {}): Promise<Reference> {
    if (typeof key !== "string" || key === "")
      throw new ConfigurationError("key", "must be a text that is not empty");
    const namespace = checkNamespace(options.namespace ?? PUBLIC_NAMESPACE);
    const entry = this.#store.make(value, { ...options, namespace });
    const refId = await this.#store.save(entry, keyName(namespace, key));
    return toReference(refId, entry);
  }

  /** The reference that a key of a namespace leads to, for those who may read or use it; else `undefined`. */
  async lookup(key: string, options: ListOptions = {}): Promise<Reference | undefined> {
    const refId = await this.#store.follow(keyName(options.namespace ?? PUBLIC_NAMESPACE, key));
    const head = refId === undefined ? undefined : await this.#head(refId);
    return refId === undefined || head === undefined || !mayKnow(actorOf(options), head)
      ? undefined
      : toReference(refId, head);
  }

  /**
   * A bounded answer: the value where it is small, else a preview or one page. Needs READ.
   * @throws {ReferenceUnavailableError} when unknown, expired or forbidden; {InvalidPageError} when there is no such page.
   */
  async get<T = unknown>(refId: RefId, options: GetOptions = {}): Promise<Answer<T>> {
    const actor = actorOf(options);
    const { preview, maxSize, page, pageSize } = options;
    checkShape(previewOptions, { preview, maxSize });
    const entry = await this.#store.read(refId, actor, Permission.READ);
    const settings = this.#store.settings(entry.namespace);
    const { limits, measure } = this.#options;
    return makeAnswer<T>(
      { refId, entry },
      {
        actor,
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

  /**
   * The value itself, a copy of the caller's own. Needs EXECUTE.
   * @throws {ReferenceUnavailableError} when unknown, expired or forbidden.
   */
  async resolve<T = unknown>(refId: RefId, options: ActorOptions = {}): Promise<T> {
    const entry = await this.#store.read(refId, actorOf(options), Permission.EXECUTE);
    return readValue(refId, entry) as T;
  }

  /** Removes an entry. Needs DELETE; tells whether there was one to remove. */
  async delete(refId: RefId, options: ActorOptions = {}): Promise<boolean> {
    const actor = actorOf(options);
    if (!isReference(refId)) return false;
    if (actor.type !== "system" && (await this.#store.find(refId, actor, Permission.DELETE)) === undefined)
      return false;
    return this.#store.backend.delete(refId);
  }

  /** Tells whether a reference leads to something that the actor may read or use. */
  async exists(refId: RefId, options: ActorOptions = {}): Promise<boolean> {
    const actor = actorOf(options);
    if (!isReference(refId)) return false;
    if (actor.type === "system") return this.#store.backend.exists(refId);
    const head = await this.#head(refId);
    return head !== undefined && mayKnow(actor, head);
  }

  /** Removes what the actor may delete of exactly one namespace, or of all; tells how many. */
  async clear(namespace?: string, options: ActorOptions = {}): Promise<number> {
    const actor = actorOf(options);
    this.#store.startGeneration(namespace);
    if (actor.type === "system") return this.#store.backend.clear(namespace);
    let removed = 0;
    for await (const [refId, head] of this.#heads(namespace)) {
      if (!isPermitted(actor, Permission.DELETE, head.policy)) continue;
      if (await this.#store.backend.delete(refId)) removed++;
    }
    return removed;
  }

  /** What the actor may read or use, of exactly one namespace or of all, without values, in no particular order. */
  list(options: ListOptions = {}): AsyncGenerator<Reference, void> {
    return this.#list(actorOf(options), options.namespace); // the caller is who asks now, not who reads on later
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
  cached(namespace: string, options: CachedOptions = {}): CachedDecorator {
    checkNamespace(namespace);
    checkCachedOptions(options, this.#options.limits);
    return makeDecorator((fn) => new CachedFunction(this.#store, this.#options, namespace, options, fn));
  }

  /** Releases the backend's connections, files and timers. */
  async close(): Promise<void> {
    await this.#options.backend.close();
  }

  async *#list(actor: Actor, namespace?: string): AsyncGenerator<Reference, void> {
    for await (const [refId, head] of this.#heads(namespace)) {
      if (mayKnow(actor, head)) yield toReference(refId, head);
    }
  }

  async #head(refId: RefId): Promise<EntryHead | undefined> {
    const { backend } = this.#store;
    return hasHeads(backend) ? backend.head(refId) : backend.get(refId);
  }

  async *#heads(namespace?: string): AsyncGenerator<readonly [RefId, EntryHead], void> {
    const { backend } = this.#store;
    if (hasHeads(backend)) return yield* backend.heads(namespace);
    for await (const refId of backend.keys(namespace)) {
      const entry = await backend.get(refId).catch(skipUnreadable);
      if (entry !== undefined) yield [refId, entry];
    }
  }
}

/** An actor that was looked up and not found must not become the server itself. */
function actorOf(options: ActorOptions): Actor {
  return "actor" in options ? checkActor(options.actor, "actor") : currentActor();
}

const previewOptions = z.strictObject(previewShape);

function mayKnow(actor: Actor, { policy }: EntryHead): boolean {
  return isPermitted(actor, Permission.READ, policy) || isPermitted(actor, Permission.EXECUTE, policy);
}

function toReference(refId: RefId, { namespace, createdAt, expiresAt, metadata }: EntryHead): Reference {
  const { toolName, totalItems, totalSize } = metadata;
  return { refId, namespace, createdAt, expiresAt, toolName, totalItems, bytes: totalSize };
}

function skipUnreadable(error: unknown): undefined {
  if (error instanceof EntryUnreadableError) return undefined;
  throw error;
}
