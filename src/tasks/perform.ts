import { TaskUnknownError } from "../errors.js";
import type { RefId } from "../reference.js";
import type { KnownTask } from "./records.js";
import { RetryLater } from "./retry-later.js";
import type { Delivery, Performed } from "./runner.js";
import { isOver, MOST_RUNS } from "./task.js";
import type { Tasks } from "./tasks.js";

const OVER: Performed = { outcome: "over" };

/** Milliseconds after which a task is looked at again that somebody else has just taken. */
const LOOK_AGAIN_MS = 1000;

/**
 * Runs a task that a queue has brought, unless it is over, or somebody else's. Of a task that was begun before by who
 * has died since, it decides whether it may be run again.
 * @throws {TaskUnknownError} when this process does not have its function; {StoreError}
 */
export async function performTask(
  tasks: Tasks,
  refId: RefId,
  { signal, isLastDelivery = false }: Delivery,
): Promise<Performed> {
  const known = tasks.local.get(refId) === undefined ? await tasks.records.read(refId) : undefined;
  if (known !== undefined) {
    const instead = await withoutRunning(tasks, known, isLastDelivery);
    if (instead !== undefined) return instead;
    if (!tasks.hasRoom || (await tasks.caretaker.takeOver(known)) === undefined)
      return { outcome: "retry", delay: LOOK_AGAIN_MS };
  }
  return endOf(tasks, refId, signal);
}

/** What becomes of a task that is not to be run now. */
async function withoutRunning(
  tasks: Tasks,
  known: KnownTask,
  isLastDelivery: boolean,
): Promise<Performed | undefined> {
  const { state, leaseLeft, toolName } = known;
  if (isOver(state) || state.order === undefined) return OVER;
  if (state.owner !== null && leaseLeft > 0) return { outcome: "retry", delay: leaseLeft + LOOK_AGAIN_MS };
  const hasDied = state.owner !== null && (!state.isIdempotent || state.runs >= MOST_RUNS);
  const isTooOld = Date.now() >= state.deadline;
  if (state.isCancelling || hasDied || isTooOld) {
    await tasks.caretaker.giveUp(known, isTooOld ? "too_old" : "interrupted");
    return OVER;
  }
  if (tasks.caretaker.functions.has(state.order.tool)) return undefined;
  if (isLastDelivery) await tasks.caretaker.giveUp(known, "unknown");
  throw new TaskUnknownError(toolName ?? "without a name");
}

async function endOf(tasks: Tasks, refId: RefId, signal: AbortSignal | undefined): Promise<Performed> {
  const task = tasks.local.get(refId);
  if (task === undefined) return OVER;
  const handOver = () => task.run.handOver();
  if (signal?.aborted) handOver();
  signal?.addEventListener("abort", handOver, { once: true });
  try {
    return await task.run.outcome.then(() => OVER, performedBy);
  } finally {
    signal?.removeEventListener("abort", handOver);
    await task.ended;
  }
}

function performedBy(error: unknown): Performed {
  return error instanceof RetryLater ? { outcome: "retry", delay: error.delay } : OVER;
}
