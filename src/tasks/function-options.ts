import { type Duration, parseDuration } from "../duration.js";
import { ConfigurationError } from "../errors.js";
import { timer } from "./options.js";
import { type Retries, RetryPlan } from "./retry.js";
import type { TaskFormat } from "./task.js";
import type { TaskTraits } from "./task-run.js";

/** The options of a cached function that concern tasks; what they mean stands with `CachedOptions`. */
export interface TaskFunctionOptions {
  readonly asyncTimeout?: Duration | undefined;
  readonly retries?: Retries | undefined;
  readonly idempotent?: boolean | undefined;
  readonly maxAge?: Duration | undefined;
  readonly asyncResponseFormat?: TaskFormat | undefined;
}

/** Options that say something of tasks, and nothing without `asyncTimeout`. */
const DEPENDENT = ["idempotent", "maxAge", "asyncResponseFormat"] as const;

/**
 * Checks what the shape of the options does not tell.
 * @throws {ConfigurationError} naming the option.
 */
export function checkTaskOptions(options: TaskFunctionOptions): void {
  RetryPlan.of(options.retries);
  if (options.asyncTimeout !== undefined) timer(options.asyncTimeout, "asyncTimeout");
  if (options.maxAge !== undefined) timer(options.maxAge, "maxAge");
  if (options.asyncTimeout !== undefined && options.maxAge !== undefined)
    if (parseDuration(options.maxAge, "maxAge") < parseDuration(options.asyncTimeout, "asyncTimeout"))
      throw new ConfigurationError("maxAge", "is below asyncTimeout");
  const idle =
    options.asyncTimeout === undefined && DEPENDENT.find((option) => options[option] !== undefined);
  if (idle) throw new ConfigurationError(idle, "needs asyncTimeout");
}

/**
 * What is the same for all tasks of a function, its options filled in.
 * @param maxAge milliseconds, where the function has none of its own.
 */
export function traitsOf(options: TaskFunctionOptions, maxAge: number): TaskTraits {
  const { retries = 0 } = options;
  return {
    maxAge: options.maxAge === undefined ? maxAge : timer(options.maxAge, "maxAge"),
    format: options.asyncResponseFormat ?? "standard",
    isIdempotent: options.idempotent ?? false,
    retries: typeof retries === "number" ? retries : retries.attempts,
  };
}
