import { isExact, type SizeMeasure } from "./measure.js";
import type { Draft, Drafter } from "./types.js";
import type { Weigher } from "./weigher.js";

/** A draft whose size has been counted. */
export interface Sized {
  readonly draft: Draft;
  /** Size of its JSON text in units of the measure. */
  readonly size: number;
}

interface Limit {
  /** In units of the measure. */
  readonly maxSize: number;
  readonly measure: SizeMeasure;
  readonly weigher: Weigher;
}

/** Attempts at a draft. The first one does for the built-in measures, which the weigher knows exactly. */
const ATTEMPTS = 10;
/** Aim below the limit, so that a measure that does not quite add up still holds. */
const AIM = 0.95;
/** A draft that uses this much of the limit is good. */
const WELL_USED = 0.8;
/** The most a weight goes beyond the estimate, so that work stays in proportion to the preview. */
const MOST_GROWTH = 16;

/** Counts a draft. */
export function sized(draft: Draft, measure: SizeMeasure): Sized {
  return { draft, size: measure.count(JSON.stringify(draft.preview)) };
}

/**
 * The fullest draft found within the limit, as counted by the measure itself. The weight it is drafted for is
 * corrected by what the draft turned out to count, a few times; `undefined` when none of them held the limit.
 */
export function holdLimit(make: Drafter, limit: Limit): Sized | undefined {
  const { maxSize, measure, weigher } = limit;
  const start = maxSize * weigher.perUnit;
  let best: Sized | undefined;
  let weight = start;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const next = sized(make(weight), measure);
    const fits = next.size <= maxSize;
    if (fits && (best === undefined || next.size > best.size)) best = next;
    if (fits && (attempt > 3 || isGoodEnough(next, limit))) break;
    const wanted = (weight * maxSize * AIM) / Math.max(next.size, 1);
    // A measure that does not add up at all must still come to an end, so what is too large shrinks ever faster.
    weight = fits ? Math.min(wanted, start * MOST_GROWTH) : Math.min(wanted, weight / 2 ** (attempt / 2));
  }
  return best;
}

function isGoodEnough({ draft, size }: Sized, { maxSize, measure }: Limit): boolean {
  const { count, total } = draft.shown;
  const isAll = count === total && !draft.shortened;
  return isAll || size >= maxSize * WELL_USED || isExact(measure);
}
