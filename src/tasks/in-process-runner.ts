import { TaskQueue } from "./queue.js";
import type { RunnableCall, TaskRunner } from "./runner.js";

/** Runs calls in the process that got them: so many at a time, the others wait, first come first served. */
export class InProcessRunner implements TaskRunner {
  readonly #queue: TaskQueue;

  /** @param mostWaiting further calls are refused. */
  constructor(concurrency: number, mostWaiting: number) {
    this.#queue = new TaskQueue(concurrency, mostWaiting);
  }

  /** Calls that run now, and that wait. */
  get size(): { readonly running: number; readonly waiting: number } {
    return this.#queue.size;
  }

  /** See {@link TaskRunner.run}. */
  run<T>(call: RunnableCall<T>): Promise<T> {
    return this.#queue.run(() => call.runHere(), call);
  }

  /** See {@link TaskRunner.withdraw}: what waits here goes by itself when it is aborted. */
  async withdraw(): Promise<boolean> {
    return false;
  }

  /** See {@link TaskRunner.close}. */
  async close(): Promise<void> {}
}
