import type { Usage } from "../access/usage.js";
import type { TaskFormat } from "./task.js";
import { makeTaskAnswer, type TaskAnswer } from "./task-answer.js";
import type { ToldTask } from "./told-task.js";

/** What an answer tells of. */
export interface Told {
  readonly task: ToldTask;
  /** What the call had used that it answers, where it answers one. */
  readonly usage: Usage | undefined;
}

/** How to tell of a task. */
export interface TellRequest {
  readonly mayRead: boolean;
  readonly format?: TaskFormat | undefined;
  /** See {@link Told.usage}. */
  readonly usage?: Usage | undefined;
}

const answers = new WeakMap<object, Told>();

/** Tells of a task as it is now. */
export function tellTask(task: ToldTask, { mayRead, format, usage }: TellRequest): TaskAnswer {
  const { refId, state, isLocal } = task;
  const answer = makeTaskAnswer(refId, state, { mayRead, format, isLocal, now: Date.now() });
  answers.set(answer, { task, usage });
  return answer;
}

/** What an answer of this process about a task tells of; `undefined` for anything else, though it look the same. */
export function toldBy(value: unknown): Told | undefined {
  return typeof value === "object" && value !== null ? answers.get(value) : undefined;
}
