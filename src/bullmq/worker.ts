import { setTimeout as sleep } from "node:timers/promises";
import { checkInteger, LONGEST_TIMER } from "../backends/options.js";
import { withDeadline } from "../backends/redis/deadline.js";
import { replyCode } from "../backends/redis/errors.js";
import { TaskInterruptedError } from "../errors.js";
import { PatientClient } from "./clients.js";
import { Complaints } from "./complaints.js";
import { perform, type TaskPerformer } from "./delivery.js";
import { type BullMq, type Job, loadBullMq, type Worker } from "./driver.js";
import { type QueueOptions, type QueueSettings, readQueueOptions } from "./options.js";

/** Options of {@link TaskWorker}. */
export interface TaskWorkerOptions extends QueueOptions {
  /** How many tasks it performs at a time. Default 4. */
  readonly concurrency?: number;
  /**
   * Milliseconds after which a task is brought to another worker when this one has died, and a third more. Best half as
   * long again as the lease of tasks, which has then ended. Default 15,000.
   */
  readonly lockDuration?: number;
}

/** How a worker ends. */
export interface WorkerCloseOptions {
  /** Milliseconds its tasks may still take before they are aborted. Default 10,000. */
  readonly drain?: number;
}

/** How long tasks that were aborted may take to say so in their records. */
const GRACE_MS = 5000;
/** How long BullMQ may take to tell the queue what came of the last tasks. */
const FAREWELL_MS = 1000;
/** The pause before a worker asks a server again that was gone or refused. */
const PAUSE_MS = 1000;

/**
 * Performs the tasks that a {@link BullMqRunner} submits, in a process that has the same tools, names and store as the
 * servers that take the calls.
 * @example
 * const worker = new TaskWorker(cache, { concurrency: 8 }).start();
 * process.once("SIGTERM", async () => {
 *   await worker.close({ drain: 20_000 });
 *   await cache.close();
 * });
 */
export class TaskWorker {
  readonly #performer: TaskPerformer;
  readonly #settings: QueueSettings;
  readonly #concurrency: number;
  readonly #lockDuration: number;
  readonly #bullmq: BullMq;
  readonly #complaints: Complaints;
  readonly #running = new Map<Promise<unknown>, AbortController>();
  readonly #stop = new AbortController();
  #client: PatientClient | undefined;
  #worker: Worker | undefined;
  #beginning: Promise<void> | undefined;
  #pause: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Reads the options.
   * @throws {ConfigurationError} naming an option or variable that will not do.
   * @throws {PeerDependencyError} when bullmq or ioredis is not installed.
   */
  constructor(performer: TaskPerformer, options: TaskWorkerOptions = {}) {
    const { concurrency = 4, lockDuration = 15_000, ...others } = options;
    this.#performer = performer;
    this.#concurrency = checkInteger("concurrency", concurrency);
    this.#lockDuration = checkInteger("lockDuration", lockDuration, 100, LONGEST_TIMER);
    this.#settings = readQueueOptions(others);
    this.#bullmq = loadBullMq();
    this.#complaints = new Complaints(performer.logger, this.#settings.where);
  }

  /**
   * Begins to take tasks; call it once every tool is registered. Where Redis is not there, the worker waits for it, now
   * and later, and says so once in the log.
   */
  start(): this {
    if (this.#closing === undefined) this.#beginning ??= this.#begin();
    return this;
  }

  /**
   * Takes no more tasks and waits for those that run; then aborts them, which their records tell. Never rejects, and ends
   * within `drain` and some seconds.
   */
  close({ drain = 10_000 }: WorkerCloseOptions = {}): Promise<void> {
    this.#closing ??= this.#shutDown(checkInteger("drain", drain, 0, LONGEST_TIMER));
    return this.#closing;
  }

  async #begin(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        return await this.#connect();
      } catch (error) {
        this.#complaints.about(error);
        await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** Waits for the server, and begins; rejects when it cannot begin, for its rights do not do, for instance. */
  async #connect(): Promise<void> {
    const patient = new PatientClient(this.#settings.server);
    const worker = this.#newWorker(patient.client);
    this.#client = patient;
    this.#worker = worker;
    try {
      await worker.waitUntilReady();
    } catch (error) {
      void worker.close().catch(() => {});
      patient.disconnect();
      throw error;
    }
    this.#complaints.over();
    patient.client.on("ready", () => this.#complaints.over());
    worker.on("error", (error) => this.#holdBack(worker, error));
    worker.run().catch((error) => this.#onError(error));
  }

  #newWorker(connection: PatientClient["client"]): Worker {
    const { queue, prefix } = this.#settings;
    const worker = new this.#bullmq.Worker(queue, (job, token) => this.#process(job, token), {
      connection,
      prefix,
      concurrency: this.#concurrency,
      autorun: false,
      lockDuration: this.#lockDuration,
      /** So that three quarters of it are left at least when a worker dies. */
      lockRenewTime: this.#lockDuration / 4,
      stalledInterval: this.#lockDuration / 3,
      /** However often its workers died: whether a task is made again is for its record to say, not for BullMQ. */
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      runRetryDelay: PAUSE_MS,
    });
    worker.on("error", (error) => this.#onError(error));
    return worker;
  }

  #onError(error: unknown): void {
    if (!this.#stop.signal.aborted) this.#complaints.about(error);
  }

  /** A server that refuses, for it has no memory left, say, would be asked by BullMQ as often as it can. */
  #holdBack(worker: Worker, error: unknown): void {
    if (replyCode(error) === undefined || this.#pause !== undefined || this.#stop.signal.aborted) return;
    worker.pause(true).catch(() => {});
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      worker.resume().catch(() => {});
    }, PAUSE_MS);
  }

  #process(job: Job, token: string | undefined): Promise<void> {
    const abort = new AbortController();
    const delivery = this.#deliver(job, token, abort.signal);
    this.#running.set(delivery, abort);
    return delivery.finally(() => this.#running.delete(delivery));
  }

  async #deliver(job: Job, token: string | undefined, signal: AbortSignal): Promise<void> {
    const delay = await perform(job, this.#performer, signal, this.#complaints);
    if (delay === undefined) return;
    await job.moveToDelayed(Date.now() + delay, token);
    throw new this.#bullmq.DelayedError();
  }

  #abortAll(): void {
    for (const abort of this.#running.values()) abort.abort(new TaskInterruptedError());
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running.keys());
  }

  async #shutDown(drain: number): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#pause);
    const closed = this.#worker?.close().catch(() => {}) ?? Promise.resolve();
    await within(drain, Promise.race([closed, this.#idle()]));
    this.#abortAll();
    await within(GRACE_MS, Promise.race([closed, this.#idle()]));
    await within(FAREWELL_MS, closed);
    this.#abortAll();
    this.#client?.disconnect();
  }
}

async function within(milliseconds: number, awaited: Promise<unknown>): Promise<void> {
  await withDeadline(awaited, milliseconds).catch(() => {});
}
