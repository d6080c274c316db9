import { ConfigurationError } from "../errors.js";
import { clip } from "./clip.js";
import type { TaskProgress } from "./task.js";

/** Progress as answers tell it; `null` where it is unknown. */
export interface WireProgress {
  /** How much is done. */
  current: number;
  /** How much there is to do. */
  total: number | null;
  /** 0 to 100, to one decimal; 100 only when all is done. */
  percentage: number | null;
  /** What is being done now, in the tool's words. */
  message: string | null;
}

/** Characters of a message that are kept. */
const LONGEST_MESSAGE = 500;
/** The rate is that of about the last quarter of the time so far, and of so many milliseconds at least. */
const SHORTEST_MEMORY = 10_000;
const REMEMBERED = 1 / 4;
/** The last time that a `Date` can hold. */
const LAST_DATE = 8_640_000_000_000_000;

/** How much was done at a time. */
interface Point {
  readonly time: number;
  readonly current: number;
}

/** An amount and the time it took, where what is older weighs less. */
interface Pace {
  readonly done: number;
  readonly time: number;
}

/** Keeps how far a task is, and tells from its pace when it will be done. Times are Unix milliseconds. */
export class ProgressMeter {
  readonly #startedAt: number;
  #latest: TaskProgress | undefined;
  #reportedAt: number;
  /** Up to `#before`. What came after may still grow within its millisecond. */
  #pace: Pace = { done: 0, time: 0 };
  #before: Point;
  #last: Point;

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
    this.#reportedAt = startedAt;
    this.#before = this.#last = { time: startedAt, current: 0 };
  }

  /**
   * Takes a report. One whose `current` is below what was reported already counts for its message alone.
   * @returns whether it changes anything.
   * @throws {ConfigurationError} naming what is wrong with the report.
   */
  report(progress: TaskProgress, now: number): boolean {
    check(progress);
    const told = this.#next(progress);
    if (isSame(told, this.#latest)) return false;
    this.#latest = told;
    this.#reportedAt = Math.max(now, this.#reportedAt);
    this.#move({ time: this.#reportedAt, current: told.current });
    return true;
  }

  /** What was reported, message clipped; `undefined` before the first report. */
  get latest(): TaskProgress | undefined {
    return this.#latest;
  }

  /** When it will be done, at the pace of late; `undefined` where that cannot be told. */
  get eta(): number | undefined {
    const { current, total } = this.#latest ?? {};
    if (current === undefined || total === undefined) return undefined;
    if (current >= total) return this.#reportedAt;
    const { done, time } = this.#paceUntil(this.#last);
    const eta = Math.round(this.#last.time + ((total - current) * time) / done);
    return eta <= LAST_DATE ? eta : undefined; // not a number while nothing is done, or no time has passed
  }

  #next({ current, total, message }: TaskProgress): TaskProgress {
    const words = message === undefined ? {} : { message: clip(message, LONGEST_MESSAGE) };
    if (this.#latest !== undefined && current < this.#latest.current) return { ...this.#latest, ...words };
    return { current, ...(total === undefined ? {} : { total }), ...words };
  }

  /** Only what was done moves the points: words alone, told every second, would look like a pace that falls. */
  #move(point: Point): void {
    if (point.current === this.#last.current) return;
    if (point.time > this.#last.time) {
      this.#pace = this.#paceUntil(this.#last);
      this.#before = this.#last;
    }
    this.#last = point;
  }

  /** Weighs what was done between two points by how long ago it was, as if it had been done evenly. */
  #paceUntil({ time, current }: Point): Pace {
    const passed = time - this.#before.time;
    if (passed <= 0) return this.#pace;
    const memory = Math.max(SHORTEST_MEMORY, (time - this.#startedAt) * REMEMBERED);
    const kept = Math.exp(-passed / memory);
    const weight = memory * (1 - kept);
    const rate = (current - this.#before.current) / passed;
    return { done: this.#pace.done * kept + rate * weight, time: this.#pace.time * kept + weight };
  }
}

/** Progress as an answer tells it. */
export function toWireProgress({ current, total, message }: TaskProgress): WireProgress {
  return {
    current,
    total: total ?? null,
    percentage: total === undefined ? null : percentage(current, total),
    message: message ?? null,
  };
}

function percentage(current: number, total: number): number {
  if (current >= total) return 100;
  return Math.min(99.9, Math.round((current / total) * 1000) / 10);
}

function isSame(one: TaskProgress, other: TaskProgress | undefined): boolean {
  return one.current === other?.current && one.total === other.total && one.message === other.message;
}

function check(progress: unknown): void {
  const problem = problemWith(progress);
  if (problem !== undefined) throw new ConfigurationError("progress", problem);
}

function problemWith(progress: unknown): string | undefined {
  if (typeof progress !== "object" || progress === null) return "must be an object with current";
  const { current, total, message } = progress as Record<string, unknown>;
  if (!isAmount(current)) return "current must be a finite number of at least 0";
  if (total !== undefined && !isAmount(total)) return "total must be a finite number of at least 0";
  if (total !== undefined && current > total) return "current must not be above total";
  if (message !== undefined && typeof message !== "string") return "message must be a text";
  return undefined;
}

function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
