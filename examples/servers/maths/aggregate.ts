/** A number as a reference brings it: beyond 2^53 an integer is a `bigint`. */
export type Numeric = number | bigint;

type Datasets = readonly (readonly Numeric[])[];

const AGGREGATIONS = {
  concat: (datasets) => datasets.flat(),
  sum: (datasets) => columns(datasets).map(total),
  mean: (datasets) => columns(datasets).map((column) => Number(total(column)) / column.length),
  zip: (datasets) => columns(datasets),
} as const satisfies Record<string, (datasets: Datasets) => (Numeric | Numeric[])[]>;

/** The name of a way to make one list of several. */
export type AggregateOperation = keyof typeof AGGREGATIONS;

/** The names of all aggregations. */
export const AGGREGATE_OPERATIONS = Object.keys(AGGREGATIONS) as AggregateOperation[];

/** Makes one list of several; all but `concat` go item by item and need lists of one length. */
export function aggregate(datasets: Datasets, operation: AggregateOperation): (Numeric | Numeric[])[] {
  return AGGREGATIONS[operation](datasets);
}

function columns(datasets: Datasets): Numeric[][] {
  const [first = [], ...others] = datasets;
  const odd = others.find(({ length }) => length !== first.length);
  if (odd !== undefined) {
    throw new RangeError(`datasets must be of one length; there are ${first.length} and ${odd.length}`);
  }
  return first.map((item, index) => [item, ...others.map((dataset) => dataset[index] ?? 0)]);
}

/** Exact where all are integers. */
function total(column: readonly Numeric[]): Numeric {
  if (column.every((item) => typeof item === "bigint" || Number.isSafeInteger(item))) {
    return column.reduce<bigint>((sum, item) => sum + BigInt(item), 0n);
  }
  return column.reduce<number>((sum, item) => sum + Number(item), 0);
}
