import { strictJson } from "../preview/strict-json.js";
import type { Shown } from "../preview/types.js";
import type { Weigher } from "../preview/weigher.js";
import type { LargeValue, Run } from "./large-value.js";
import type { Outline, OutlineNode } from "./outline.js";
import { textBetween } from "./text-between.js";

/** How a large value is divided: by rule, so that any page is found without those before it. */
export interface PageGrid {
  readonly unit: Shown["unit"];
  readonly total: number;
  readonly pages: number;
  /** What is shown of a page, counted from 0. */
  page(index: number): Promise<{ preview: unknown; from: number; to: number }>;
}

/** What a page may hold. */
export interface GridLimits {
  /** Weight of its JSON text. */
  readonly weight: number;
  /** The most parts; `Infinity` where only the weight counts. */
  readonly most: number;
  /** Whether every page is to have as many parts as there may be, or as surely fit. */
  readonly isEven: boolean;
}

/**
 * Divides a large value into pages none of which can weigh more than allowed, whatever is on it: every byte is taken for
 * as dense as any can be, so most pages are little over half full. The same value and limits always give the same pages.
 */
export function gridOf(large: LargeValue, weigher: Weigher, { weight, most, isEven }: GridLimits): PageGrid {
  const { root } = large.outline;
  const room = weight - weigher.brackets;
  const bytes = Math.floor(room / weigher.densest);
  const step = Math.min(most, Math.floor(bytes / Math.max(root.largest, 1)));
  const even = step >= leastStep(root) ? evenGrid(large, step) : undefined;
  const window = isEven ? 0 : windowOf(root, bytes, most);
  const uneven = window > 0 ? windowGrid(large, window) : undefined;
  if (even === undefined && uneven === undefined)
    return textGrid(large, Math.max(LONGEST_CHARACTER, Math.floor(room / weigher.densestQuoted)));
  return uneven !== undefined && uneven.pages < (even?.pages ?? Number.POSITIVE_INFINITY)
    ? uneven
    : (even as PageGrid);
}

/** Pages of one UTF-16 code unit each would be empty where a character has two, which take four bytes or more. */
function leastStep({ kind, largest }: OutlineNode): number {
  return kind === "characters" && largest >= 4 ? 2 : 1;
}

/** Bytes of UTF-8: a page that shows nothing would have no end. */
const LONGEST_CHARACTER = 4;

/**
 * Bytes in which the parts of a page begin: there is room for the last of them, and there are never too many. None
 * where a part could go over all of it, and leave a page empty.
 */
function windowOf({ smallest, largest }: OutlineNode, bytes: number, most: number): number {
  const window = Math.floor(Math.min(bytes - largest, most * smallest));
  return window >= largest ? window : 0;
}

function windowGrid(large: LargeValue, window: number): PageGrid {
  const { start, end, last, kind, count } = large.outline.root;
  return {
    unit: kind,
    total: count,
    pages: Math.floor((last - start) / window) + 1,
    page: async (index) => {
      const from = start + index * window;
      return shownOf(large, await large.partsWithin({ from, to: Math.min(end, from + window) }));
    },
  };
}

function evenGrid(large: LargeValue, step: number): PageGrid {
  const { kind, count, lastPart } = large.outline.root;
  return {
    unit: kind,
    total: count,
    pages: Math.floor(lastPart / step) + 1,
    page: async (index) => {
      const from = index * step;
      return shownOf(large, await large.partsBetween(from, Math.min(count, from + step)));
    },
  };
}

/** Where a part alone is too large for a page: pieces of the JSON text. */
function textGrid(large: LargeValue, window: number): PageGrid {
  const { bytes, characters }: Outline = large.outline;
  return {
    unit: "json",
    total: characters,
    pages: Math.max(1, Math.ceil(bytes / window)),
    page: async (index) => {
      const { text, from } = await textBetween(large, index * window, Math.min(bytes, (index + 1) * window));
      return { preview: text, from, to: from + text.length };
    },
  };
}

function shownOf(large: LargeValue, { text, from, to }: Run): { preview: unknown; from: number; to: number } {
  const { kind } = large.outline.root;
  const [open, close] = BRACKETS[kind];
  return { preview: strictJson(large.parse(open + text + close)), from, to };
}

const BRACKETS = { items: "[]", members: "{}", characters: '""' } as const;
