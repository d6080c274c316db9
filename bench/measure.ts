import { setImmediate as nextTurn } from "node:timers/promises";

/** Makes so many calls; resolves when all of them are answered. */
export type Runner = (calls: number) => Promise<void>;

/** A row of the table. */
export interface Row {
  /** What is measured, for the table. */
  readonly what: string;
  /** Size of the value, for the table. */
  readonly size: string;
  /** What it is held against, for the table. */
  readonly against: string;
  /** The ratio that is aimed at, where there is an aim. */
  readonly aim?: number;
  /** Where the aim is not a ratio: the microseconds we may take longer. */
  readonly aimExtra?: number;
  /** Where the aim is no comparison at all: the milliseconds we may take. */
  readonly aimTime?: number;
  /** What the figures are; default: times. */
  readonly unit?: "calls a second" | "bytes";
}

/** Something of ours against the least that could do the same, by the time they take. */
export interface Contest extends Row {
  readonly ours: Runner;
  readonly ceiling: Runner;
  /** Calls of one round. Default: as many as take some 10 ms. */
  readonly calls?: number;
  /** Runs between rounds, untimed: throws away what was written. */
  readonly reset?: () => unknown;
}

/** Something of ours against the least that could do the same, by what it says itself. */
export interface Weighing extends Row {
  readonly weigh: () => Promise<Figures>;
}

/** How long a contest goes on. */
export interface Effort {
  /** Milliseconds after which no further round begins, once there have been `rounds`. */
  readonly budget: number;
  /** The least number of rounds. */
  readonly rounds: number;
  /** Rounds that do not count, where they are of a fixed number of calls; a server takes some thousand to become hot. */
  readonly warmUp: number;
  /** The most calls of a round of a fixed number of calls. */
  readonly mostCalls: number;
}

/** Times in milliseconds a call, or whatever the row's unit is. */
export interface Figures {
  /** Median over the rounds of our time divided by the ceiling's time of the same round. */
  readonly ratio: number;
  /** The middle half of those ratios. */
  readonly quartiles: readonly [number, number];
  readonly ours: number;
  readonly ceiling: number;
  readonly rounds: number;
}

const MOST_ROUNDS = 200;
const BATCH_MS = 10;
const MOST_CALLS = 5000;

/**
 * Finds the figures of a row.
 * @throws {Error} where there is no ratio, and whatever the row throws.
 */
export async function measure(row: Contest | Weighing, effort: Effort): Promise<Figures> {
  const figures = await ("weigh" in row ? row.weigh() : compete(row, effort));
  if (!(Number.isFinite(figures.ratio) && figures.ratio > 0))
    throw new Error(`${row.what}, ${row.size}: ${figures.ratio} is no ratio`);
  return figures;
}

/** Runs a contest: a warm-up, then rounds of ours and the ceiling in turn. */
async function compete(contest: Contest, effort: Effort): Promise<Figures> {
  const calls = Math.min(contest.calls ?? (await warmUp(contest)), effort.mostCalls);
  for (let left = contest.calls === undefined ? 1 : effort.warmUp; left > 0; left--)
    await round(contest, calls);
  const rounds: (readonly [ours: number, ceiling: number])[] = [];
  const end = performance.now() + effort.budget;
  while (rounds.length < effort.rounds || (performance.now() < end && rounds.length < MOST_ROUNDS)) {
    rounds.push(await round(contest, calls));
  }
  const ratios = rounds.map(([ours, ceiling]) => ours / ceiling);
  return {
    ratio: quantile(ratios, 0.5),
    quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
    ours: quantile(
      rounds.map(([ours]) => ours),
      0.5,
    ),
    ceiling: quantile(
      rounds.map(([, ceiling]) => ceiling),
      0.5,
    ),
    rounds: rounds.length,
  };
}

/** Calls one after the other. What is not asynchronous is not awaited, so that it is not charged for it. */
export function inTurn(call: (n: number) => unknown): Runner {
  let n = 0;
  return async (calls) => {
    for (let left = calls; left > 0; left--) {
      const result = call(n++);
      if (result instanceof Promise) await result;
    }
  };
}

/** Calls with so many under way at any time. */
export function atOnce(width: number, call: (n: number) => Promise<unknown>): Runner {
  let n = 0;
  return async (calls) => {
    let left = calls;
    const lane = async () => {
      while (left-- > 0) await call(n++);
    };
    await Promise.all(Array.from({ length: width }, lane));
  };
}

/** Makes the code hot, and finds how many calls make a round. */
async function warmUp({ ours, ceiling, reset }: Contest): Promise<number> {
  let calls = 1;
  for (;;) {
    const took = Math.min(await time(ours, calls), await time(ceiling, calls)) * calls;
    await reset?.();
    if (took >= BATCH_MS / 2 || calls === MOST_CALLS) return calls;
    calls = Math.min(calls * 2, MOST_CALLS);
  }
}

async function round({ ours, ceiling, reset }: Contest, calls: number): Promise<[number, number]> {
  const times: [number, number] = [await time(ours, calls), await time(ceiling, calls)];
  await reset?.();
  return times;
}

/** Milliseconds a call. Neither side pays for the other's garbage. */
async function time(run: Runner, calls: number): Promise<number> {
  globalThis.gc?.();
  await nextTurn();
  const start = performance.now();
  await run(calls);
  return (performance.now() - start) / calls;
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at % 1);
}
