import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { StoreTimeoutError } from "../../errors.js";
import { partlyDone } from "../partly-done.js";
import type { Statement } from "./driver.js";
import { isBusy } from "./errors.js";

/** What one step may block the event loop for, in milliseconds; large values make rows slow. */
export const STEP_MS = 10;
const LARGEST_BATCH = 500;
/** Tries in the next turns of the event loop, as most locks are held for microseconds, before timers come in. */
const QUICK_TRIES = 10;
const LONGEST_PAUSE_MS = 50;

/**
 * Calls that met another connection's lock. They try again one after the other, since every failed try costs a
 * tenth of a millisecond, and the event loop is free in between.
 */
export class WaitingCalls {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Tries until no other connection is in the way.
   * @throws {StoreTimeoutError} when one has been in the way for `busyTimeout` milliseconds.
   */
  run<T>(attempt: () => T, path: string, busyTimeout: number): Promise<T> {
    const deadline = performance.now() + busyTimeout;
    const result = this.#last.then(() => retryUntil(deadline, attempt));
    this.#last = result.catch(() => undefined);
    return result.catch((cause: unknown) => {
      throw isBusy(cause) ? stillBusy(path, busyTimeout, cause) : cause;
    });
  }
}

async function retryUntil<T>(deadline: number, attempt: () => T): Promise<T> {
  for (let tries = 0; ; tries++) {
    await (tries < QUICK_TRIES ? turn() : sleep(pauseAfter(tries - QUICK_TRIES)));
    try {
      return attempt();
    } catch (cause) {
      if (!isBusy(cause) || performance.now() >= deadline) throw cause;
    }
  }
}

/** Random, so that processes that collided once do not do so again. */
function pauseAfter(tries: number): number {
  return 1 + Math.random() * Math.min(LONGEST_PAUSE_MS, 2 ** tries);
}

function stillBusy(path: string, busyTimeout: number, cause: unknown): StoreTimeoutError {
  return new StoreTimeoutError(
    `The SQLite store ${path} was locked by another process for ${busyTimeout} ms. Try again, or end what holds it.`,
    { cause },
  );
}

/** One page of rows, cut short where reading them takes longer than a step. Empty at the end only. */
export function readPage<Row>(statement: Statement<Row>, parameters: Record<string, unknown>): Row[] {
  const end = performance.now() + STEP_MS;
  const rows: Row[] = [];
  for (const row of statement.iterate(parameters)) {
    rows.push(row);
    if (performance.now() > end) break;
  }
  return rows;
}

/**
 * Calls `remove` with a number of rows until it finds fewer, fitting the number to a step.
 * @returns how many rows it removed in all.
 */
export async function removeInBatches(remove: (limit: number) => number | Promise<number>): Promise<number> {
  let total = 0;
  try {
    for (let limit = 50; ; ) {
      const start = performance.now();
      const removed = await remove(limit);
      total += removed;
      if (removed < limit) return total;
      limit = fittedBatch(limit, performance.now() - start);
      await turn();
    }
  } catch (error) {
    throw partlyDone(error, total);
  }
}

function fittedBatch(limit: number, took: number): number {
  return took > STEP_MS ? Math.max(1, limit >> 1) : Math.min(LARGEST_BATCH, limit * 2);
}
