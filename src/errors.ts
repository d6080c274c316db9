import { maskReference } from "./mask.js";

/**
 * Every error the package throws. `code` is stable and meant for programs; `message` is meant for the
 * person or model that must act on it, and never holds a value, a full reference or a credential.
 */
export abstract class RefCacheError extends Error {
  /** Stable, machine-readable name of the cause. */
  abstract readonly code: string;

  override get name(): string {
    return this.constructor.name;
  }
}

/** Thrown when an option, argument or environment variable is not acceptable; names it. */
export class ConfigurationError extends RefCacheError {
  readonly code = "invalid_option";
  /** The option, as the caller wrote it: `limits.maxDepth`, `namespaces["user:*"].ttl`. */
  readonly option: string;

  constructor(option: string, problem: string) {
    super(`${option}: ${problem}`);
    this.option = option;
  }
}

/** Thrown when an optional peer dependency is needed and absent, or too new for this Node. */
export class PeerDependencyError extends RefCacheError {
  readonly code = "peer_dependency";
}

/** Thrown when a text that should be a reference does not have the form of one. */
export class InvalidReferenceError extends RefCacheError {
  readonly code = "invalid_reference";

  constructor() {
    super(
      "That is not a reference. A reference looks like name:0123456789abcdef; pass it exactly as received.",
    );
  }
}

/**
 * Thrown when a reference leads to nothing the caller may have. Unknown, expired and forbidden are one
 * error with one text on purpose: telling them apart would tell a stranger what exists.
 */
export class ReferenceUnavailableError extends RefCacheError {
  readonly code = "reference_unavailable";

  constructor() {
    super(
      "This reference is unknown, expired, or not available to you. Call the tool that produced it again to get a new one.",
    );
  }
}

/**
 * Thrown when what a reference stands for does not fit a tool's parameters, and its caller may not see it: the
 * schema's own message might quote it.
 */
export class HiddenArgumentError extends RefCacheError {
  readonly code = "invalid_arguments";

  constructor() {
    super("A value that you may use but not see does not fit this tool's parameters.");
  }
}

/**
 * Thrown in place of an error that a tool threw after it used values which its caller may not see: its message might
 * quote them. The server's log has the same id.
 */
export class HiddenFailureError extends RefCacheError {
  readonly code = "tool_failed";
  readonly correlationId: string;

  constructor(correlationId: string) {
    super(
      `The tool failed after it used a value that you may not see, so the reason is withheld. The server's operator finds it under ${correlationId}.`,
    );
    this.correlationId = correlationId;
  }
}

/** Thrown in place of what a tool returned, past the cache, after it used values which its caller may not see. */
export class HiddenResultError extends RefCacheError {
  readonly code = "result_withheld";

  constructor() {
    super(
      "The tool used a value that you may not see, so what it returned is withheld. Only tools whose results are cached may use such values.",
    );
  }
}

/** Thrown when an actor may not store under a key, or in a namespace at all. */
export class PermissionDeniedError extends RefCacheError {
  readonly code = "permission_denied";

  constructor() {
    super(
      "The caller may not store this here: it takes WRITE in the namespace, and UPDATE where the key is taken. A tool may store in the server's own name with { actor: SYSTEM }.",
    );
  }
}

/** Thrown when somebody who is no administrator asks for what only administrators may do. */
export class AdministratorsOnlyError extends RefCacheError {
  readonly code = "administrators_only";

  constructor() {
    super("Only administrators may do this.");
  }
}

/** Thrown, before anything is stored, when a value cannot be held as JSON; names the path. */
export class ValueNotStorableError extends RefCacheError {
  readonly code = "value_not_storable";
  /** Where in the value, as in `$.rows[3].when`. */
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`The value cannot be stored: ${problem} at ${path}.`);
    this.path = path;
  }
}

/** Thrown when a text that was given as JSON is none; says where, and quotes nothing. Nothing is stored. */
export class InvalidJsonError extends RefCacheError {
  readonly code = "invalid_json";
  /** Bytes of UTF-8 before what is wrong. */
  readonly offset: number;

  constructor(problem: string, offset: number) {
    super(`The text cannot be stored as JSON: it ${problem} at byte ${offset}.`);
    this.offset = offset;
  }
}

/** Thrown when the source of a stream gave nothing for as long as it may; nothing is stored. */
export class StreamStalledError extends RefCacheError {
  readonly code = "stream_stalled";

  constructor(milliseconds: number) {
    super(
      `The stream gave nothing for ${milliseconds} ms, so nothing was stored. Let it give more often, or raise limits.maxStreamPause.`,
    );
  }
}

/** Thrown while a value is read piece by piece, when it was replaced, removed or damaged before its end. */
export class StreamInterruptedError extends RefCacheError {
  readonly code = "stream_interrupted";

  constructor() {
    super(
      "The value was replaced or removed while it was read. What came before is of no use without the rest.",
    );
  }
}

/** Thrown when items are asked for of a value that is neither a list nor an object. */
export class NoItemsError extends RefCacheError {
  readonly code = "no_items";

  constructor() {
    super(
      "The value is neither a list nor an object, so it has no items. Read it with resolve or resolveStream.",
    );
  }
}

/** Thrown when something is larger, deeper or more than a limit allows; names the limit. */
export class LimitExceededError extends RefCacheError {
  readonly code = "limit_exceeded";
  /** The option that sets the limit, such as `limits.maxValueBytes`. */
  readonly limit: string;

  constructor(limit: string, problem: string) {
    super(`${problem} (${limit}).`);
    this.limit = limit;
  }
}

/** Thrown when a page number or page size is not one that exists; says which do. */
export class InvalidPageError extends RefCacheError {
  readonly code = "invalid_page";
}

/** Thrown when what is stored under a reference is not a well-formed entry. Its policy counts as closed. */
export class EntryUnreadableError extends RefCacheError {
  readonly code = "entry_unreadable";
  /** The whole reference, kept off `enumerable` so that logging the error does not print it. */
  declare readonly refId: string;

  constructor(refId: string, problem: string, options?: ErrorOptions) {
    super(
      `The entry ${maskReference(refId)} is unreadable: ${problem}. Delete it, or store the value again.`,
      options,
    );
    Object.defineProperty(this, "refId", { value: refId, enumerable: false });
  }
}

/**
 * Thrown when an entry cannot be decrypted with the keys there are, was changed in the store, or should be
 * encrypted and is not. It concerns this entry only.
 */
export class DecryptionError extends RefCacheError {
  readonly code = "decryption_failed";
  /** The whole reference, kept off `enumerable` so that logging the error does not print it. */
  declare readonly refId: string;

  constructor(refId: string, problem: string) {
    super(`The entry ${maskReference(refId)} cannot be decrypted: ${problem}`);
    Object.defineProperty(this, "refId", { value: refId, enumerable: false });
  }
}

/** Thrown when a server has no room for another task, shuts down, or cannot follow the one that an equal call runs as. */
export class TaskRefusedError extends RefCacheError {
  readonly code = "task_refused";

  /** @param reason a whole sentence. */
  constructor(reason: string) {
    super(`${reason} Call again later.`);
  }
}

/** Thrown when a reference is used whose task has not been completed: there is no value yet, or there will be none. */
export class TaskNotCompleteError extends RefCacheError {
  readonly code = "task_not_complete";

  /** @param isOver whether the task has failed or was cancelled. */
  constructor(isOver: boolean) {
    super(
      isOver
        ? "The task of this reference has failed or was cancelled, so there is no value. Call its tool again to get a new one."
        : "The task of this reference still runs, so there is no value yet. Poll it with get_cached_result until it is complete.",
    );
  }
}

/** Thrown to who waits for a task that another server runs, when that task fails; the message is the task's. */
export class TaskFailedError extends RefCacheError {
  readonly code = "task_failed";
  /** The code of the task's own error, such as `tool_error`. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** The reason of a signal, and thrown to who waits, when a task was cancelled. */
export class TaskCancelledError extends RefCacheError {
  readonly code = "task_cancelled";

  constructor() {
    super("The task was cancelled. Call the tool again to start anew.");
  }
}

/** The reason of a signal, and thrown to who waits, when a task has taken longer than it may. */
export class TaskTooOldError extends RefCacheError {
  readonly code = "task_too_old";

  constructor() {
    super("The task took longer than it may on this server, and was given up.");
  }
}

/** The reason of a signal, and thrown to who waits, when the server that runs a task shuts down or dies. */
export class TaskInterruptedError extends RefCacheError {
  readonly code = "interrupted";

  constructor() {
    super("The server that ran the task went away before its end. What it had done by then is unknown.");
  }
}

/** Thrown when a process is to perform a task of a tool that it does not have. */
export class TaskUnknownError extends RefCacheError {
  readonly code = "task_unknown";

  /** @param toolName as its server named it. */
  constructor(toolName: string) {
    super(
      `This process has no tool ${toolName} in the version that the task was made with. Register the same tools as the server does.`,
    );
  }
}

/** What a {@link StoreError} is made with, beside its message. */
export interface StoreErrorOptions extends ErrorOptions {
  /** See {@link StoreError.outcomeUnknown}. Default `false`. */
  readonly outcomeUnknown?: boolean | undefined;
}

/** Base of everything that goes wrong between the cache and its store. */
export abstract class StoreError extends RefCacheError {
  /**
   * Whether a write that failed may have been done all the same, in whole or in part, or may still be. `false` for a
   * write that was surely not done, and for every read.
   */
  readonly outcomeUnknown: boolean;

  constructor(message: string, options: StoreErrorOptions = {}) {
    super(message, options);
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}

/** Thrown when the store cannot be reached, refuses the credentials, or is closed. */
export class StoreUnavailableError extends StoreError {
  readonly code = "store_unavailable";
}

/** Thrown when the store did not answer in time. After a write, `outcomeUnknown` tells whether it may have been done. */
export class StoreTimeoutError extends StoreError {
  readonly code = "store_timeout";
}

/**
 * Thrown under `durability: "replicated"` when a write was done, and too few replicas have confirmed it in time. It is
 * on the primary, and read as usual; whether it would outlive the primary is unknown.
 */
export class ReplicationUnknownError extends StoreError {
  readonly code = "replication_unknown";
}

/** Thrown when the store has no room left (full disk, `maxmemory`, an entry larger than the whole store). */
export class StoreFullError extends StoreError {
  readonly code = "store_full";
}

/** Thrown when the store is there but cannot be used: corrupt or foreign file, read-only, wrong rights. */
export class StoreUnusableError extends StoreError {
  readonly code = "store_unusable";
}
