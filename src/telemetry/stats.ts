import type { BackendHealth } from "../backends/backend.js";
import type { OperationStats } from "./operation-figures.js";

/** What a cache has done since it was made, in this process. Counts are exact. */
export interface CacheStats {
  /** When counting began, in Unix ms. */
  readonly since: number;
  /** Calls of cached functions. */
  readonly calls: CallStats;
  /** Tasks that have come to their end in this process. */
  readonly tasks: TaskStats;
  /** References that were looked at on somebody's behalf: `get`, `resolve`, arguments of tools, and so on. */
  readonly reads: ReadStats;
  /** Entries this cache stored. */
  readonly stored: number;
  /** Entries removed on demand through this cache. */
  readonly removed: number;
  /** Entries that had to go from this process's memory, to make room. */
  readonly evictions: number;
  /** Characters of JSON text that went to the backend and came from it. */
  readonly bytes: { readonly in: number; readonly out: number };
  /** Tools that answered without a reference since the store had failed. */
  readonly fallbacks: number;
  /** The backend's methods that were called, by name. A listing is counted, and not timed. */
  readonly operations: Readonly<Record<string, OperationStats>>;
  /** Failures of the backend, by the error's code; `other` for what is not of this package. */
  readonly errors: Readonly<Record<string, number>>;
  /** Copies in this process and the state of the store behind them, where the backend has such tiers. */
  readonly tiers?: BackendHealth;
}

/** Calls of cached functions that were answered, by where the answer came from. */
export interface CallStats {
  /** A stored result that was still fresh. */
  readonly hits: number;
  /** A stored result past its `staleTtl`, answered while another is made. */
  readonly stale: number;
  /** The result of an equal call that was under way. */
  readonly joined: number;
  /** The function ran. */
  readonly misses: number;
  /** The caller was answered with the reference of a task before the end. */
  readonly deferred: number;
  /** The call failed, whatever the reason. */
  readonly failed: number;
  /** Share of the answered calls that did not run their function; 0 where there were none. */
  readonly hitRate: number;
}

/** Tasks by what became of them, and calls under way that may become some. */
export interface TaskStats {
  readonly complete: number;
  readonly failed: number;
  readonly cancelled: number;
  /** Calls of tools with `asyncTimeout` that run in this process now, and that wait for their turn. */
  readonly running: number;
  readonly waiting: number;
  /** Given up here in favour of another server or worker. */
  readonly handedOver: number;
}

/** References by what became of them. To who asks, missing and denied are the same. */
export interface ReadStats {
  readonly found: number;
  readonly missing: number;
  readonly denied: number;
}
