import { type Connectable, retryDelay } from "./client.js";
import { withDeadline } from "./deadline.js";
import { replyCode } from "./errors.js";

/** What {@link Readiness} is told. */
export interface ReadinessOptions {
  /** Milliseconds a connection may take to come about. */
  readonly connectTimeout: number;
  /** Whether to connect anew where ioredis has given up for good. */
  readonly revive: boolean;
  /** Tells whether a connection that says it is ready is one to use. */
  isLive?(): boolean;
}

/**
 * Knows whether a client is connected, and waits for it. While the store is down, waiting fails at once with the
 * reason; the client connects again behind it.
 */
export class Readiness {
  readonly #client: Connectable;
  readonly #options: ReadinessOptions;
  readonly #listeners = {
    ready: () => this.#onReady(),
    close: () => this.#onClose(),
    end: () => this.#onEnd(),
    error: (error: unknown) => this.#onError(error),
    sentinelError: (error: unknown) => this.blame(error),
  };
  /** The last error of the present attempt. */
  #reason: unknown;
  /** Why the last attempt failed; `undefined` while connected, and until the first attempt after that is over. */
  #failure: unknown;
  #wasReady: boolean;
  #ready: Promise<void> | undefined;
  #waiter: { resolve(): void; reject(reason: unknown): void } | undefined;
  #attempts = 0;
  #revival: NodeJS.Timeout | undefined;
  #stopped: Error | undefined;

  constructor(client: Connectable, options: ReadinessOptions) {
    this.#client = client;
    this.#options = options;
    this.#wasReady = client.status === "ready";
    for (const [event, listener] of Object.entries(this.#listeners)) client.on(event, listener);
  }

  /** Waits for the connection, which all who find none share; rejects with the bare reason. */
  wait(): Promise<void> {
    const failure = this.#stopped ?? this.#failure;
    if (failure !== undefined) return Promise.reject(failure);
    this.#ready ??= this.#attempt().finally(() => {
      this.#ready = undefined;
      this.#waiter = undefined;
    });
    return this.#ready;
  }

  /** Names why the present attempt is about to fail. */
  blame(reason: unknown): void {
    this.#reason = reason;
  }

  /** Ends every waiting, now and later, with this error. */
  stop(error: Error): void {
    this.#stopped ??= error;
    clearTimeout(this.#revival);
    this.#waiter?.reject(error);
  }

  /** Stops listening. An error of a client of ours is still heard: ioredis prints those nobody listens for. */
  unlisten(owned: boolean): void {
    for (const [event, listener] of Object.entries(this.#listeners)) {
      if (!owned || event !== "error") this.#client.off(event, listener);
    }
  }

  #attempt(): Promise<void> {
    const outcome = new Promise<void>((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
    if (this.#client.status === "wait") this.#client.connect().catch(() => {});
    if (this.#client.status === "end") this.#onEnd();
    return withDeadline(outcome, this.#options.connectTimeout);
  }

  #onReady(): void {
    if (this.#options.isLive?.() === false) return;
    this.#wasReady = true;
    this.#reason = undefined;
    this.#failure = undefined;
    this.#attempts = 0;
    this.#waiter?.resolve();
  }

  /** The end of a live connection is no failure yet: calls wait for the first attempt after it. */
  #onClose(): void {
    if (!this.#wasReady) this.#fail();
    this.#wasReady = false;
  }

  #onEnd(): void {
    this.#wasReady = false;
    this.#fail();
    if (!this.#options.revive || this.#stopped !== undefined) return;
    clearTimeout(this.#revival);
    this.#revival = setTimeout(
      () => this.#client.connect().catch(() => {}),
      retryDelay(++this.#attempts),
    ).unref();
  }

  #onError(error: unknown): void {
    // After all sentinels were asked, ioredis goes on asking, and no attempt ends by a close.
    const isSentinelRound = String((error as Error).message).startsWith("All sentinels are unreachable");
    if (!isSentinelRound) this.#reason = tellingOf(error);
    else if (this.#reason !== undefined) this.#fail();
  }

  #fail(): void {
    this.#failure = this.#reason ?? new Error("the connection was closed");
    this.#waiter?.reject(this.#failure);
  }
}

/** What a server of a cluster has replied when none told of the others, if it was a reply. */
function tellingOf(error: unknown): unknown {
  const { lastNodeError } = error as { lastNodeError?: unknown };
  return replyCode(lastNodeError) === undefined ? error : lastNodeError;
}
