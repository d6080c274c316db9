import type { TaskFormat } from "./task.js";
import { makeTaskAnswer, type TaskAnswer } from "./task-answer.js";
import type { ToldTask } from "./tasks.js";

const told = new WeakSet<object>();

/** Tells of a task as it is now. */
export function tellTask(
  { refId, state, isLocal }: ToldTask,
  request: { readonly mayRead: boolean; readonly format?: TaskFormat | undefined },
): TaskAnswer {
  const answer = makeTaskAnswer(refId, state, { ...request, isLocal, now: Date.now() });
  told.add(answer);
  return answer;
}

/** Tells whether a value is an answer of this process about a task, and not a tool's own data of the same look. */
export function isToldTask(value: unknown): value is TaskAnswer {
  return typeof value === "object" && value !== null && told.has(value);
}
