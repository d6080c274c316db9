import { createHistogram, type RecordableHistogram } from "node:perf_hooks";

/** What is known of one operation of the backend. Times are milliseconds. */
export interface OperationStats {
  readonly calls: number;
  readonly errors: number;
  /** Calls that were timed: the first 1,000 of an operation, and then every 64th. */
  readonly timed: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** Calls that are all timed; few calls make a poor sample. */
const ALL_TIMED = 1000;
/** One in so many is timed afterwards: two looks at the clock cost a call more than all the other counting. */
const ONE_IN = 64;
const MICROSECONDS_A_MS = 1000;
/** Ten minutes. Longer ones count as so long. */
const LONGEST = 600_000_000;

/** Counts the calls of one operation, and times some. */
export class OperationFigures {
  calls = 0;
  errors = 0;
  /** In microseconds, exact to two digits: 20 KB. */
  readonly #times: RecordableHistogram = createHistogram({ lowest: 1, highest: LONGEST, figures: 2 });

  /** Counts a call; tells when it began if it is to be timed, else 0. */
  begin(): number {
    this.calls++;
    return this.calls <= ALL_TIMED || this.calls % ONE_IN === 0 ? performance.now() : 0;
  }

  /** Notes the end of a call; tells its milliseconds if it is timed. */
  end(start: number): number | null {
    if (start === 0) return null;
    const milliseconds = performance.now() - start;
    const microseconds = Math.round(milliseconds * MICROSECONDS_A_MS);
    this.#times.record(Math.min(Math.max(1, microseconds), LONGEST));
    return milliseconds;
  }

  /** What is known so far. */
  stats(): OperationStats {
    const times = this.#times;
    const timed = times.count;
    const at = (percent: number) => (timed === 0 ? 0 : times.percentile(percent) / MICROSECONDS_A_MS);
    const max = timed === 0 ? 0 : times.max / MICROSECONDS_A_MS;
    return { calls: this.calls, errors: this.errors, timed, p50: at(50), p95: at(95), p99: at(99), max };
  }
}
