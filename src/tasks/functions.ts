import type { KnownTask } from "./records.js";
import type { TaskOrder } from "./task.js";
import type { TaskRun } from "./task-run.js";

/** A function that can run orders: calls that were made elsewhere, or by a server that has died. */
export interface TaskFunction {
  /** Begins a run of an order, under the reference and in the place of the task that is known. */
  resume(order: TaskOrder, known: KnownTask): TaskRun<unknown>;
}

/** The functions of this process, by the identity that memoisation knows them by. */
export class TaskFunctions {
  readonly #functions = new Map<string, TaskFunction>();

  /** The first of an identity stays. */
  add(identity: string, fn: TaskFunction): void {
    if (!this.#functions.has(identity)) this.#functions.set(identity, fn);
  }

  has(identity: string): boolean {
    return this.#functions.has(identity);
  }

  get(identity: string): TaskFunction | undefined {
    return this.#functions.get(identity);
  }

  get isEmpty(): boolean {
    return this.#functions.size === 0;
  }
}
