import type { JobData } from "./driver.js";

/** What BullMQ calls every job of ours. */
export const JOB_NAME = "task";

/**
 * How often a job is brought whose performers cannot even begin, for they do not know its tool, say: again after 0.2, 0.4,
 * 0.8… s, 100 s in all.
 */
export const DELIVERIES = 10;

/** What BullMQ is told of every job. Nothing of it stays once it is over: the record tells what came of it. */
export const JOB_OPTIONS = {
  attempts: DELIVERIES,
  backoff: { type: "exponential", delay: 200, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: true,
  stackTraceLimit: 0,
};

/** The id of a task's job: the reference, for which BullMQ forbids the colon. One task has one job at a time. */
export function jobIdOf(refId: string): string {
  return refId.replace(":", ".");
}

/** What the job of a task holds. */
export function jobDataOf(refId: string): JobData {
  return { ref_id: refId };
}
