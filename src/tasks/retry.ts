import { z } from "zod";
import { type Duration, parseDuration } from "../duration.js";
import { ConfigurationError } from "../errors.js";

/** Known to every copy of the package in the process. */
const BRAND = Symbol.for("mcp-refcache.transient-error");

/** What a {@link TransientError} is made with, beside its message. */
export interface TransientErrorOptions extends ErrorOptions {
  /** See {@link TransientError.retryAfter}. */
  readonly retryAfter?: number | undefined;
}

/** Thrown by a tool when it failed for a reason that may pass: a busy service, a lost connection. */
export class TransientError extends Error {
  /** Milliseconds before which another attempt is of no use, where that is known. */
  declare readonly retryAfter?: number;

  static {
    Object.defineProperties(TransientError.prototype, {
      name: { value: "TransientError", writable: true, configurable: true },
      [BRAND]: { value: true },
    });
  }

  constructor(message?: string, options: TransientErrorOptions = {}) {
    super(message, options);
    if (options.retryAfter !== undefined) this.retryAfter = options.retryAfter;
  }
}

/** How a tool's failures are tried again: each wait is a random part of a time that doubles with every attempt. */
export interface RetryOptions {
  /** How often after the first, 0 to 20. */
  readonly attempts: number;
  /** The longest wait before the first retry, a day at most. Default `"1s"`. */
  readonly baseDelay?: Duration | undefined;
  /**
   * The longest wait before any retry, a day at most. Default `"30s"`. An error's own `retryAfter` comes before it, up
   * to ten times this.
   */
  readonly maxDelay?: Duration | undefined;
  /** Tells which errors may pass. Default: those that are a {@link TransientError}. What it throws counts as no. */
  readonly isTransient?: ((error: unknown) => boolean) | undefined;
}

/** How a tool's failures are tried again; a number is that of the attempts after the first. */
export type Retries = number | RetryOptions;

const attempts = z.int().min(0).max(20);
const duration = z.union([z.number(), z.string()]);

/** What {@link Retries} must be; the durations are checked by {@link RetryPlan.of}. */
export const retriesShape = z.union(
  [
    attempts,
    z.strictObject({
      attempts,
      baseDelay: duration.optional(),
      maxDelay: duration.optional(),
      isTransient: z.custom((value) => typeof value === "function").optional(),
    }),
  ],
  { error: "must be 0 to 20, or { attempts, baseDelay?, maxDelay?, isTransient? } with 0 to 20 attempts" },
);

/** A day. Timers end at 24.8 of them. */
const LONGEST_DELAY = 86_400_000;
/** A tool that is told to come back later waits so many times its longest delay, at most. */
const MOST_PATIENCE = 10;

/** Says whether and when a failed call is made again. */
export class RetryPlan {
  /** The most after the first. */
  readonly attempts: number;
  readonly #baseDelay: number;
  readonly #maxDelay: number;
  readonly #isTransient: (error: unknown) => boolean;
  readonly #random: () => number;

  private constructor(options: RetryOptions, random: () => number) {
    this.attempts = options.attempts;
    this.#baseDelay = delayOf(options.baseDelay ?? "1s", "retries.baseDelay");
    this.#maxDelay = delayOf(options.maxDelay ?? "30s", "retries.maxDelay");
    this.#isTransient = options.isTransient ?? isTransientError;
    this.#random = random;
  }

  /**
   * The plan of a tool that says this, after {@link retriesShape}; without, nothing is tried again.
   * @param random gives numbers from 0 up to 1.
   * @throws {ConfigurationError} naming the duration that is none, or too long.
   */
  static of(retries: Retries | undefined, random: () => number = Math.random): RetryPlan {
    return new RetryPlan(typeof retries === "object" ? retries : { attempts: retries ?? 0 }, random);
  }

  /**
   * Milliseconds to wait before the next attempt; `undefined` when there is to be none.
   * @param retryCount how many attempts there were after the first.
   */
  next(error: unknown, retryCount: number): number | undefined {
    if (retryCount >= this.attempts || !this.#mayPass(error)) return undefined;
    const longest = Math.min(this.#maxDelay, this.#baseDelay * 2 ** retryCount);
    return Math.round(this.#earliest(error) + this.#random() * longest);
  }

  /** All who failed together were told the same time: the random part comes on top of it. */
  #earliest(error: unknown): number {
    const asked: unknown = isTransientError(error) ? error.retryAfter : undefined;
    return typeof asked === "number" && asked > 0 ? Math.min(asked, this.#maxDelay * MOST_PATIENCE) : 0;
  }

  #mayPass(error: unknown): boolean {
    try {
      return this.#isTransient(error) === true;
    } catch {
      return false;
    }
  }
}

function isTransientError(error: unknown): error is TransientError {
  return typeof error === "object" && error !== null && BRAND in error;
}

function delayOf(delay: Duration, option: string): number {
  const milliseconds = parseDuration(delay, option);
  if (milliseconds <= LONGEST_DELAY) return milliseconds;
  throw new ConfigurationError(option, "may be a day at most");
}
