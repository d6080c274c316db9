import { ConfigurationError } from "./errors.js";

/** A length of time: milliseconds, or text such as `"500ms"`, `"90s"`, `"15m"`, `"1h"`, `"7d"`. */
export type Duration = number | string;

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** A hundred years; much more could not be written as a date. */
const LONGEST = 36_500 * 86_400_000;
const TEXT = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/;

/**
 * Reads a duration as milliseconds.
 * @throws {ConfigurationError} naming the option when it is not a positive, finite length of time.
 */
export function parseDuration(duration: unknown, option: string): number {
  const milliseconds = typeof duration === "string" ? readText(duration) : duration;
  if (typeof milliseconds === "number" && milliseconds > 0 && milliseconds <= LONGEST) return milliseconds;
  throw new ConfigurationError(
    option,
    'must be a number of milliseconds or a text such as "90s" or "1h", above zero and at most 36500 days',
  );
}

function readText(text: string): number | undefined {
  const [, amount, unit = ""] = TEXT.exec(text) ?? [];
  return amount === undefined ? undefined : Number(amount) * (UNITS[unit] ?? Number.NaN);
}
