import { mean, medianSorted, sampleStandardDeviation, sum } from "simple-statistics";

/** What there is to say of a list of numbers. */
export interface Statistics {
  readonly count: number;
  readonly sum: number;
  readonly mean: number;
  /** Sample standard deviation; `null` for a single number. */
  readonly std: number | null;
  readonly min: number;
  readonly q1: number;
  readonly median: number;
  readonly q3: number;
  readonly max: number;
}

/** Describes a list of at least one number. Quartiles are the medians of its lower and its upper half. */
export function describeNumbers(data: readonly number[]): Statistics {
  const sorted = Float64Array.from(data).sort();
  const half = Math.max(1, Math.floor(sorted.length / 2));
  return {
    count: data.length,
    sum: sum([...data]),
    mean: mean([...data]),
    std: data.length > 1 ? sampleStandardDeviation([...data]) : null,
    min: sorted.at(0) ?? Number.NaN,
    q1: medianSorted([...sorted.subarray(0, half)]),
    median: medianSorted([...sorted]),
    q3: medianSorted([...sorted.subarray(-half)]),
    max: sorted.at(-1) ?? Number.NaN,
  };
}
