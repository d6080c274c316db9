import { nanoid } from "nanoid";
import { HiddenFailureError } from "./errors.js";
import type { Logger } from "./logger.js";

/** Where the text of a hidden error goes. */
export interface FailureLog {
  readonly logger: Logger;
  /** Log the text as well, which may quote what was hidden. */
  readonly logHiddenErrors: boolean;
}

/**
 * What a caller gets in place of an error that may quote values the caller may not see. The log gets the id that the
 * caller gets, and the text only where that was asked for.
 */
export function hideFailure(
  error: unknown,
  tool: string,
  { logger, logHiddenErrors }: FailureLog,
): HiddenFailureError {
  if (error instanceof HiddenFailureError) return error;
  const id = nanoid();
  const text = logHiddenErrors ? `: ${String((error as Error | undefined)?.stack ?? error)}` : "";
  logger.error(`${tool} failed after it used values which its caller may not see (${id})${text}`);
  return new HiddenFailureError(id);
}
