import { ConfigurationError } from "../errors.js";

/** The longest delay of a timer in milliseconds, 24.8 days; a longer one fires at once. */
export const LONGEST_TIMER = 2_147_483_647;

/**
 * Checks a numeric option.
 * @throws {ConfigurationError} unless it is an integer from `least` to `most`.
 */
export function checkInteger(
  option: string,
  value: number,
  least = 1,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new ConfigurationError(option, `must be an integer from ${least} to ${most}, not ${String(value)}`);
}
