import { LRUCache } from "lru-cache";
import type { RefId } from "../reference.js";
import type { KnownTask } from "./records.js";
import { isOver, MOST_RUNS } from "./task.js";

/** What is to be done about a task. */
export type Verdict =
  /** Nothing: it is over, or somebody runs it, or will. */
  | "leave"
  /** Its server has died, and nobody may run it again. */
  | "interrupted"
  /** It has taken longer than it may. */
  | "too_old"
  /** Its server has died, and this one may run it again. */
  | "take_over";

/** Tasks that are suspected at the same time. */
const MOST_SUSPECTS = 10_000;
/** Leases for which a task waits for a server that has its function. */
const LEASES_FOR_OTHERS = 10;
/** Milliseconds by which a timer may be early. */
const TIMER_ERROR_MS = 2;

/**
 * Tells which tasks were abandoned. A store that was away for a while, and is back, knows nothing of the leases that were
 * to be renewed meanwhile: so a task is suspected first, and found abandoned where nothing has happened some time later.
 */
export class AbandonedTasks {
  readonly #patience: number;
  readonly #isKnown: (tool: string) => boolean;
  readonly #lookAgain: (refId: RefId) => void;
  readonly #suspects = new LRUCache<RefId, { readonly revision: number; readonly since: number }>({
    max: MOST_SUSPECTS,
  });

  /**
   * @param lease milliseconds.
   * @param isKnown tells whether this server has a function.
   * @param lookAgain called when it is time to look at a suspect once more; its record is to be judged, or else forgotten.
   */
  constructor(
    lease: number,
    isKnown: (tool: string) => boolean,
    lookAgain: (refId: RefId) => void = () => {},
  ) {
    this.#patience = lease / 2;
    this.#isKnown = isKnown;
    this.#lookAgain = lookAgain;
  }

  /** What is to be done about a task whose record has just been read. */
  judge(known: KnownTask): Verdict {
    const { refId, state, revision, leaseLeft } = known;
    if (isOver(state) || leaseLeft > 0) {
      this.#suspects.delete(refId);
      return "leave";
    }
    if (!this.#isConfirmed(refId, revision)) return "leave";
    const isLate = Date.now() >= state.deadline;
    if (isLate && (state.owner === null || state.isIdempotent)) return "too_old";
    const { order } = state;
    const isLast = isLate || state.isCancelling || state.runs >= MOST_RUNS;
    if (isLast || !state.isIdempotent || order === undefined) return "interrupted";
    if (order.isElsewhere) return "leave"; // its queue brings it again
    if (this.#isKnown(order.tool)) return "take_over";
    return Date.now() - state.updatedAt > this.#patience * LEASES_FOR_OTHERS * 2 ? "interrupted" : "leave";
  }

  /** Suspects it no longer: nothing is known of it. */
  forget(refId: RefId): void {
    this.#suspects.delete(refId);
  }

  /** A suspicion must not last: the store may be away for a moment once more, long after. */
  #isConfirmed(refId: RefId, revision: number): boolean {
    const suspect = this.#suspects.get(refId);
    const now = performance.now();
    if (suspect?.revision === revision) return now - suspect.since >= this.#patience;
    this.#suspects.set(refId, { revision, since: now });
    setTimeout(() => this.#lookAgain(refId), this.#patience + TIMER_ERROR_MS).unref();
    return false;
  }
}
