import { nanoid } from "nanoid";
import { HiddenFailureError, HiddenResultError } from "./errors.js";
import type { Logger } from "./logger.js";

/** Where the text of a hidden error goes. */
export interface FailureLog {
  readonly logger: Logger;
  /** Log the text as well, which may quote what was hidden. */
  readonly logHiddenErrors: boolean;
}

/** The ids of errors that stand in place of others already. */
const ids = new WeakMap<object, string>();

/**
 * What a caller gets in place of an error that may quote values the caller may not see. The log gets the id that the
 * caller gets, and the text only where that was asked for. What took an error's place already keeps its id, and
 * loses what was added to it since.
 */
export function hideFailure(
  error: unknown,
  tool: string,
  { logger, logHiddenErrors }: FailureLog,
): HiddenFailureError | HiddenResultError {
  if (error instanceof HiddenResultError) return new HiddenResultError();
  const known = ids.get(error as object);
  if (known !== undefined) return withId(known);
  const id = nanoid();
  const text = logHiddenErrors ? `: ${textOf(error)}` : "";
  logger.error(`${tool} failed after it used values which its caller may not see (${id})${text}`);
  return withId(id);
}

/** Anything may be thrown, and reading it may throw as well. */
function textOf(error: unknown): string {
  try {
    return String((error as Error | undefined)?.stack ?? error);
  } catch {
    return "its text cannot be read";
  }
}

function withId(id: string): HiddenFailureError {
  const error = new HiddenFailureError(id);
  ids.set(error, id);
  return error;
}
