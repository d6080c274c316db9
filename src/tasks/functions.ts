import type { KnownTask } from "./records.js";
import type { TaskOrder } from "./task.js";
import type { TaskRun } from "./task-run.js";

/** A function that can run orders: calls that were made elsewhere, or by a server that has died. */
export interface TaskFunction {
  /** Begins a run of an order, under the reference and in the place of the task that is known. */
  resume(order: TaskOrder, known: KnownTask): TaskRun<unknown>;
}

/** Whose registration it is. */
export interface TaskFunctionOwner {
  /** The function itself. */
  readonly fn: object;
  /** Whether its name was given on purpose, so that others of the name are the same. */
  readonly isNamed: boolean;
}

/** `run` is missing where there are several. */
interface Registered {
  readonly fn: object;
  readonly run: TaskFunction | undefined;
}

/**
 * The functions of this process, by the identity that memoisation knows them by. Two functions of one name and one source
 * may still differ in what they close over, so neither runs an order then, unless the name was given on purpose.
 */
export class TaskFunctions {
  readonly #functions = new Map<string, Registered>();

  /** The newest registration of a function is the one that counts: its layer may know more of it. */
  add(identity: string, run: TaskFunction, { fn, isNamed }: TaskFunctionOwner): void {
    const former = this.#functions.get(identity);
    const isOne = isNamed || former === undefined || (former.fn === fn && former.run !== undefined);
    this.#functions.set(identity, { fn, run: isOne ? run : undefined });
  }

  /** Whether there is exactly one function of an identity here. */
  has(identity: string): boolean {
    return this.get(identity) !== undefined;
  }

  get(identity: string): TaskFunction | undefined {
    return this.#functions.get(identity)?.run;
  }
}
