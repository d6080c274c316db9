import { clip } from "./clip.js";
import { toWireProgress, type WireProgress } from "./progress.js";
import type { TaskFailure, TaskFormat, TaskState, TaskStatus } from "./task.js";

/**
 * What a caller gets in place of the result while there is none: the task that makes it, or what became of it. The
 * members are the wire's, in snake_case; a format has those that it says, `minimal` the first four alone.
 */
export interface TaskAnswer {
  /** The reference under which the result will be found. */
  ref_id: string;
  status: TaskStatus;
  /** `false`: the value is not in this answer. */
  is_complete: false;
  is_async: true;
  /** ISO 8601 time of the call; `standard`. */
  started_at?: string;
  /** `null` when the tool tells none; absent where it may not be told; `standard`. */
  progress?: WireProgress | null;
  /** Whole seconds until it is done, by its pace so far; `standard` where it is known, else `null` in `full`. */
  eta_seconds?: number | null;
  /** One line on what it does and how to go on; `standard`. */
  message?: string;
  /** Why it failed, `null` when it did not; `full`. */
  error?: TaskFailure | null;
  /** Attempts after the first; `full`. */
  retry_count?: number;
  /** Whether it can be made again: by itself, while it runs; by calling the tool again, when it has failed; `full`. */
  can_retry?: boolean;
  /** The JSON Schema of the result, where the tool has an output schema; `full`. */
  expected_schema?: unknown;
  // What other answers have, so that members can be asked for before it is known which answer it is.
  value?: undefined;
  preview?: undefined;
  expires_at?: undefined;
  stale?: undefined;
  is_stored?: undefined;
  total_items?: undefined;
}

/** How to tell of a task. */
export interface TaskAnswerRequest {
  /** Whether policy and namespace let the caller see the result, and so what the tool says on its way there. */
  readonly mayRead: boolean;
  /** Default: the task's own. */
  readonly format?: TaskFormat | undefined;
  /** Unix milliseconds. */
  readonly now: number;
  /** Whether no other server knows of the task so far, as the store is away. */
  readonly isLocal?: boolean | undefined;
}

/** Characters of the tool's own words in the one line; the progress and the error have all of them. */
const LONGEST_WORDS = 120;
/** A failure is told in the one line alone, unless the format is `full`. */
const LONGEST_REASON = 500;

const POLL = "Poll with get_cached_result(ref_id, wait_ms=20000).";
const LOCAL = "The store is away: for now, only this server answers polls.";
const WITHHELD: TaskFailure = {
  code: "tool_failed",
  message: "The reason is withheld: you may not see this result.",
};
const STATUSES: readonly unknown[] = [
  "pending",
  "processing",
  "complete",
  "failed",
  "cancelled",
] satisfies TaskStatus[];

/** Tells of a task as much as the format says and the caller may know. */
export function makeTaskAnswer(refId: string, state: TaskState, request: TaskAnswerRequest): TaskAnswer {
  const format = request.format ?? state.format;
  const known = request.mayRead ? state : withoutContents(state);
  return {
    ref_id: refId,
    status: state.status,
    is_complete: false,
    is_async: true,
    ...(format === "minimal" ? {} : standardPart(known, request)),
    ...(format === "full" ? fullPart(known, request) : {}),
  };
}

/** Tells by its look whether a value is the answer of a task. */
export function isTaskAnswer(value: unknown): value is TaskAnswer {
  if (typeof value !== "object" || value === null) return false;
  const { is_async, status, ref_id } = value as Record<string, unknown>;
  return is_async === true && STATUSES.includes(status) && typeof ref_id === "string";
}

/** What may be known without READ. The tool's words may quote values, and its pace may tell of their size. */
function withoutContents(state: TaskState): TaskState {
  return {
    ...state,
    progress: undefined,
    eta: undefined,
    note: undefined,
    expectedSchema: undefined,
    error: state.error && WITHHELD,
  };
}

function standardPart(state: TaskState, request: TaskAnswerRequest): Partial<TaskAnswer> {
  const seconds = secondsLeft(state, request.now);
  return {
    started_at: new Date(state.startedAt).toISOString(),
    ...(request.mayRead ? { progress: state.progress ? toWireProgress(state.progress) : null } : {}),
    ...(seconds === null ? {} : { eta_seconds: seconds }),
    message: messageOf(state, request.isLocal === true),
  };
}

function fullPart(state: TaskState, { now }: TaskAnswerRequest): Partial<TaskAnswer> {
  return {
    eta_seconds: secondsLeft(state, now),
    error: state.error ?? null,
    retry_count: state.retryCount,
    can_retry: state.canRetry,
    ...(state.expectedSchema === undefined ? {} : { expected_schema: state.expectedSchema }),
  };
}

/** An estimate whose time has come is none, but for a task that has done all it had to. */
function secondsLeft({ status, eta, progress }: TaskState, now: number): number | null {
  if (status !== "processing" || eta === undefined) return null;
  if (eta > now) return Math.ceil((eta - now) / 1000);
  return progress !== undefined && progress.current === progress.total ? 0 : null;
}

function messageOf(state: TaskState, isLocal: boolean): string {
  const { status, error, canRetry } = state;
  switch (status) {
    case "pending":
    case "processing":
      return [...activity(state), POLL, ...(isLocal ? [LOCAL] : [])].join(" ");
    case "complete":
      return "Complete. Read the result with get_cached_result(ref_id).";
    case "failed":
      return `Failed${reason(error)} Calling the tool again ${canRetry ? "may help" : "will hardly help"}.`;
    case "cancelled":
      return "Cancelled: there is no result. Call the tool again to start anew.";
  }
}

/** What is being done: the tool's own words first. */
function activity({ status, progress, note, isCancelling }: TaskState): string[] {
  if (isCancelling) return ["Being cancelled."];
  const words = [progress?.message, note].map((text = "") => sentence(text, LONGEST_WORDS)).filter(Boolean);
  if (words.length > 0) return words;
  return [status === "pending" ? "Waits for its turn." : "Running."];
}

function reason(error: TaskFailure | undefined): string {
  const why = sentence(error?.message ?? "", LONGEST_REASON);
  return why === "" ? "." : `: ${why}`;
}

/** On one line, and with an end; empty where there are no words. */
function sentence(text: string, most: number): string {
  const line = text.replace(/\s+/g, " ").trim();
  if (line.length > most) return `${clip(line, most - 1)}…`;
  return line === "" || /[.!?…]$/.test(line) ? line : `${line}.`;
}
