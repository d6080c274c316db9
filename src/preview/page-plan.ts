import { jsonText } from "./json-text.js";
import { Parts } from "./parts.js";
import { isContainer, strictLeaf } from "./strict-json.js";
import type { Shown } from "./types.js";
import { weighValue } from "./weigh-value.js";
import { isPair, type Weigher } from "./weigher.js";

/** Levels an item of a page may have; `JSON.stringify` fails on a few thousand. Deeper is paged as text. */
const PAGE_LEVELS = 500;

/** How a value is divided. Pages follow each other without gap or overlap. */
export interface PagePlan {
  /** What is divided and counted. */
  readonly unit: Shown["unit"];
  readonly total: number;
  /** Where each page begins. The first begins at 0; there is always one. */
  readonly starts: readonly number[];
  /** What is shown of a page. */
  slice(from: number, to: number): unknown;
}

/** What a page may hold: a weight of JSON text, and parts (items, members, characters). */
export interface PageLimits {
  readonly weight: number;
  /** The most items or members. */
  readonly parts: number;
  /** The most characters of a text; no limit but the weight when absent. */
  readonly characters?: number | undefined;
}

/**
 * Divides a value into pages, each as full as it can be, in one pass over the value. The same value and limits
 * always give the same pages. Where one part alone is too large for a page, the JSON text of the value is
 * divided instead.
 */
export function planPages(value: unknown, weigher: Weigher, limits: PageLimits): PagePlan {
  if (isContainer(value))
    return planParts(new Parts(value), weigher, limits) ?? planJson(value, weigher, limits);
  const leaf = strictLeaf(value);
  if (typeof leaf === "string") return planText(leaf, "characters", weigher, limits);
  if (weighValue(leaf, weigher, limits.weight, 0) > limits.weight) return planJson(leaf, weigher, limits);
  return { unit: "json", total: String(leaf).length, starts: [0], slice: () => leaf };
}

function planParts(parts: Parts, weigher: Weigher, limits: PageLimits): PagePlan | undefined {
  const inside = { weight: limits.weight - weigher.brackets + weigher.comma, levels: PAGE_LEVELS };
  const starts = [0];
  let start = 0;
  let used = 0;
  for (let index = 0; index < parts.count; index++) {
    const weight = parts.weigh(index, weigher, inside);
    if (weight > inside.weight) return undefined;
    if (used + weight > inside.weight || index - start === limits.parts) {
      start = index;
      starts.push(start);
      used = 0;
    }
    used += weight;
  }
  return { unit: parts.kind, total: parts.count, starts, slice: (from, to) => parts.slice(from, to) };
}

function planJson(value: unknown, weigher: Weigher, limits: PageLimits): PagePlan {
  return planText(jsonText(value), "json", weigher, { ...limits, characters: undefined });
}

function planText(text: string, unit: "characters" | "json", weigher: Weigher, limits: PageLimits): PagePlan {
  const starts = [0];
  let end = pageEnd(text, 0, weigher, limits);
  while (end < text.length) {
    starts.push(end);
    end = pageEnd(text, end, weigher, limits);
  }
  return { unit, total: text.length, starts, slice: (from, to) => text.slice(from, to) };
}

/** Where a page of a text ends: after one character at least, so that there is an end to it. */
function pageEnd(text: string, from: number, weigher: Weigher, limits: PageLimits): number {
  const fitting = weigher.fit(text, from, limits.weight - weigher.brackets);
  const last = Math.min(fitting, from + (limits.characters ?? text.length));
  const end = last < text.length && last > from && isPair(text, last - 1) ? last - 1 : last;
  return end > from ? end : from + (isPair(text, from) ? 2 : 1);
}
