import type { SizeMeasure } from "./measure.js";

/** How a preview is chosen: evenly spaced parts, one page, or the beginning. */
export type PreviewStrategy = "sample" | "paginate" | "truncate";

/** What preview is wanted. A `page` or `pageSize` makes it a page, whatever the strategy. */
export interface PreviewRequest {
  readonly strategy: PreviewStrategy;
  /** The largest size of the preview's JSON text, in units of `measure`; at least 10. */
  readonly maxSize: number;
  readonly measure: SizeMeasure;
  /** Number of the page, from 1; page 1 when left out. */
  readonly page?: number | undefined;
  /** The most items, members or characters on a page; as many as fit, up to `maxPageSize`, when left out. */
  readonly pageSize?: number | undefined;
  /** The largest `pageSize` that is accepted, and the most items or members on a page. */
  readonly maxPageSize: number;
}

/** What of a value a preview shows, and how much there is. */
export interface Shown {
  /** What is counted: `json` stands for characters of the compact JSON text of the value. */
  readonly unit: "items" | "members" | "characters" | "json";
  /** Index of the first one shown, from 0; absent where what is shown is not contiguous. */
  readonly from?: number;
  /** Index after the last one shown. */
  readonly to?: number;
  /** How many are shown, shortened ones included. */
  readonly count: number;
  /** How many there are. */
  readonly total: number;
}

/** A preview of a value, with what must be said about it. */
export interface Preview {
  /** A strict JSON structure: `JSON.stringify` writes it without loss. */
  readonly preview: unknown;
  /** The strategy used: `paginate` whenever a page was asked for. */
  readonly strategy: PreviewStrategy;
  /** Size of the preview's JSON text in units of the measure; never above the limit. */
  readonly size: number;
  /** Items of a list, members of an object, `null` for anything else. */
  readonly totalItems: number | null;
  readonly shown: Shown;
  /** Whether something that is shown was shortened inside. */
  readonly shortened: boolean;
  /** Number of the page, from 1. Only for pages, like the two below. */
  readonly page?: number;
  readonly totalPages?: number;
  /** The most items, members or characters on a page. Absent where a page is whatever text fits. */
  readonly pageSize?: number;
}

/** A preview made for a weight: not yet checked against the measure. */
export interface Draft {
  readonly preview: unknown;
  readonly shown: Shown;
  readonly shortened: boolean;
}

/** Makes a draft of at most some weight. */
export type Drafter = (weight: number) => Draft;
