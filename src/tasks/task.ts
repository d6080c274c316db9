import type { Actor } from "../access/actor.js";
import type { Policy } from "../access/policy.js";

/** What has become of a task so far. */
export type TaskStatus = "pending" | "processing" | "complete" | "failed" | "cancelled";

/** How far a task is, as its tool tells it. */
export interface TaskProgress {
  /** How much is done, in whatever unit. Must not shrink. */
  readonly current: number;
  /** How much there is to do, where that is known. */
  readonly total?: number | undefined;
  /** What is being done now. At most 500 characters are kept. */
  readonly message?: string | undefined;
}

/** What a tool with `asyncTimeout` gets beside its arguments. */
export interface TaskContext {
  /** Tells how far it is: the client while it waits, and those who poll. May be called as often as one likes. */
  progress(progress: TaskProgress): void;
  /** Aborted when the task is cancelled, is too old, or the server shuts down. */
  readonly signal: AbortSignal;
}

/** Why a task has not been completed. */
export interface TaskFailure {
  /** Stable: `tool_error`, `interrupted`, `task_too_old`, `invalidated`, or the code of an error of this package. */
  readonly code: string;
  /** For the person or model that polls. */
  readonly message: string;
}

/** A call as another process can make it again. */
export interface TaskOrder {
  /** The function's identity, as memoisation knows it. */
  readonly tool: string;
  /** The tool's name, for messages. */
  readonly toolName: string;
  /** On whose behalf it runs. */
  readonly caller: Actor;
  /** Who asks in the caller's place, where that is another. */
  readonly asker: Actor;
  /** The first argument, as exact JSON text; references stand for themselves. */
  readonly args: string;
  /** Look-alikes of references in it that stayed texts. */
  readonly missing: readonly string[];
  /** The policies of what the call had used before its function ran: what it makes is as closed as that. */
  readonly used: readonly Policy[];
  /** Whether the argument is to be validated once its references are resolved. */
  readonly isPending: boolean;
  /** Whether only a {@link TaskRunner} runs it, and not the server that finds it abandoned. */
  readonly isElsewhere: boolean;
}

/** All that is known of a task. Times are Unix milliseconds. */
export interface TaskState {
  readonly status: TaskStatus;
  readonly startedAt: number;
  readonly updatedAt: number;
  /** When it is given up. */
  readonly deadline: number;
  readonly progress?: TaskProgress | undefined;
  /** When it will be done, by its progress so far. */
  readonly eta?: number | undefined;
  /** What it waits for, where it does. */
  readonly note?: string | undefined;
  readonly error?: TaskFailure | undefined;
  /** Attempts after the first. */
  readonly retryCount: number;
  /** Whether it can be made again: by itself, while it runs; by calling the tool again, when it has failed. */
  readonly canRetry: boolean;
  /** Whether somebody wants it to end. */
  readonly isCancelling: boolean;
  /** Whether something was invalidated since it began that its result bears: equal calls do not join it. */
  readonly isOutdated: boolean;
  /** Who called, as `type:id`: who may cancel it. */
  readonly starter: string;
  /** The server that runs it; `null` while none does. */
  readonly owner: string | null;
  /** How often servers have begun to run it. */
  readonly runs: number;
  /** Whether another server may run it again. */
  readonly isIdempotent: boolean;
  /** The JSON Schema of the result, where the tool has an output schema. */
  readonly expectedSchema?: unknown;
  /** How it is told of where the poll does not say. */
  readonly format: TaskFormat;
  /** What it takes to run it elsewhere. */
  readonly order?: TaskOrder | undefined;
}

/** How much is told of a task: the names are those of the Python package. */
export type TaskFormat = "minimal" | "standard" | "full";

/** Tells whether a task has come to its end, whichever. */
export function isOver({ status }: Pick<TaskState, "status">): boolean {
  return status === "complete" || status === "failed" || status === "cancelled";
}

/** The topic under which servers tell that tasks have changed; the names are their references. */
export const TASK_CHANGED = "task_changed";

/** The topic under which somebody tells that tasks are to end. */
export const TASK_CANCELLED = "task_cancelled";

/** How often a task may be begun, as a server that it ends may not be the last one. */
export const MOST_RUNS = 3;
