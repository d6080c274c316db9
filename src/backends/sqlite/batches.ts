import { setImmediate as nextTurn } from "node:timers/promises";
import { EntryUnreadableError } from "../../errors.js";
import type { Found } from "../backend.js";
import { partlyDone } from "../partly-done.js";
import { STEP_MS } from "./pace.js";
import type { Statements } from "./statements.js";

/**
 * As {@link inSteps}, for writes: the failure of a later step says that a part was done.
 */
export async function writeInSteps<T>(
  items: readonly T[],
  run: (work: (statements: Statements) => void) => Promise<void>,
  work: (statements: Statements, item: T, index: number) => void,
): Promise<void> {
  let done = 0;
  const counted = async (step: (statements: Statements) => void) => {
    await run(step);
    done++;
  };
  await inSteps(items, counted, work).catch((error: unknown) => {
    throw partlyDone(error, done);
  });
}

/**
 * Does work for each item, as many in one go as a step allows, and leaves a turn to others between.
 * @param run does something with the open store, once or, where that is busy, several times.
 */
export async function inSteps<T>(
  items: readonly T[],
  run: (work: (statements: Statements) => void) => Promise<void>,
  work: (statements: Statements, item: T, index: number) => void,
): Promise<void> {
  for (let done = 0; done < items.length; ) {
    let at = done;
    await run((statements) => {
      const end = performance.now() + STEP_MS;
      at = done;
      do {
        work(statements, items[at] as T, at);
        at++;
      } while (at < items.length && performance.now() < end);
    });
    done = at;
    if (done < items.length) await nextTurn();
  }
}

/** What reading gives, an entry that cannot be read among it. */
export function found<T>(read: () => T | undefined): Found<T> {
  try {
    return read();
  } catch (error) {
    if (error instanceof EntryUnreadableError) return error;
    throw error;
  }
}
