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

/**
 * Tells which tasks were abandoned. A store that was away for a while, and is back, knows nothing of the leases that were
 * to be renewed meanwhile: so a task is suspected first, and found abandoned where nothing has happened some time later.
 */
export class AbandonedTasks {
  readonly #patience: number;
  readonly #isKnown: (tool: string) => boolean;
  readonly #suspects = new LRUCache<RefId, { readonly revision: number; readonly since: number }>({
    max: MOST_SUSPECTS,
  });

  /**
   * @param lease milliseconds.
   * @param isKnown tells whether this server has a function.
   */
  constructor(lease: number, isKnown: (tool: string) => boolean) {
    this.#patience = lease / 2;
    this.#isKnown = isKnown;
  }

  /** What is to be done about a task whose record has just been read. */
  judge({ refId, state, revision, leaseLeft }: KnownTask): Verdict {
    if (isOver(state) || leaseLeft > 0) {
      this.#suspects.delete(refId);
      return "leave";
    }
    if (!this.#isConfirmed(refId, revision)) return "leave";
    const isLate = Date.now() >= state.deadline;
    if (isLate && (state.owner === null || state.isIdempotent)) return "too_old";
    if (isLate || !state.isIdempotent || state.runs >= MOST_RUNS || state.order === undefined)
      return "interrupted";
    return !state.order.isElsewhere && this.#isKnown(state.order.tool) ? "take_over" : "leave";
  }

  #isConfirmed(refId: RefId, revision: number): boolean {
    const suspect = this.#suspects.get(refId);
    const now = performance.now();
    if (suspect?.revision === revision) return now - suspect.since >= this.#patience;
    this.#suspects.set(refId, { revision, since: now });
    return false;
  }
}
