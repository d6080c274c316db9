import { ReplicationUnknownError } from "../../errors.js";
import type { RedisClient, RedisStream } from "./client.js";
import type { ConnectionOptions, ServerConnection } from "./connection.js";

/** After a failure only so much is waited, so that no call stands long behind those that wait in vain. */
const SHORT_PATIENCE_MS = 10;
/** How often after a failure it is waited at full length. */
const FULL_EVERY_MS = 1000;
/** What the way there and back may take besides. */
const ROUND_TRIP_MS = 250;

/**
 * Waits until replicas have what a connection has written, by WAIT. One WAIT is under way at a time, since the
 * connection does nothing else meanwhile; writes that are acknowledged during it share the next one.
 */
export class Replication {
  readonly #connection: ServerConnection;
  readonly #client: RedisClient;
  readonly #replicas: number;
  readonly #where: string;
  /** How long replicas are waited for; a write takes twice that at most, if it comes during another's. */
  readonly #patience: number;
  #current: Promise<number> = Promise.resolve(0);
  #next: Promise<number> | undefined;
  #fullAt = Number.NEGATIVE_INFINITY;
  #hasFailed = false;

  constructor(
    connection: ServerConnection,
    client: RedisClient,
    replicas: number,
    { where, commandTimeout }: ConnectionOptions,
  ) {
    this.#connection = connection;
    this.#client = client;
    this.#replicas = replicas;
    this.#where = where;
    this.#patience = Math.max(SHORT_PATIENCE_MS, Math.floor(commandTimeout / 4));
  }

  /**
   * Settles once enough replicas have all that was written on this stream.
   * @throws {ReplicationUnknownError} when they have not said so in time, or the connection is another now.
   */
  async confirm(stream: RedisStream | undefined): Promise<void> {
    const confirmed = await this.#share().catch((error: unknown) => this.#refuse("", error));
    // WAIT on a new connection knows nothing of what was written on the former.
    if (this.#client.stream !== stream) this.#refuse(", for the connection was lost");
    if (confirmed < this.#replicas)
      this.#refuse(`: ${confirmed} of ${this.#replicas} replicas have it for certain`);
  }

  #share(): Promise<number> {
    this.#next ??= this.#current
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#current = this.#wait();
        return this.#current;
      });
    return this.#next;
  }

  async #wait(): Promise<number> {
    const now = performance.now();
    const isFull = !this.#hasFailed || now - this.#fullAt > FULL_EVERY_MS;
    if (isFull) this.#fullAt = now;
    const patience = isFull ? this.#patience : SHORT_PATIENCE_MS;
    this.#hasFailed = true;
    const reply = await this.#connection.run(
      (client) => client.call("wait", this.#replicas, patience),
      0,
      patience + ROUND_TRIP_MS,
    );
    this.#hasFailed = Number(reply) < this.#replicas;
    return Number(reply);
  }

  #refuse(why: string, cause?: unknown): never {
    throw new ReplicationUnknownError(
      `The write is done on the Redis primary at ${this.#where}, and not known to be replicated${why}. A failover may lose it.`,
      { cause },
    );
  }
}
