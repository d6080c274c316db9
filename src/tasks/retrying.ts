import { setTimeout as sleep } from "node:timers/promises";
import type { RetryPlan } from "./retry.js";

/** Who looks on while something is tried again and again. */
export interface RetryHooks {
  /** Ends the waiting between two attempts. */
  readonly signal: AbortSignal | undefined;
  /** The error itself, where what was thrown wraps it. */
  causeOf(thrown: unknown): unknown;
  /** Called before each wait; may throw, to end it all. */
  onRetry(retryCount: number, delay: number): void;
}

/**
 * Does something until it succeeds, or fails for good.
 * @throws what it threw last; the signal's reason.
 */
export async function retrying<T>(
  plan: RetryPlan,
  attempt: () => Promise<T>,
  { signal, causeOf, onRetry }: RetryHooks,
): Promise<T> {
  for (let retryCount = 0; ; ) {
    try {
      return await attempt();
    } catch (thrown) {
      signal?.throwIfAborted();
      const delay = plan.next(causeOf(thrown), retryCount);
      if (delay === undefined) throw thrown;
      onRetry(++retryCount, delay);
      await sleepUnlessAborted(delay, signal);
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
