import Queue from "yocto-queue";
import { TaskRefusedError } from "../errors.js";
import type { LazyAbort } from "./abort.js";

/** Who waits for its turn. */
interface Waiter {
  hasGone: boolean;
  start(): void;
}

/** Lets so many pieces of work run at a time; the others wait, first come first served. */
export class TaskQueue {
  readonly #concurrency: number;
  readonly #mostWaiting: number;
  /** Those who have gone are still in it, until it is their turn. */
  readonly #queue = new Queue<Waiter>();
  #running = 0;
  #waiting = 0;

  constructor(concurrency: number, mostWaiting: number) {
    this.#concurrency = concurrency;
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
    return this.#runIn(this.#enter(abort), work);
  }

  async #runIn<T>(turn: Promise<void> | undefined, work: () => Promise<T>): Promise<T> {
    if (turn !== undefined) await turn;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#admit();
    }
  }

  /** Takes a place, at once where one is free. */
  #enter(abort: Pick<LazyAbort, "onAbort">): Promise<void> | undefined {
    if (this.#running >= this.#concurrency) return this.#turn(abort);
    this.#running++;
    return undefined;
  }

  /** Whoever is admitted counts as running at once. */
  #turn(abort: Pick<LazyAbort, "onAbort">): Promise<void> {
    this.#checkRoom();
    this.#waiting++;
    return new Promise((resolve, reject) => {
      const waiter = { hasGone: false, start: () => {} };
      const forget = abort.onAbort((reason) => {
        waiter.hasGone = true;
        this.#waiting--;
        reject(reason);
      });
      waiter.start = () => {
        forget();
        resolve();
      };
      if (!waiter.hasGone) this.#queue.enqueue(waiter);
    });
  }

  #admit(): void {
    while (this.#running < this.#concurrency) {
      const waiter = this.#queue.dequeue();
      if (waiter === undefined) return;
      if (waiter.hasGone) continue;
      this.#waiting--;
      this.#running++;
      waiter.start();
    }
  }

  #checkRoom(): void {
    if (this.#waiting >= this.#mostWaiting)
      throw new TaskRefusedError(
        `This server runs ${this.#running} long calls already, and ${this.#waiting} more wait.`,
      );
    if (this.#queue.size > 2 * this.#mostWaiting) this.#forgetGone();
  }

  #forgetGone(): void {
    const left = [...this.#queue].filter(({ hasGone }) => !hasGone);
    this.#queue.clear();
    for (const waiter of left) this.#queue.enqueue(waiter);
  }
}
