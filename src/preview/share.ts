import type { Parts } from "./parts.js";
import type { Allowance } from "./weigh-value.js";
import type { Weigher } from "./weigher.js";

/** How a weight is shared out among parts. */
export interface Shares {
  /** Indices of the parts that there is room for as they are. */
  readonly whole: ReadonlySet<number>;
  /** Indices of the parts that must be shortened, in order. */
  readonly large: readonly number[];
  /** What the whole ones leave for the large ones together. */
  readonly spare: number;
}

/** Rounds of sharing. Each costs at most the weight that is shared, and a few settle ordinary cases. */
const ROUNDS = 8;

/** What parts weigh as they are; `Infinity` when that is above what is allowed. */
export function weighTogether(
  parts: Parts,
  indices: readonly number[],
  weigher: Weigher,
  { weight, levels }: Allowance,
): number {
  parts.want(indices);
  let left = weight;
  for (const index of indices) {
    const taken = parts.weigh(index, weigher, { weight: left, levels });
    if (taken > left) return Number.POSITIVE_INFINITY;
    left -= taken;
  }
  return weight - left;
}

/**
 * Shares a weight out fairly: a part that takes no more than an equal share gets what it takes, and what it
 * leaves is shared again among the others, until all that are left would take more than their share.
 */
export function shareOut(
  parts: Parts,
  indices: readonly number[],
  weigher: Weigher,
  allowed: Allowance,
): Shares {
  const together = weighTogether(parts, indices, weigher, allowed);
  if (together <= allowed.weight)
    return { whole: new Set(indices), large: [], spare: allowed.weight - together };
  const whole = new Set<number>();
  let large = indices;
  let spare = allowed.weight;
  for (let round = 0; round < ROUNDS && large.length > 0; round++) {
    const share = { weight: spare / large.length, levels: allowed.levels };
    const weights = large.map((index) => [index, parts.weigh(index, weigher, share)] as const);
    const fitting = weights.filter(([, weight]) => weight <= share.weight);
    if (fitting.length === 0) break;
    for (const [index, weight] of fitting) {
      whole.add(index);
      spare -= weight;
    }
    large = large.filter((index) => !whole.has(index));
  }
  return { whole, large, spare };
}
