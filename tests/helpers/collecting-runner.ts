import type { RunnableCall, TaskRunner } from "../../src/index.js";
import { type Gate, gate } from "./tasks.js";

/** Keeps what it is to bring to other processes: a test performs it, when and where it likes. */
export class CollectingRunner implements TaskRunner {
  /** What came, in order, and as often as it came. */
  readonly refIds: string[] = [];
  readonly withdrawn: string[] = [];
  readonly #mayDecide: Promise<void>;
  #came: Gate<void> = gate();

  /** @param mayDecide when it decides that calls run elsewhere. */
  constructor(mayDecide: Promise<void> = Promise.resolve()) {
    this.#mayDecide = mayDecide;
  }

  /** The first task, once it has come. */
  async first(): Promise<string> {
    for (;;) {
      const [refId] = this.refIds;
      if (refId !== undefined) return refId;
      await this.#came.promise;
    }
  }

  async run<T>(call: RunnableCall<T>): Promise<T> {
    await this.#mayDecide;
    return call.runElsewhere(async (refId) => {
      this.refIds.push(refId);
      this.#came.open();
    });
  }

  async withdraw(refId: string): Promise<boolean> {
    this.withdrawn.push(refId);
    return true;
  }

  async close(): Promise<void> {}
}
