import { z } from "zod";
import { checkInteger, LONGEST_TIMER } from "../backends/options.js";
import { type Duration, parseDuration } from "../duration.js";
import { ConfigurationError } from "../errors.js";
import type { TaskRunner } from "./runner.js";

/** Bounds on tasks: calls of tools that have `asyncTimeout`. */
export interface TaskOptions {
  /** Such calls that run at the same time in this process; the others wait, first come first served. Default 64. */
  readonly concurrency?: number | undefined;
  /** Such calls that may wait for their turn; a further one is refused. Default 1,000. */
  readonly queue?: number | undefined;
  /** The longest a task may take, its waiting included. A tool may set its own. Default `"1h"`. */
  readonly maxAge?: Duration | undefined;
  /** How long a task's record is kept after its end, whatever becomes of the result. Default `"24h"`. */
  readonly keep?: Duration | undefined;
  /** After how long a task counts as abandoned whose server has died; renewed while it runs. Default `"10s"`. */
  readonly lease?: Duration | undefined;
  /** The longest that a poll may wait. Below what clients wait for an answer. Default `"30s"`. */
  readonly maxWait?: Duration | undefined;
  /** Runs such calls, with bounds of its own. Default: the process that got them. */
  readonly runner?: TaskRunner | undefined;
}

/** The same with every default filled in, durations in milliseconds. */
export interface ResolvedTaskOptions {
  readonly concurrency: number;
  readonly queue: number;
  readonly maxAge: number;
  readonly keep: number;
  readonly lease: number;
  readonly maxWait: number;
  readonly runner: TaskRunner | undefined;
}

const duration = z.union([z.number(), z.string()]);

/** What {@link TaskOptions} must be. */
export const taskOptionsShape = z.strictObject({
  concurrency: z.number().optional(),
  queue: z.number().optional(),
  maxAge: duration.optional(),
  keep: duration.optional(),
  lease: duration.optional(),
  maxWait: duration.optional(),
  runner: z
    .custom<TaskRunner>(
      (value) =>
        ["run", "withdraw", "close"].every((method) => typeof (value as never)?.[method] === "function"),
      { message: "must be a task runner (an object with run, withdraw, close)" },
    )
    .optional(),
});

/** Below this, a busy process would lose tasks that it runs. */
const SHORTEST_LEASE = 500;

/**
 * Checks options and fills in defaults.
 * @throws {ConfigurationError} naming the option that is not acceptable.
 */
export function resolveTaskOptions(options: TaskOptions = {}): ResolvedTaskOptions {
  const {
    concurrency = 64,
    queue = 1000,
    maxAge = "1h",
    keep = "24h",
    lease = "10s",
    maxWait = "30s",
  } = options;
  return {
    concurrency: checkInteger("tasks.concurrency", concurrency),
    queue: checkInteger("tasks.queue", queue, 0),
    maxAge: timer(maxAge, "tasks.maxAge"),
    keep: parseDuration(keep, "tasks.keep"),
    lease: timer(lease, "tasks.lease", SHORTEST_LEASE),
    maxWait: timer(maxWait, "tasks.maxWait"),
    runner: options.runner,
  };
}

/**
 * Reads a duration that a timer is to run for.
 * @throws {ConfigurationError} naming the option.
 */
export function timer(length: Duration, option: string, least = 0): number {
  const milliseconds = parseDuration(length, option);
  if (milliseconds >= least && milliseconds <= LONGEST_TIMER) return milliseconds;
  throw new ConfigurationError(option, `must be at least ${least} milliseconds and at most 24 days`);
}
