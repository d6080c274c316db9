import pLimit from "p-limit";
import { TaskRefusedError } from "../errors.js";
import type { LazyAbort } from "./abort.js";

/** Lets so many pieces of work run at a time; the others wait, first come first served. */
export class TaskQueue {
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #mostWaiting: number;
  #running = 0;
  #waiting = 0;

  constructor(concurrency: number, mostWaiting: number) {
    this.#limit = pLimit(concurrency);
    this.#mostWaiting = mostWaiting;
  }

  /** Pieces of work that run now, and that wait. */
  get size(): { readonly running: number; readonly waiting: number } {
    return { running: this.#running, waiting: this.#waiting };
  }

  /**
   * Runs work once it is its turn. Its place stays taken until the work has come to its end, however long ago it was
   * aborted.
   * @throws {TaskRefusedError} at once when there is no room; the reason once it is aborted before it has begun.
   */
  run<T>(work: () => Promise<T>, abort: Pick<LazyAbort, "onAbort">): Promise<T> {
    if (this.#running + this.#waiting >= this.#limit.concurrency + this.#mostWaiting)
      throw new TaskRefusedError(
        `This server runs ${this.#running} long calls already, and ${this.#waiting} more wait.`,
      );
    this.#waiting++;
    return new Promise((resolve, reject) => {
      let isWaiting = true;
      const leave = () => {
        isWaiting = false;
        this.#waiting--;
      };
      const forget = abort.onAbort((reason) => {
        if (!isWaiting) return;
        leave();
        reject(reason);
      });
      void this.#limit(async () => {
        forget();
        if (!isWaiting) return; // its caller has gone
        leave();
        await this.#runNow(work).then(resolve, reject);
      });
    });
  }

  async #runNow<T>(work: () => Promise<T>): Promise<T> {
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }
}
