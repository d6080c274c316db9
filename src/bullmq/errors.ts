import { replyCode, toStoreError } from "../backends/redis/errors.js";
import { RefCacheError, type StoreError, StoreUnavailableError } from "../errors.js";

/**
 * Turns whatever BullMQ and ioredis reject with into an error without secrets; errors of this package stay as they are.
 * @param wasWriting whether a job may have been put in or taken back all the same.
 */
export function toQueueError(error: unknown, where: string, wasWriting = false): RefCacheError {
  if (error instanceof RefCacheError) return error;
  if (!isOfRights(error)) return toStoreError(error, where, wasWriting);
  return new StoreUnavailableError(
    `The Redis server at ${where} does not give this user the rights that BullMQ needs; docs/tasks.md names them.`,
  );
}

/** Rights hold within scripts as well, where a lack of them is told in other words. */
function isOfRights(error: unknown): boolean {
  const code = replyCode(error);
  const { message = "" } = (error ?? {}) as { message?: string };
  return (
    code === "NOPERM" || (code === "ERR" && /ACL failure in script|can't run this command/.test(message))
  );
}

/** The error of a queue that was closed. */
export function closedQueueError(): StoreError {
  return new StoreUnavailableError("The queue of tasks is closed. Make a new runner.");
}
