import { mean, sampleStandardDeviation } from "simple-statistics";

/** Does something with each number of a list. */
type Transformation = (data: readonly number[], factor: number) => number[];

const TRANSFORMATIONS = {
  normalize: (data) => {
    const { low, high } = range(data);
    return data.map((item) => (high === low ? 0 : (item - low) / (high - low)));
  },
  standardize: (data) => {
    const centre = mean([...data]);
    const spread = data.length > 1 ? sampleStandardDeviation([...data]) : 0;
    return data.map((item) => (spread === 0 ? 0 : (item - centre) / spread));
  },
  scale: (data, factor) => data.map((item) => item * factor),
  log: (data) => within(data, "log", (item) => item > 0, "above 0").map(Math.log),
  sqrt: (data) => within(data, "sqrt", (item) => item >= 0, "0 or more").map(Math.sqrt),
  abs: (data) => data.map(Math.abs),
  diff: (data) => data.slice(1).map((item, index) => item - (data[index] ?? 0)),
  cumsum: (data) => {
    let total = 0;
    return data.map((item) => (total += item));
  },
} as const satisfies Record<string, Transformation>;

/** The name of a transformation. */
export type TransformOperation = keyof typeof TRANSFORMATIONS;

/** The names of all transformations. */
export const TRANSFORM_OPERATIONS = Object.keys(TRANSFORMATIONS) as TransformOperation[];

/** Transforms a list; `factor` is for `scale`. */
export function transform(data: readonly number[], operation: TransformOperation, factor: number): number[] {
  return TRANSFORMATIONS[operation](data, factor);
}

/** Not by `Math.min(...data)`, which fails on long lists. */
function range(data: readonly number[]): { low: number; high: number } {
  const low = data.reduce((least, item) => Math.min(least, item), Number.POSITIVE_INFINITY);
  const high = data.reduce((most, item) => Math.max(most, item), Number.NEGATIVE_INFINITY);
  return { low, high };
}

function within(
  data: readonly number[],
  name: string,
  accepts: (item: number) => boolean,
  demand: string,
): readonly number[] {
  const index = data.findIndex((item) => !accepts(item));
  if (index === -1) return data;
  throw new RangeError(`${name} needs numbers ${demand}; data[${index}] is ${data[index]}`);
}
