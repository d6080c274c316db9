import { setImmediate as nextTurn } from "node:timers/promises";
import type { Actor } from "../access/actor.js";
import { currentUsage } from "../access/current.js";
import type { Operation } from "../access/operation.js";
import type { Policy } from "../access/policy.js";
import type { Answer } from "../answer.js";
import type { Entry, EntryHead } from "../entry/entry.js";
import type { EntryStore } from "../entry-store.js";
import {
  ConfigurationError,
  EntryUnreadableError,
  LimitExceededError,
  ReferenceUnavailableError,
} from "../errors.js";
import { isReference, type RefId } from "../reference.js";
import { type Reference, toReference } from "../told-reference.js";
import { withTimeout } from "../with-timeout.js";
import { FirstTexts } from "./first-texts.js";
import { type StoreStats, StoreTally } from "./store-tally.js";

/** What an administrator is told of an entry; never its value. */
export interface AdministeredEntry extends Reference {
  readonly policy: Policy;
}

/** One page of a listing, in the order of the references. */
export interface AdministeredPage {
  /** A reference alone stands for an entry that is stored and cannot be read. */
  readonly entries: readonly (AdministeredEntry | Pick<AdministeredEntry, "refId">)[];
  /** Entries of the namespace, or of the store, on all pages. */
  readonly total: number;
  /** What to give as `after` for the next page; `null` on the last one. */
  readonly next: RefId | null;
}

/** How far a look at the whole store may go. */
export interface WalkOptions {
  /** Milliseconds. Default 30,000. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Options of {@link Administration.list}. */
export interface AdministeredListOptions extends WalkOptions {
  /** Exactly this namespace. Default: all. */
  readonly namespace?: string | undefined;
  /** Entries behind this reference, whether or not it still exists. */
  readonly after?: string | undefined;
  /** Entries on the page. Default 20. */
  readonly limit?: number | undefined;
}

/** Makes the bounded answer for a value. */
export type ShowEntry<Options> = (refId: RefId, entry: Entry, options: Options) => Promise<Answer>;

/**
 * What an administrator may do with the store, past every policy. Each act is on the audit record in the
 * administrator's own name. Works on every backend: what is walked is references, kept is one page.
 */
export class Administration<ShowOptions> {
  readonly #store: EntryStore;
  readonly #actor: Actor;
  readonly #show: ShowEntry<ShowOptions>;

  /** @param actor an administrator, which whoever makes this has made sure of. */
  constructor(store: EntryStore, actor: Actor, show: ShowEntry<ShowOptions>) {
    this.#store = store;
    this.#actor = actor;
    this.#show = show;
  }

  /**
   * A page of entries in the order of their references, which never changes: what is there throughout is on exactly
   * one page. Each page takes one walk over the references of the namespace.
   * @throws {LimitExceededError} when the walk takes too long; {StoreError}
   */
  async list(options: AdministeredListOptions = {}): Promise<AdministeredPage> {
    const { namespace, after = "", limit = 20 } = options;
    this.#record("list", namespace ?? null);
    const first = new FirstTexts(limit + 1, after);
    const { backend } = this.#store;
    let total = 0;
    const count = (refId: string) => {
      total++;
      first.add(refId);
    };
    if (!(await walk(backend.keys(namespace), count, options))) throw tooLarge();
    const found = first.texts;
    const page = found.slice(0, limit);
    const entries = [];
    for (const refId of page) entries.push(...(await this.#describe(refId)));
    return { entries, total, next: found.length > limit ? (page.at(-1) ?? null) : null };
  }

  /**
   * What is known of one entry.
   * @throws {ReferenceUnavailableError} when unknown or expired; {EntryUnreadableError}
   */
  async info(refId: RefId): Promise<AdministeredEntry> {
    const head = isReference(refId) ? await this.#store.head(refId) : undefined;
    this.#record("info", head?.namespace ?? null, refId);
    if (head === undefined) throw new ReferenceUnavailableError();
    return toEntry(refId, head);
  }

  /**
   * The value of one entry, bounded as any answer, whatever its policy says.
   * @throws {ReferenceUnavailableError} when unknown or expired; {EntryUnreadableError} | {DecryptionError}
   */
  async show(refId: RefId, options: ShowOptions): Promise<Answer> {
    const sealed = isReference(refId) ? await this.#store.backend.get(refId) : undefined;
    this.#record("get", sealed?.namespace ?? null, refId);
    const entry = sealed && (await this.#store.protection.open(refId, sealed));
    if (entry === undefined) throw new ReferenceUnavailableError();
    currentUsage()?.add(entry);
    return this.#show(refId, entry, options);
  }

  /** Removes one entry, readable or not; tells whether there was one. */
  async delete(refId: RefId): Promise<boolean> {
    if (!isReference(refId)) return false;
    const head = await this.#store.peek(refId);
    this.#record("delete", head?.namespace ?? null, refId);
    return this.#store.backend.delete(refId);
  }

  /**
   * Removes everything in exactly this namespace; tells how many entries.
   * @throws {ConfigurationError} without a namespace, which would mean all.
   */
  async clear(namespace: string): Promise<number> {
    if (typeof namespace !== "string" || namespace === "")
      throw new ConfigurationError("namespace", "must be named; everything is not cleared in this way");
    this.#record("clear", namespace);
    await this.#store.startGeneration([{ kind: "namespace", name: namespace }]);
    return this.#store.backend.clear(namespace);
  }

  /** Counts what is stored; what was counted so far, where that takes too long. */
  async stats(options: WalkOptions = {}): Promise<StoreStats> {
    this.#record("stats", null);
    const tally = new StoreTally();
    const isComplete = await walk(this.#store.heads(), ([, head]) => tally.add(head), options);
    return tally.stats(isComplete);
  }

  /** Nothing for what has gone meanwhile. */
  async #describe(refId: RefId): Promise<AdministeredPage["entries"]> {
    try {
      const head = await this.#store.head(refId);
      return head === undefined ? [] : [toEntry(refId, head)];
    } catch (error) {
      if (error instanceof EntryUnreadableError) return [{ refId }];
      throw error;
    }
  }

  #record(operation: Operation | "stats", namespace: string | null, refId?: RefId): void {
    this.#store.questionsOf(this.#actor).record(operation, BY_ADMINISTRATOR, namespace, refId);
  }
}

const BY_ADMINISTRATOR = { permitted: true, reason: "administrator" };
const WALK_TIMEOUT = 30_000;
/** Items between two turns left to other work, where the backend leaves none. */
const ITEMS_PER_TURN = 1000;

/** Visits all items; tells whether it came to the end in time. */
async function walk<T>(
  items: AsyncIterable<T>,
  visit: (item: T) => void,
  { timeout = WALK_TIMEOUT, signal }: WalkOptions,
): Promise<boolean> {
  signal?.throwIfAborted();
  let isLate = false;
  const visitAll = async () => {
    let visited = 0;
    for await (const item of items) {
      if (isLate) return;
      signal?.throwIfAborted();
      visit(item);
      if (++visited % ITEMS_PER_TURN === 0) await nextTurn();
    }
  };
  try {
    await withTimeout(timeout, visitAll);
    return true;
  } catch (error) {
    if (signal?.aborted === true || (error as Error | undefined)?.name !== "TimeoutError") throw error;
    isLate = true;
    return false;
  }
}

function tooLarge(): LimitExceededError {
  return new LimitExceededError(
    "timeout",
    "The store is too large to be looked through in time; name a namespace",
  );
}

function toEntry(refId: RefId, head: EntryHead): AdministeredEntry {
  return { ...toReference(refId, head), policy: head.policy };
}
