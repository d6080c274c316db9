import { isDeepStrictEqual } from "node:util";
import type { Operation, Outcome, Remains } from "./operations.js";

let made = 0;

/** A read. `steps` are commands one after the other. */
export function read(name: string, steps: number, run: () => Promise<Outcome>): Operation {
  return { name, kind: "read", steps, run };
}

/** A write. Where `work` says `false`, there was nothing to do it to. */
export function write(
  name: string,
  steps: number,
  work: () => Promise<unknown>,
  found?: NonNullable<Operation["found"]>,
): Operation {
  const run = async () => {
    return (await work()) === false ? "miss" : "value";
  };
  return { name, kind: "write", steps, run, ...(found ? { found } : {}) };
}

/** Some 24 KB of numbers that no other seed has, more than a socket takes at a time. */
export function rows(seed: number, length = 3000): number[] {
  return Array.from({ length }, (_, n) => seed * 1_000_000 + n);
}

/** A number that was not given before. */
export function nextSeed(): number {
  return ++made;
}

/** The same operations, which go past the cache to the backend. */
export function raw(operations: readonly Operation[]): Operation[] {
  return operations.map((operation) => ({ ...operation, isRaw: true }));
}

/** The reference of a seed in a backend. */
export function id(seed: number): string {
  return `raw:${seed.toString(16).padStart(32, "0")}`;
}

/** The name that leads to it. */
export function link(seed: number): string {
  return `faults-${seed}`;
}

/** Throws what the list of faults takes for a failure, unless it is as expected. */
export function right(found: unknown, expected: unknown): Outcome {
  if (isDeepStrictEqual(found, expected)) return "value";
  throw new Error(`a wrong value: ${JSON.stringify(found)?.slice(0, 100)}`);
}

/** As {@link right}, of what may be missing. */
export function present(found: unknown, expected: unknown): Outcome {
  return found === undefined ? "miss" : right(found, expected);
}

/** Whether a listing has it. */
export function listed(found: readonly string[], expected: string): Outcome {
  return found.includes(expected) ? "value" : "miss";
}

/** What there is of a write of one text. */
export function compare(found: unknown, expected: unknown): Remains {
  return found === undefined ? "undone" : found === expected ? "done" : "wrong";
}

/** What there is of a write of several things. */
export function together(parts: readonly Remains[]): Remains {
  const [first = "undone", ...others] = new Set(parts);
  if (others.length === 0) return first;
  return parts.includes("wrong") ? "wrong" : "partly";
}
