import { replyCode } from "../backends/redis/errors.js";
import type { Logger } from "../logger.js";
import { toQueueError } from "./errors.js";

/** What BullMQ says of a single job, with its id. */
const OF_A_JOB = /\bjob\b/i;

/**
 * Reports what goes wrong between a worker and its servers: each thing once, until all is well again. Passes on
 * nothing of what BullMQ and ioredis say, which may hold references and passwords.
 */
export class Complaints {
  readonly #logger: Logger;
  readonly #where: string;
  readonly #said = new Set<string>();

  constructor(logger: Logger, where: string) {
    this.#logger = logger;
    this.#where = where;
  }

  /** Reports an error, unless it has been. */
  about(error: unknown): void {
    const text = this.#textOf(error);
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.#logger.warn(text);
  }

  /** Reports that all is well again, if it was complained of. */
  over(): void {
    if (this.#said.size === 0) return;
    this.#said.clear();
    this.#logger.info("The worker of tasks need not wait any longer.");
  }

  #textOf(error: unknown): string {
    const isOfAJob = replyCode(error) === undefined && OF_A_JOB.test((error as Error)?.message ?? "");
    if (isOfAJob)
      return "The queue has given a task of this worker to another one, for it seemed to be dead.";
    return `A worker of tasks has to wait. ${toQueueError(error, this.#where).message}`;
  }
}
