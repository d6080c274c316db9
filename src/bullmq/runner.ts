import { checkInteger } from "../backends/options.js";
import { TaskRefusedError } from "../errors.js";
import type { RunnableCall, TaskRunner } from "../tasks/runner.js";
import { QueueConnection } from "./connection.js";
import { loadBullMq } from "./driver.js";
import { JOB_NAME, JOB_OPTIONS, jobDataOf, jobIdOf } from "./job.js";
import { type QueueOptions, readQueueOptions } from "./options.js";

/** Options of {@link BullMqRunner}. */
export interface BullMqRunnerOptions extends QueueOptions {
  /**
   * How many tasks may wait in the queue; over it, further ones are refused. Several servers that submit at once may
   * exceed it by as many. Default 10,000.
   */
  readonly maxWaiting?: number;
}

const WAITING = ["waiting", "delayed"];

/**
 * Brings tasks to worker processes, {@link TaskWorker}, through a BullMQ queue. A task outlives the server that took the
 * call. Only its reference goes through the queue.
 * @example
 * new RefCache({ name: "reports", backend, tasks: { runner: new BullMqRunner({ url: "redis://queue:6379" }) } });
 */
export class BullMqRunner implements TaskRunner {
  readonly #connection: QueueConnection;
  readonly #maxWaiting: number;

  /**
   * Reads the options; the connection comes about with the first task.
   * @throws {ConfigurationError} naming an option or variable that will not do.
   * @throws {PeerDependencyError} when bullmq or ioredis is not installed.
   */
  constructor(options: BullMqRunnerOptions = {}) {
    const { maxWaiting = 10_000, ...others } = options;
    this.#maxWaiting = checkInteger("maxWaiting", maxWaiting, 1);
    this.#connection = new QueueConnection(loadBullMq(), readQueueOptions(others));
  }

  /** See {@link TaskRunner.run}. */
  run<T>(call: RunnableCall<T>): Promise<T> {
    return call.runElsewhere((refId) => this.submit(refId));
  }

  /**
   * Puts a task into the queue. One that is in it already stays as it is.
   * @throws {TaskRefusedError} when too many wait; {StoreError} when the queue cannot be reached in time.
   */
  async submit(refId: string): Promise<void> {
    const waiting = await this.#connection.run((queue) => queue.getJobCountByTypes(...WAITING), false);
    if (waiting >= this.#maxWaiting) throw new TaskRefusedError("Too many tasks wait for a worker.");
    const options = { ...JOB_OPTIONS, jobId: jobIdOf(refId) };
    await this.#connection.run((queue) => queue.add(JOB_NAME, jobDataOf(refId), options), true);
  }

  /**
   * Takes a task out of the queue unless a worker has it; tells whether it was there.
   * @throws {StoreError} when the queue cannot be reached in time.
   */
  async withdraw(refId: string): Promise<boolean> {
    const id = jobIdOf(refId);
    const job = await this.#connection.run((queue) => queue.getJob(id), false);
    if (job === undefined) return false;
    return (await this.#connection.run((queue) => queue.remove(id), true)) === 1;
  }

  /** Ends the connection. What was submitted stays in the queue. Never rejects. */
  close(): Promise<void> {
    return this.#connection.close();
  }
}
