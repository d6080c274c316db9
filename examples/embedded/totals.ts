import { tokens } from "mcp-refcache";
import type { Step } from "./walk.js";

/** Tokens on the model's side of a walk, against those of the values that stayed on the servers. */
export interface Totals {
  /** Of the answers the model read. */
  readonly seen: number;
  /** Of the values behind those answers, each once. */
  readonly held: number;
  /** Of the arguments the model wrote. */
  readonly written: number;
  /** Of the values that stood behind the references in those arguments. */
  readonly usedByReference: number;
}

/** Adds up a walk. */
export function addUp(steps: readonly Step[]): Totals {
  const sizes = new Map(steps.map(({ answer }) => [answer.ref_id, answer.original_size ?? answer.size ?? 0]));
  const used = steps.filter(({ tool }) => tool !== "get_cached_result").flatMap(({ args }) => textsIn(args));
  return {
    seen: sum(steps.map(({ seen }) => seen)),
    held: sum([...sizes.values()]),
    written: sum(steps.map(({ args }) => tokens.count(JSON.stringify(args)))),
    usedByReference: sum(used.map((text) => sizes.get(text) ?? 0)),
  };
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
