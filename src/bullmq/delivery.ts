import { RefCacheError } from "../errors.js";
import type { Logger } from "../logger.js";
import { isReference } from "../reference.js";
import type { Performed } from "../tasks/runner.js";
import type { Job } from "./driver.js";
import { DELIVERIES } from "./job.js";

/** What a worker needs of a cache: {@link RefCache} is one. */
export interface TaskPerformer {
  /** Where the worker reports what its operator should know. */
  readonly logger: Logger;
  /** See {@link RefCache.performTask}. */
  performTask(
    refId: string,
    options: {
      /** Aborted when the worker shuts down. */
      readonly signal: AbortSignal;
      /** Whether the task is not brought again if this fails. */
      readonly isLastDelivery: boolean;
    },
  ): Promise<Performed>;
}

/**
 * Performs the task of a job; tells after how many milliseconds it is to be brought again, if it is.
 * @throws {Error} with a code as its message, for BullMQ writes messages down, when it could not even begin.
 */
export async function perform(
  job: Job,
  performer: TaskPerformer,
  signal: AbortSignal,
): Promise<number | undefined> {
  const refId: unknown = job.data?.ref_id;
  if (!isReference(refId)) {
    performer.logger.warn(
      "A job in the queue of tasks names no task, and is dropped: somebody else uses this queue.",
    );
    return undefined;
  }
  const isLastDelivery = job.attemptsMade + 1 >= DELIVERIES;
  try {
    const performed = await performer.performTask(refId, { signal, isLastDelivery });
    return performed.outcome === "retry" ? performed.delay : undefined;
  } catch (error) {
    const what = isLastDelivery ? "is given up" : "will be brought again";
    performer.logger.warn(`A task could not be begun, and ${what}: ${reasonOf(error)}`);
    throw new Error(error instanceof RefCacheError ? error.code : "failed");
  }
}

/** Messages of other errors may hold what nobody should see. */
function reasonOf(error: unknown): string {
  return error instanceof RefCacheError ? error.message : `it failed with ${(error as Error)?.name}.`;
}
