import { LRUCache } from "lru-cache";
import type { Actor } from "./access/actor.js";
import { isPermitted } from "./access/checker.js";
import { checkNamespace, pickForNamespace } from "./access/namespace.js";
import type { Permissions } from "./access/permission.js";
import { makePolicy, type Policy } from "./access/policy.js";
import { type CacheBackend, hasLinks, type LinkStore } from "./backends/backend.js";
import type { Duration } from "./duration.js";
import { encodeValue } from "./entry/encode.js";
import { type Entry, isExpired } from "./entry/entry.js";
import { EntryUnreadableError, ReferenceUnavailableError } from "./errors.js";
import { type NamespaceSettings, type ResolvedOptions, resolveTtl } from "./options.js";
import { isReference, mintReference, type RefId } from "./reference.js";

/** Namespaces whose clearing is remembered one by one; beyond, all are taken for cleared. */
const MOST_NAMESPACES = 10_000;

/** What one entry may say of itself; the rest comes from its namespace. */
export interface EntryOptions {
  readonly namespace: string;
  readonly ttl?: Duration | null | undefined;
  readonly policy?: Partial<Policy> | undefined;
  readonly toolName?: string | undefined;
}

/**
 * The entries behind a cache: makes them, keeps them, and hands them out to those who may have them. Everything
 * that reads an entry for somebody comes through {@link EntryStore.read}.
 */
export class EntryStore {
  readonly backend: CacheBackend;
  readonly #options: ResolvedOptions;
  readonly #links: LinkStore;
  readonly #functions = new Map<string, object>();
  readonly #generations = new Map<string, number>();
  #generation = 0;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.backend = options.backend;
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
    const namespace = checkNamespace(options.namespace);
    const settings = this.settings(namespace);
    const { limits } = this.#options;
    const ttl = options.ttl === undefined ? settings.ttl : resolveTtl(options.ttl, limits, "ttl");
    const { json, bytes, totalItems, strictJson } = encodeValue(value, limits);
    const createdAt = Date.now();
    return {
      json,
      namespace,
      policy:
        options.policy === undefined
          ? settings.policy
          : makePolicy(options.policy, "policy", settings.policy),
      createdAt,
      expiresAt: ttl === null ? null : createdAt + ttl,
      metadata: { toolName: options.toolName ?? null, totalItems, totalSize: bytes, strictJson },
    };
  }

  /** Stores an entry under a new reference, and points a name at it where one is given. */
  async save(entry: Entry, name?: string): Promise<RefId> {
    const refId = mintReference(this.#options.name);
    await (name === undefined ? this.backend.set(refId, entry) : this.#links.setLinked(refId, entry, name));
    return refId;
  }

  /**
   * The entry of a reference, for an actor who needs all of `required`; `undefined` when it is unknown, expired,
   * forbidden, or not a reference at all.
   */
  async find(refId: string, actor: Actor, required: Permissions): Promise<Entry | undefined> {
    if (!isReference(refId)) return undefined;
    const entry = await this.#readable(refId, actor);
    return entry !== undefined && isPermitted(actor, required, entry.policy) ? entry : undefined;
  }

  /** Whose an unreadable entry is cannot be told, so only the server itself learns that there is one. */
  async #readable(refId: string, actor: Actor): Promise<Entry | undefined> {
    try {
      return await this.backend.get(refId);
    } catch (error) {
      if (error instanceof EntryUnreadableError && actor.type !== "system") return undefined;
      throw error;
    }
  }

  /**
   * Like {@link EntryStore.find}.
   * @throws {ReferenceUnavailableError} where `find` gives `undefined`.
   */
  async read(refId: string, actor: Actor, required: Permissions): Promise<Entry> {
    const entry = await this.find(refId, actor, required);
    if (entry === undefined) throw new ReferenceUnavailableError();
    return entry;
  }

  /** The reference that a name leads to, which may have ended meanwhile. */
  async follow(name: string): Promise<RefId | undefined> {
    return this.#links.getLink(name);
  }

  /** To be called before one namespace, or all, is cleared: what began earlier is not found again afterwards. */
  startGeneration(namespace?: string): void {
    if (namespace !== undefined && this.#generations.size < MOST_NAMESPACES) {
      this.#generations.set(namespace, (this.#generations.get(namespace) ?? 0) + 1);
      return;
    }
    this.#generations.clear();
    this.#generation++;
  }

  /** Changes whenever this process clears the namespace. */
  generationOf(namespace: string): string {
    return `${this.#generation}.${this.#generations.get(namespace) ?? 0}`;
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
