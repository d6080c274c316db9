import { RefCacheError, StoreError } from "../errors.js";
import type { Logger } from "../logger.js";
import { isReference } from "../reference.js";
import type { Performed } from "../tasks/runner.js";
import type { Complaints } from "./complaints.js";
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

/** Milliseconds after which a task is brought again while the store is away, and up to as many more. */
const STORE_PAUSE_MS = 2500;

/**
 * Performs the task of a job; tells after how many milliseconds it is to be brought again, if it is. While the store is
 * away that is so for as long as it takes: a task that has become too old meanwhile is over when it is back.
 * @param complaints hear of the store.
 * @throws {Error} with a code as its message, for BullMQ writes messages down, when it could not even begin.
 */
export async function perform(
  job: Job,
  performer: TaskPerformer,
  signal: AbortSignal,
  complaints: Complaints,
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
    complaints.over();
    return performed.outcome === "retry" ? performed.delay : undefined;
  } catch (error) {
    if (error instanceof StoreError) {
      complaints.about(error);
      return STORE_PAUSE_MS * (1 + Math.random());
    }
    if (job.attemptsMade === 0 || isLastDelivery) performer.logger.warn(lament(error, isLastDelivery));
    throw new Error(error instanceof RefCacheError ? error.code : "failed");
  }
}

/** Messages of others' errors may hold what nobody should see. */
function lament(error: unknown, isLastDelivery: boolean): string {
  const reason = error instanceof RefCacheError ? error.message : `it failed with ${(error as Error)?.name}.`;
  return `A task could not be begun, and ${isLastDelivery ? "is given up" : "will be brought again"}: ${reason}`;
}
