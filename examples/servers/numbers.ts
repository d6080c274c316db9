import { z } from "zod";

/**
 * One number of a list. A reference may bring integers beyond 2^53, which are `bigint` in JavaScript and have no
 * JSON Schema of their own, so the schema says `number` and looks for itself.
 */
export const numeric = z
  .unknown()
  .meta({ type: "number" })
  .transform((value, context): number | bigint => {
    if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value))) return value;
    context.addIssue({ code: "custom", message: `expected a number, received ${kindOf(value)}` });
    return z.NEVER;
  });

/** A list of numbers, or a reference to one. */
export const numericList = z.array(numeric).min(1);

/** The same, for what is computed in doubles. */
export const numberList = z.array(numeric.transform(Number)).min(1);

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value === "number" ? String(value) : typeof value;
}
