import { DeadlineError, withDeadline } from "../backends/redis/deadline.js";
import { Readiness } from "../backends/redis/readiness.js";
import { dropConnections, impatientClient, type QueueClient } from "./clients.js";
import type { BullMq, Queue } from "./driver.js";
import { closedQueueError, toQueueError } from "./errors.js";
import type { QueueSettings } from "./options.js";

/**
 * A queue whose every call settles in time. BullMQ itself would wait for its server for ever; here a connection that
 * does not come about, or does not answer, is dropped, and calls fail at once while there is none.
 */
export class QueueConnection {
  readonly #bullmq: BullMq;
  readonly #settings: QueueSettings;
  readonly #client: QueueClient;
  readonly #readiness: Readiness;
  readonly #underWay = new Set<Promise<unknown>>();
  #queue: Queue | undefined;
  #closing: Promise<void> | undefined;

  constructor(bullmq: BullMq, settings: QueueSettings) {
    this.#bullmq = bullmq;
    this.#settings = settings;
    this.#client = impatientClient(settings.server);
    const { connectTimeout } = settings.server;
    this.#readiness = new Readiness(this.#client, { connectTimeout, revive: true });
  }

  /**
   * Does something with the queue.
   * @param isWriting whether it changes something, so that without a reply its outcome is unknown.
   * @throws {StoreError} when it fails or takes too long.
   */
  async run<T>(work: (queue: Queue) => Promise<T>, isWriting: boolean): Promise<T> {
    let wasSent = false;
    try {
      await this.#connected();
      const working = work(this.#readyQueue());
      wasSent = true;
      this.#underWay.add(working);
      const done = () => this.#underWay.delete(working);
      working.then(done, done);
      return await withDeadline(working, this.#settings.server.commandTimeout);
    } catch (error) {
      if (error instanceof DeadlineError) dropConnections(this.#client);
      throw toQueueError(error, this.#settings.where, isWriting && wasSent);
    }
  }

  /** Ends the connection, once what is under way is answered or has run out of time. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #connected(): Promise<void> {
    if (this.#closing !== undefined) throw closedQueueError();
    if (this.#client.status !== "ready") await this.#readiness.wait();
  }

  /** Made once there is a connection, for it sends something at once. */
  #readyQueue(): Queue {
    if (this.#queue !== undefined) return this.#queue;
    const { queue, prefix } = this.#settings;
    this.#queue = new this.#bullmq.Queue(queue, {
      connection: this.#client,
      prefix,
      /** Off: it takes a round trip, and prints. */
      skipVersionCheck: true,
      skipWaitingForReady: true,
      /** Nobody reads what BullMQ writes down about its jobs. */
      streams: { events: { maxLen: 100 } },
    });
    this.#queue.on("error", () => {});
    return this.#queue;
  }

  async #shutDown(): Promise<void> {
    // Only after this turn does `#closing` hold, which makes every later call fail.
    await null;
    this.#readiness.stop(closedQueueError());
    const { commandTimeout } = this.#settings.server;
    await withDeadline(Promise.allSettled(this.#underWay), commandTimeout).catch(() => {});
    await this.#queue?.close().catch(() => {});
    this.#client.disconnect();
    this.#readiness.unlisten(true);
  }
}
