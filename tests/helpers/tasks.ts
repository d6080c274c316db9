import { vi } from "vitest";
import { type Actor, type Answer, type RefCache, runAs } from "../../src/index.js";
import type { TaskAnswer } from "../../src/tasks/task-answer.js";

export const alice: Actor = { type: "user", id: "alice" };
export const bob: Actor = { type: "user", id: "bob" };

/** A promise that a test settles, for a tool to wait for. */
export interface Gate<T> {
  readonly promise: Promise<T>;
  open(value: T): void;
  fail(error: unknown): void;
}

/** A gate that is closed. */
export function gate<T = void>(): Gate<T> {
  let [open, fail]: [(value: T) => void, (error: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<T>((resolve, reject) => {
    [open, fail] = [resolve, reject];
  });
  promise.catch(() => {}); // nobody may be there yet
  return { promise, open: (value) => open(value), fail: (error) => fail(error) };
}

/** What has become of a promise so far. */
export function watched<T>(promise: Promise<T>): { isSettled: boolean; readonly promise: Promise<T> } {
  const watch = { isSettled: false, promise };
  const settle = () => {
    watch.isSettled = true;
  };
  promise.then(settle, settle);
  return watch;
}

/** Lets fake time pass, and all that it sets off. */
export const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds);

/** The answer of a call that has become a task. */
export function early(answer: unknown): TaskAnswer {
  const { is_async, ref_id } = answer as Partial<TaskAnswer>;
  if (is_async !== true || ref_id === undefined)
    throw new Error(`no early answer: ${JSON.stringify(answer)}`);
  return answer as TaskAnswer;
}

/** What somebody is told of a reference now. */
export function poll(cache: RefCache, refId: string, actor = alice, options = {}): Promise<Answer> {
  return cache.get(refId, { actor, ...options });
}

/** Makes a call as somebody. */
export const as = <T>(actor: Actor, call: () => T): T => runAs(actor, call);
