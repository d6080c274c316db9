import { setTimeout as sleep } from "node:timers/promises";
import type { RetryPlan } from "./retry.js";

/** Who looks on while something is tried again and again. */
export interface RetryHooks {
  /** Ends the waiting between two attempts. */
  readonly signal: AbortSignal | undefined;
  /** Attempts after the first that were made before. */
  readonly done: number;
  /** The error itself, where what was thrown wraps it. */
  causeOf(thrown: unknown): unknown;
  /** Called before each wait; may throw, to end it all. */
  onRetry(retryCount: number, delay: number): void;
}

/**
 * Does something until it succeeds, or fails for good.
 * @throws what it threw last; the signal's reason.
 */
export async function retrying<T>(plan: RetryPlan, attempt: () => Promise<T>, hooks: RetryHooks): Promise<T> {
  for (let retryCount = hooks.done; ; ) {
    try {
      return await attempt();
    } catch (thrown) {
      const delay = plan.next(hooks.causeOf(thrown), retryCount);
      if (delay === undefined) throw thrown;
      hooks.signal?.throwIfAborted();
      hooks.onRetry(++retryCount, delay);
      await sleepUnlessAborted(delay, hooks.signal);
    }
  }
}

/** Says the reason itself, where Node would wrap it. */
async function sleepUnlessAborted(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { ...(signal && { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
