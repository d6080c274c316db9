import type { Logger } from "../logger.js";

/**
 * One thing that has happened, for metrics and logs. Never holds a value, a key or an argument.
 *
 * Safe as metric labels, since there are few of each: `operation`, `tool`, `code`, `namespaceLabel`. Not safe:
 * `namespace`, which may hold user ids, and `refId`.
 */
export interface CacheEvent {
  /** `call` for cached functions, else what was asked of the cache (`get`, `resolve`, `use`, …) or of the backend. */
  readonly operation: string;
  /** Which kind of this event it was; each event says what stands here. */
  readonly code: string | null;
  /** The tool's name, as the server's code gives it; `null` where no tool is at work. */
  readonly tool: string | null;
  /** The namespace up to its first colon; `other` once there have been 100 different ones. */
  readonly namespaceLabel: string | null;
  readonly namespace: string | null;
  readonly refId: string | null;
  /** How long it took; `null` where nobody waited for it. */
  readonly milliseconds: number | null;
  /** Size of the value's JSON text; `null` where there is none, or nobody noted it. */
  readonly bytes: number | null;
  /** Entries concerned. */
  readonly count: number;
}

/** What can be listened for. */
export interface CacheEventMap {
  /** A cached call answered without a run (`stored`, `joined`, `stale`), or a reference that was found (`found`). */
  readonly hit: CacheEvent;
  /** A cached call that ran its function (`ran`), or a reference that leads nowhere (`missing`, `denied`). */
  readonly miss: CacheEvent;
  /** A call was answered as a task (`deferred`), or a task has ended here: `complete`, `failed`, `cancelled`, `pending` if handed over. */
  readonly task: CacheEvent;
  /** A value was stored. */
  readonly set: CacheEvent;
  /** An entry had to go to make room, in this process's memory. */
  readonly evict: CacheEvent;
  /** Entries were removed on demand, by `delete`, `clear` and the like. */
  readonly invalidate: CacheEvent;
  /** The backend failed; the code is the error's. */
  readonly error: CacheEvent;
  /** A tool answers without a reference, by the error's code; or a backend's state has changed to `fallback`, `away`, `up`. */
  readonly fallback: CacheEvent;
}

/** The name of an event. */
export type CacheEventName = keyof CacheEventMap;

/** Gets events. What it throws is logged, once, and changes nothing; it is not waited for. */
export type CacheEventListener = (event: CacheEvent) => void;

/** Tells listeners what has happened. Costs nothing for events that nobody listens for. */
export class CacheEvents {
  readonly #listeners = new Map<CacheEventName, Set<CacheEventListener>>();
  readonly #failed = new WeakSet<CacheEventListener>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Listens until the function that it returns is called. */
  on(name: CacheEventName, listener: CacheEventListener): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => this.off(name, listener);
  }

  /** Listens no longer. */
  off(name: CacheEventName, listener: CacheEventListener): void {
    const listeners = this.#listeners.get(name);
    listeners?.delete(listener);
    if (listeners?.size === 0) this.#listeners.delete(name);
  }

  /** Whether anybody listens for one of these. */
  isHeard(...names: readonly CacheEventName[]): boolean {
    return this.#listeners.size > 0 && names.some((name) => this.#listeners.has(name));
  }

  /** @internal Tells all who listen; the event is made only if somebody does. */
  emit(name: CacheEventName, make: () => CacheEvent): void {
    const listeners = this.#listeners.size === 0 ? undefined : this.#listeners.get(name);
    if (listeners === undefined) return;
    const event = Object.freeze(make());
    for (const listener of [...listeners]) this.#tell(listener, event, name);
  }

  #tell(listener: CacheEventListener, event: CacheEvent, name: CacheEventName): void {
    const fail = (error: unknown) => this.#report(listener, name, error);
    try {
      const outcome: unknown = listener(event);
      if (outcome instanceof Promise) outcome.catch(fail); // the types let an asynchronous function pass
    } catch (error) {
      fail(error);
    }
  }

  #report(listener: CacheEventListener, name: CacheEventName, error: unknown): void {
    if (this.#failed.has(listener)) return;
    this.#failed.add(listener);
    const what = error instanceof Error ? error.name : "no error was thrown";
    this.#logger.error(
      `A listener for ${name} failed: ${what}. It is told of further events; this is logged once.`,
    );
  }
}
