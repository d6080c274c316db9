import type { RedisClient, RedisStream } from "./client.js";
import { DeadlineError, sendingTime, withDeadline } from "./deadline.js";
import { closedError, replyCode, toStoreError } from "./errors.js";
import { makeSubscriber, type SubscriberClient } from "./subscriber.js";

/** What a connection is told about its client. */
export interface ConnectionOptions {
  /** The server's name in errors, `host:port`. */
  readonly where: string;
  /** Whether the client is ours to drop and to close. */
  readonly owned: boolean;
  /** Milliseconds a connection may take to come about. */
  readonly connectTimeout: number;
  /** Milliseconds a command may take, the time for a large value aside. */
  readonly commandTimeout: number;
}

/** What is left at least for a command that had to wait for the connection. */
const LEAST_BUDGET_MS = 100;

/**
 * A client whose every command settles in time, with a `StoreError` if it fails. While the server is down, calls
 * fail at once with the reason; the client connects again behind them. A connection on which a command ran out
 * of time is dropped: what still arrives on it can only be late.
 */
export class Connection {
  readonly #client: RedisClient;
  readonly #options: ConnectionOptions;
  readonly #dropped = new WeakSet<RedisStream>();
  readonly #listeners = {
    connect: () => this.#watchHandshake(),
    ready: () => this.#onReady(),
    close: () => this.#onClose(),
    end: () => this.#onEnd(),
    error: (error: unknown) => this.#onError(error),
  };
  #handshake: NodeJS.Timeout | undefined;
  /** The last error of the present attempt. */
  #reason: unknown;
  /** Why the last attempt failed; `undefined` while connected, and until the first attempt after that is over. */
  #failure: unknown;
  #wasReady: boolean;
  #ready: Promise<void> | undefined;
  #waiter: { resolve(): void; reject(reason: unknown): void } | undefined;
  #closing: Promise<void> | undefined;

  constructor(client: RedisClient, options: ConnectionOptions) {
    this.#client = client;
    this.#options = options;
    this.#wasReady = client.status === "ready";
    for (const [event, listener] of Object.entries(this.#listeners)) client.on(event, listener);
  }

  /**
   * Runs a command, or several that are sent at once, within the time that is given to a call.
   * @param bytes how much is sent, where that is much.
   * @throws {StoreError} when it fails or takes too long.
   */
  async run<T>(send: (client: RedisClient) => Promise<T>, bytes = 0): Promise<T> {
    const budget = this.#isUsable() ? this.#options.commandTimeout : await this.#connected();
    const { stream } = this.#client;
    try {
      return await withDeadline(
        send(this.#client),
        budget + sendingTime(bytes),
        () => stream?.bytesRead ?? 0,
      );
    } catch (error) {
      throw this.#explain(error, stream);
    }
  }

  /** Milliseconds a connection may take to come about. */
  get connectTimeout(): number {
    return this.#options.connectTimeout;
  }

  /** A client of its own for a subscription, that tries to connect once; `undefined` where there can be none now. */
  makeSubscriber(): SubscriberClient | undefined {
    return this.#closing === undefined ? makeSubscriber(this.#client) : undefined;
  }

  /** Ends the connection, once what is under way is answered or has run out of time. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown(this.#isUsable());
    return this.#closing;
  }

  #isUsable(): boolean {
    const { status, stream } = this.#client;
    const dropped = stream !== undefined && this.#dropped.has(stream);
    return status === "ready" && !dropped && this.#closing === undefined;
  }

  /** Waits for the connection; resolves to the milliseconds that are left for the command. */
  async #connected(): Promise<number> {
    const start = performance.now();
    try {
      if (this.#failure !== undefined) throw this.#failure;
      await this.#untilReady();
    } catch (reason) {
      throw this.#closing === undefined ? toStoreError(reason, this.#options.where) : closedError();
    }
    return Math.max(LEAST_BUDGET_MS, this.#options.commandTimeout - (performance.now() - start));
  }

  /** All calls that find no connection wait for the same one. */
  #untilReady(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closedError());
    this.#ready ??= this.#attempt().finally(() => {
      this.#ready = undefined;
      this.#waiter = undefined;
    });
    return this.#ready;
  }

  #attempt(): Promise<void> {
    const outcome = new Promise<void>((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    if (this.#client.status === "wait") this.#client.connect().catch(() => {});
    if (this.#client.status === "end") this.#onEnd();
    return withDeadline(outcome, this.#options.connectTimeout);
  }

  /** A server that accepts connections and says nothing would else hold one for ever. */
  #watchHandshake(): void {
    const { stream } = this.#client;
    this.#handshake = setTimeout(() => {
      this.#reason = new DeadlineError();
      this.#drop(stream);
    }, this.#options.connectTimeout);
    this.#handshake.unref();
  }

  #onReady(): void {
    clearTimeout(this.#handshake);
    const { stream } = this.#client;
    if (stream !== undefined && this.#dropped.has(stream)) return;
    this.#wasReady = true;
    this.#reason = undefined;
    this.#failure = undefined;
    this.#waiter?.resolve();
  }

  /** The end of a live connection is no failure yet: calls wait for the first attempt after it. */
  #onClose(): void {
    clearTimeout(this.#handshake);
    if (!this.#wasReady) this.#fail();
    this.#wasReady = false;
  }

  #onEnd(): void {
    this.#wasReady = false;
    this.#fail();
  }

  #fail(): void {
    this.#failure = this.#reason ?? new Error("the connection was closed");
    this.#waiter?.reject(this.#failure);
  }

  #onError(error: unknown): void {
    this.#reason = error;
    // ioredis goes on in database 0 when it may not select the one it was told to.
    const { command } = error as { command?: { name?: unknown } };
    if (replyCode(error) !== undefined && command?.name === "select") this.#drop(this.#client.stream);
  }

  #explain(error: unknown, stream: RedisStream | undefined): Error {
    if (error instanceof DeadlineError) this.#drop(stream);
    const isVictim = stream !== undefined && this.#dropped.has(stream) && replyCode(error) === undefined;
    return toStoreError(isVictim ? new DeadlineError() : error, this.#options.where);
  }

  #drop(stream: RedisStream | undefined): void {
    if (!this.#options.owned || stream === undefined) return;
    this.#dropped.add(stream);
    stream.destroy();
  }

  async #shutDown(wasUsable: boolean): Promise<void> {
    // Only after this turn does `#closing` hold, which makes every later call fail.
    await null;
    const { owned, commandTimeout } = this.#options;
    if (owned && wasUsable) await withDeadline(this.#client.quit(), commandTimeout).catch(() => {});
    clearTimeout(this.#handshake);
    if (owned) this.#client.disconnect();
    this.#waiter?.reject(closedError());
    for (const [event, listener] of Object.entries(this.#listeners)) {
      // An error nobody listens for is printed by ioredis.
      if (!owned || event !== "error") this.#client.off(event, listener);
    }
  }
}
