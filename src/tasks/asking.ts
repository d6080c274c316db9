import { z } from "zod";
import { actorText } from "../access/actor-text.js";
import type { Questions } from "../access/control.js";
import { currentUsage } from "../access/current.js";
import type { Duration } from "../duration.js";
import { ReferenceUnavailableError } from "../errors.js";
import { checkShape } from "../options.js";
import { isTaskReference, type RefId } from "../reference.js";
import { heardBy } from "./heard-by.js";
import { timer } from "./options.js";
import type { TaskFacts } from "./records.js";
import { isOver, type TaskFormat, type TaskProgress } from "./task.js";
import type { TaskAnswer } from "./task-answer.js";
import type { Tasks } from "./tasks.js";
import { tellTask } from "./tell.js";
import type { ToldTask } from "./told-task.js";

/** How to ask about a task. */
export interface PollOptions {
  /** Of a task that still runs, wait so long for its end; at most the cache's `tasks.maxWait`. Default: not at all. */
  readonly wait?: Duration | undefined;
  /** How much is told of a task. Default: as its tool says. */
  readonly responseFormat?: TaskFormat | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Hears, while it waits, how far a task is; nothing but that there is progress where that may not be known. */
  readonly onProgress?: ((progress: TaskProgress | undefined) => void) | undefined;
}

/** A reference that somebody asks about. */
export interface AskedTask {
  readonly refId: RefId;
  readonly questions: Questions;
}

const shape = z.strictObject({ responseFormat: z.enum(["minimal", "standard", "full"]).optional() });

/**
 * What is to be told of a task to whoever may READ or EXECUTE its result; `undefined` where it is complete, or there is none.
 * @throws {ReferenceUnavailableError} to others; {ConfigurationError} naming the option; the signal's reason.
 */
export async function pollTask(
  tasks: Tasks,
  { refId, questions }: AskedTask,
  { wait, responseFormat, signal, onProgress }: PollOptions,
): Promise<TaskAnswer | undefined> {
  checkShape(shape, { responseFormat });
  const patience = wait ? Math.min(timer(wait, "wait"), tasks.options.maxWait) : 0;
  if (!isTaskReference(refId)) return undefined;
  let task = await tasks.look(refId);
  let mayRead = task !== undefined && (await mayKnow(questions, task));
  if (task !== undefined && patience > 0 && !isOver(task.state)) {
    const listener = onProgress && heardBy(questions, onProgress);
    task = await tasks.watch(refId, { wait: patience, signal, onProgress: listener });
    mayRead = task !== undefined && (await mayKnow(questions, task));
  }
  if (task === undefined) return undefined;
  if (mayRead) currentUsage()?.add(task.guarded);
  return tellTask(task, { mayRead, format: responseFormat });
}

/**
 * Wants a task to end on behalf of whoever made its call, or may DELETE its result.
 * @throws {ReferenceUnavailableError} to others, and where there is no such task.
 */
export async function cancelTask(tasks: Tasks, { refId, questions }: AskedTask): Promise<TaskAnswer> {
  const may = (known: TaskFacts) => mayCancel(questions, known, refId);
  const task = isTaskReference(refId) ? await tasks.cancel(refId, may) : undefined;
  if (task === undefined) throw new ReferenceUnavailableError();
  const mayRead = await questions.wouldPermit("get", task.guarded);
  if (mayRead) currentUsage()?.add(task.guarded);
  return tellTask(task, { mayRead });
}

/** Tells whether somebody may READ what a task says. */
async function mayKnow(questions: Questions, { guarded, refId }: ToldTask): Promise<boolean> {
  if (await questions.wouldPermit("get", guarded)) return questions.permits("get", guarded, refId);
  if (await questions.permits("use", guarded, refId)) return false;
  throw new ReferenceUnavailableError();
}

async function mayCancel(
  questions: Questions,
  { guarded, state }: TaskFacts,
  refId: RefId,
): Promise<boolean> {
  const isStarter =
    state.starter === actorText(questions.actor) && (await questions.wouldPermit("info", guarded));
  if (isStarter) questions.record("cancel", BY_STARTER, guarded.namespace, refId);
  return isStarter || questions.permits("delete", guarded, refId);
}

const BY_STARTER = { permitted: true, reason: "starter" };
