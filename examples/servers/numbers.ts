import { z } from "zod";

/** One number of a list. A reference may bring integers beyond 2^53, which are `bigint` in JavaScript. */
export const numeric = z.union([z.number(), z.bigint()], { error: "expected a number" });

/** A list of numbers, or a reference to one. */
export const numericList = z.array(numeric).min(1);

/** The same, for what is computed in doubles. */
export const numberList = z.array(numeric.transform(Number)).min(1);
