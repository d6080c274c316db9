import { isRemote } from "./remote.js";
import { isContainer, isPresent, strictLeaf } from "./strict-json.js";
import type { Weigher } from "./weigher.js";

/** What a value may take: a weight, and levels of lists and objects within each other. */
export interface Allowance {
  readonly weight: number;
  readonly levels: number;
}

/**
 * The weight of the strict JSON text of a value, without writing that text. `Infinity` when it is above the
 * limit, found out at the cost of what the limit allows and not of the value.
 * @param levels of lists and objects within each other that are allowed.
 */
export function weighValue(value: unknown, weigher: Weigher, limit: number, levels: number): number {
  if (typeof value === "string") return weigher.string(value, limit);
  if (!isContainer(value)) return weighLeaf(value, weigher, limit);
  if (levels <= 0 || isRemote(value)) return Number.POSITIVE_INFINITY; // what is remote is larger than any preview
  const weight = Array.isArray(value)
    ? weighList(value, weigher, limit, levels - 1)
    : weighObject(value as Record<string, unknown>, weigher, limit, levels - 1);
  return weight <= limit ? weight : Number.POSITIVE_INFINITY;
}

/** The weight of a key with its colon; `Infinity` when it is above the limit. */
export function weighKey(key: string, weigher: Weigher, limit: number): number {
  return weigher.string(key, limit - weigher.colon) + weigher.colon;
}

function weighLeaf(value: unknown, weigher: Weigher, limit: number): number {
  const leaf = strictLeaf(value);
  if (typeof leaf === "string") return weigher.string(leaf, limit);
  const weight = weigher.text(String(leaf));
  return weight <= limit ? weight : Number.POSITIVE_INFINITY;
}

function weighList(list: readonly unknown[], weigher: Weigher, limit: number, levels: number): number {
  // A comma is counted with every item, so one less to begin with.
  let weight = list.length === 0 ? weigher.brackets : weigher.brackets - weigher.comma;
  for (let index = 0; index < list.length && weight <= limit; index++) {
    weight += weigher.comma;
    weight += weighValue(list[index], weigher, limit - weight, levels);
  }
  return weight;
}

function weighObject(
  object: Record<string, unknown>,
  weigher: Weigher,
  limit: number,
  levels: number,
): number {
  let weight = weigher.brackets;
  let separator = 0;
  for (const key of Object.keys(object)) {
    const member = object[key];
    if (!isPresent(member)) continue;
    weight += separator + weighKey(key, weigher, limit - weight);
    weight += weighValue(member, weigher, limit - weight, levels);
    if (weight > limit) break;
    separator = weigher.comma;
  }
  return weight;
}
