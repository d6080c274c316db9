import { RefCacheError, StoreError } from "../errors.js";
import { TextChangedError } from "../outline/stored-text.js";
import { clip } from "./clip.js";
import type { TaskFailure } from "./task.js";

/** Characters of an error's message that are kept. */
const LONGEST_MESSAGE = 2000;

/**
 * What is told of an error to those who poll and may know it. Where the store is concerns the server's operator only.
 * @param isTools whether the tool threw it: else it comes from storing the result.
 */
export function failureOf(error: unknown, isTools = false): TaskFailure {
  if (error instanceof StoreError)
    return { code: error.code, message: isTools ? STORE_FAILED : `${STORE_FAILED} The result is lost.` };
  if (error instanceof TextChangedError)
    return { code: "invalidated", message: "Its result was invalidated while it was being stored." };
  const code = error instanceof RefCacheError ? error.code : "tool_error";
  return { code, message: clip(messageOf(error), LONGEST_MESSAGE) };
}

const STORE_FAILED = "The store of this server did not work.";

/** Anything may be thrown, and reading it may throw as well. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error ?? "The tool failed.");
  } catch {
    return "The tool failed.";
  }
}
