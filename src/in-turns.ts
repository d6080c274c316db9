import { setImmediate as nextTurn } from "node:timers/promises";

/** Milliseconds of work after which other work gets its turn. */
const TURN_MS = 5;

/** Does work that pauses every now and then, leaving turns to others in between. */
export async function inTurns<T>(work: Generator<void, T, void>): Promise<T> {
  let due = performance.now() + TURN_MS;
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() < due) continue;
    await nextTurn();
    due = performance.now() + TURN_MS;
  }
}

/** Does work at a stretch, pauses or not. */
export function atOnce<T>(work: Generator<void, T, void>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}
