import type { Parts } from "./parts.js";
import { shareOut, weighTogether } from "./share.js";
import { allIndices, hasRoomForAll, PREVIEW_LEVELS, spread } from "./shorten.js";
import type { Draft } from "./types.js";
import type { Allowance } from "./weigh-value.js";
import type { Weigher } from "./weigher.js";

/** Attempts at finding how many parts fit. Each costs about the preview, not the value. */
const ATTEMPTS = 10;
/** Parts looked at for a first guess of how many fit. */
const PROBES = 9;
/** With this much of the weight used there is no point in trying for more. */
const WELL_USED = 0.9;
/** Ordinary characters a part should have room for where all of them are too large to be shown whole. */
const ROOM_PER_LARGE_PART = 200;
const MOST_LARGE_PARTS = 5;

/** Evenly spaced parts of a list or object, the first and last among them; whole ones where any fit. */
export function sampleParts(parts: Parts, weigher: Weigher, weight: number): Draft {
  // A comma is counted with every part, so one more to begin with.
  const inside = { weight: weight - weigher.brackets + weigher.comma, levels: PREVIEW_LEVELS - 1 };
  const indices =
    hasRoomForAll(parts, weigher, inside.weight) || allFit(parts, weigher, inside)
      ? allIndices(parts)
      : evenlySpaced(parts.count, howMany(parts, weigher, inside));
  const telling = spread(parts, indices, weigher, inside, parts.kind === "items");
  const selection = telling.shown.length > 0 ? telling : spread(parts, indices, weigher, inside);
  return {
    preview: parts.build(selection.shown),
    shown: { unit: parts.kind, count: selection.shown.length, total: parts.count },
    shortened: !selection.whole,
  };
}

/** Tells whether no choice is needed, without listing the parts of what is far too large. */
function allFit(parts: Parts, weigher: Weigher, inside: Allowance): boolean {
  if (parts.count * weigher.comma > inside.weight) return false;
  return weighTogether(parts, allIndices(parts), weigher, inside) <= inside.weight;
}

/** The indices of some of `total` parts, spread from the first to the last. */
export function evenlySpaced(total: number, count: number): number[] {
  if (count <= 1) return total > 0 ? [0] : [];
  return Array.from({ length: count }, (_, step) => Math.round((step * (total - 1)) / (count - 1)));
}

/**
 * How many evenly spaced parts there is room for with most of them whole. Guessed from a few, then corrected
 * by what that many take; the largest number that was found to fit.
 */
function howMany(parts: Parts, weigher: Weigher, inside: Allowance): number {
  let best = 0;
  let tooMany = parts.count + 1;
  let next = firstGuess(parts, weigher, inside);
  for (let attempt = 0; attempt < ATTEMPTS && next > best && next < tooMany; attempt++) {
    const { large, spare } = shareOut(parts, evenlySpaced(parts.count, next), weigher, inside);
    const used = 1 - spare / inside.weight;
    if (large.length > mostLarge(next)) tooMany = next;
    else best = next;
    if (best === next && (large.length > 0 || used > WELL_USED)) break;
    const wanted = best === next ? next / Math.max(used, 0.1) : (best + next) / 2;
    next = Math.min(Math.floor(wanted), tooMany - 1, parts.count);
  }
  return best > 0 ? best : fewLarge(parts, weigher, inside);
}

/** How many of so many parts may be shortened, for the rest to be shown whole beside them. */
function mostLarge(count: number): number {
  return count === 1 ? 0 : Math.max(1, count / 4);
}

function firstGuess(parts: Parts, weigher: Weigher, inside: Allowance): number {
  const probes = evenlySpaced(parts.count, Math.min(PROBES, parts.count));
  parts.want(probes);
  const weights = probes.map((index) => parts.weigh(index, weigher, inside)).sort((a, b) => a - b);
  const median = weights[weights.length >> 1] ?? inside.weight;
  return Math.max(1, Math.min(parts.count, Math.floor(inside.weight / median)));
}

function fewLarge(parts: Parts, weigher: Weigher, inside: Allowance): number {
  const roomy = Math.floor(inside.weight / (ROOM_PER_LARGE_PART * weigher.typical));
  return Math.max(1, Math.min(parts.count, roomy, MOST_LARGE_PARTS));
}
