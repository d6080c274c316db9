import { StoreError } from "../../errors.js";
import { partlyDone } from "../partly-done.js";
import { type RedisClient, type RedisStream, sendTogether } from "./client.js";
import type { Command, Connection } from "./commands.js";
import { DeadlineError, sendingTime, withDeadline } from "./deadline.js";
import { closedError, isNonsense, replyCode, toStoreError } from "./errors.js";
import { Readiness } from "./readiness.js";
import { Replication } from "./replication.js";
import { makeSubscriber, type SubscriberClient } from "./subscriber.js";
import {
  countDone,
  isReading,
  isWrongType,
  linesOf,
  type Outcome,
  onlyCommand,
  outcomesOf,
  type Unit,
  writes,
} from "./unit.js";

/** What a connection is told about its client. */
export interface ConnectionOptions {
  /** The server's name in errors, `host:port`. */
  readonly where: string;
  /** Whether the client is ours to drop and to close. */
  readonly owned: boolean;
  /** Whether the client connects anew by itself for as long as it is not closed. Default `owned`. */
  readonly revive?: boolean;
  /** Whether another server takes over where this one fails: a connection to a read-only one is then dropped. */
  readonly failsOver?: boolean;
  /** How many replicas must have a write before it counts as done. Default 0. */
  readonly replicas?: number;
  /** Milliseconds a connection may take to come about. */
  readonly connectTimeout: number;
  /** Milliseconds a command may take, the time for a large value aside. */
  readonly commandTimeout: number;
}

/** What is left at least for a command that had to wait for the connection. */
const LEAST_BUDGET_MS = 100;

/**
 * A client of one server, whose every command settles in time, with a `StoreError` if it fails. While the server is
 * down, calls fail at once with the reason; the client connects again behind them. A connection on which a command
 * ran out of time is dropped: what still arrives on it can only be late.
 */
export class ServerConnection implements Connection {
  readonly #client: RedisClient;
  readonly #options: ConnectionOptions;
  readonly #readiness: Readiness;
  readonly #replication: Replication | undefined;
  readonly #dropped = new WeakSet<RedisStream>();
  readonly #listeners = {
    connect: () => this.#watchHandshake(),
    ready: () => clearTimeout(this.#handshake),
    close: () => clearTimeout(this.#handshake),
    error: (error: unknown) => this.#onError(error),
  };
  #handshake: NodeJS.Timeout | undefined;
  readonly #underWay = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(client: RedisClient, options: ConnectionOptions) {
    this.#client = client;
    this.#options = options;
    this.#readiness = new Readiness(client, {
      connectTimeout: options.connectTimeout,
      revive: options.revive ?? options.owned,
      isLive: () => !this.#isDropped(client.stream),
    });
    this.#replication = options.replicas
      ? new Replication(this, client, options.replicas, options)
      : undefined;
    for (const [event, listener] of Object.entries(this.#listeners)) client.on(event, listener);
  }

  /** The client, for those who make further connections like it. */
  get client(): RedisClient {
    return this.#client;
  }

  /** See {@link Connection.call}. */
  async call(command: Command, bytes = 0, isStoring?: boolean): Promise<unknown> {
    const [outcome] = await this.exchange([{ commands: [command], isStoring }], bytes);
    if (outcome === undefined || "replies" in outcome) return outcome?.replies[0];
    throw this.explain(outcome.error);
  }

  /** See {@link Connection.send}. */
  async send(commands: readonly Command[], bytes = 0): Promise<unknown[]> {
    const units = commands.map((command) => ({ commands: [command] }));
    const outcomes = await this.exchange(units, bytes);
    try {
      return outcomes.flatMap((outcome) => this.repliesOf(outcome));
    } catch (error) {
      throw partlyDone(error, countDone(units, outcomes));
    }
  }

  /** See {@link Connection.inOrder}. One transaction: where one command is refused, so are all. */
  async inOrder(commands: readonly Command[], bytes = 0): Promise<unknown[]> {
    const outcomes = await this.exchange([{ commands }], bytes);
    return outcomes.flatMap((outcome) => this.repliesOf(outcome));
  }

  /** See {@link Connection.servers}. */
  async servers(): Promise<readonly ServerConnection[]> {
    return [this];
  }

  /** See {@link Connection.placement}. */
  placement(): string {
    return "";
  }

  /**
   * Runs a command, or several that are sent at once, within the time that is given to a call.
   * @param bytes how much is sent, where that is much.
   * @param budget milliseconds it may take, where it is not the first attempt.
   * @param isWriting whether it may change something, so that without a reply its outcome is unknown.
   * @throws {StoreError} when it fails or takes too long.
   */
  async run<T>(
    send: (client: RedisClient) => Promise<T>,
    bytes = 0,
    budget = this.#options.commandTimeout,
    isWriting = true,
  ): Promise<T> {
    const left = this.isUsable() ? budget : await this.connected(budget);
    const { stream } = this.#client;
    if (this.#options.owned) sendTogether(this.#client, this.#underWay.size > 0);
    const sent = send(this.#client);
    this.#underWay.add(sent);
    try {
      return await withDeadline(sent, left + sendingTime(bytes), () => stream?.bytesRead ?? 0);
    } catch (error) {
      throw this.#explain(error, stream, isWriting);
    } finally {
      this.#underWay.delete(sent);
    }
  }

  /**
   * Sends units in one round trip; each has an outcome of its own. Where writes are to be on replicas, it waits for
   * that as well.
   * @throws {StoreError} when the connection fails, or it takes too long.
   */
  async exchange(units: readonly Unit[], bytes = 0, budget?: number): Promise<Outcome[]> {
    let stream: RedisStream | undefined;
    const sending = (client: RedisClient) => {
      stream = client.stream;
      return exchanged(client, units);
    };
    const outcomes = await this.run(sending, bytes, budget, !units.every(isReading));
    const hasWritten = units.some((unit, n) => writes(unit) && "replies" in (outcomes[n] ?? {}));
    if (hasWritten) await this.#replication?.confirm(stream);
    return outcomes;
  }

  /** The replies of an outcome, none for a key of another type; throws any other error, as a `StoreError`. */
  repliesOf(outcome: Outcome): unknown[] {
    if ("replies" in outcome) return outcome.replies;
    if (isWrongType(outcome.error)) return [undefined];
    throw this.explain(outcome.error);
  }

  /** Makes an error a `StoreError`, unless it is one. */
  explain(error: unknown): StoreError {
    return error instanceof StoreError ? error : this.#explain(error, this.#client.stream);
  }

  /** Milliseconds a connection may take to come about. */
  get connectTimeout(): number {
    return this.#options.connectTimeout;
  }

  /** A client of its own for a subscription, that tries to connect once; `undefined` where there can be none now. */
  makeSubscriber(): SubscriberClient | undefined {
    return this.#closing === undefined ? makeSubscriber(this.#client) : undefined;
  }

  /** Tells whether a command can be sent now. */
  isUsable(): boolean {
    const { status, stream } = this.#client;
    return status === "ready" && !this.#isDropped(stream) && this.#closing === undefined;
  }

  /**
   * Waits for the connection; resolves to the milliseconds that are left for the command.
   * @throws {StoreError} when there is none in time. Nothing was sent then.
   */
  async connected(budget = this.#options.commandTimeout): Promise<number> {
    const start = performance.now();
    try {
      if (this.#closing !== undefined) throw closedError();
      await this.#readiness.wait();
    } catch (reason) {
      throw this.#closing === undefined ? toStoreError(reason, this.#options.where) : closedError();
    }
    return Math.max(LEAST_BUDGET_MS, budget - (performance.now() - start));
  }

  /** Ends the present connection, if it is ours to end; what is under way on it fails as out of time. */
  drop(): void {
    this.#drop(this.#client.stream);
  }

  /** Ends the connection, once what is under way is answered or has run out of time. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown(this.isUsable());
    return this.#closing;
  }

  /** A server that accepts connections and says nothing would else hold one for ever. */
  #watchHandshake(): void {
    const { stream } = this.#client;
    const { connectTimeout, failsOver } = this.#options;
    clearTimeout(this.#handshake);
    // Where another has taken over from one that hangs, half the time is left to reach it.
    const patience = failsOver ? connectTimeout / 2 : connectTimeout;
    this.#handshake = setTimeout(() => {
      this.#readiness.blame(new DeadlineError());
      this.#drop(stream);
    }, patience);
    this.#handshake.unref();
  }

  #onError(error: unknown): void {
    // Nothing that follows on the connection would make sense, and ioredis reads on until the other side ends it.
    if (this.#options.owned && isNonsense(error)) this.#client.stream?.destroy();
    // ioredis goes on in database 0 when it may not select the one it was told to.
    const { command } = error as { command?: { name?: unknown } };
    if (replyCode(error) !== undefined && command?.name === "select") this.#drop(this.#client.stream);
  }

  #explain(error: unknown, stream: RedisStream | undefined, wasWriting = false): StoreError {
    const isDemoted = this.#options.failsOver === true && replyCode(error) === "READONLY";
    if (error instanceof DeadlineError || isDemoted) this.#drop(stream);
    const isVictim = this.#isDropped(stream) && replyCode(error) === undefined;
    return toStoreError(isVictim ? new DeadlineError() : error, this.#options.where, wasWriting);
  }

  #isDropped(stream: RedisStream | undefined): boolean {
    return stream !== undefined && this.#dropped.has(stream);
  }

  #drop(stream: RedisStream | undefined): void {
    if (!this.#options.owned || stream === undefined) return;
    this.#dropped.add(stream);
    stream.destroy();
  }

  /** What is to be sent with the next write would come too late behind it. */
  async #quit(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#client.quit();
  }

  async #shutDown(wasUsable: boolean): Promise<void> {
    // Only after this turn does `#closing` hold, which makes every later call fail.
    await null;
    const { owned, commandTimeout } = this.#options;
    this.#readiness.stop(closedError());
    if (owned && wasUsable) await withDeadline(this.#quit(), commandTimeout).catch(() => {});
    clearTimeout(this.#handshake);
    if (owned) this.#client.disconnect();
    for (const [event, listener] of Object.entries(this.#listeners)) this.#client.off(event, listener);
    this.#readiness.unlisten(owned);
  }
}

async function exchanged(client: RedisClient, units: readonly Unit[]): Promise<Outcome[]> {
  const command = onlyCommand(units);
  const replies =
    command === undefined
      ? await client.pipeline(linesOf(units)).exec()
      : [await client.call(...command).then(replied, refused)];
  const lost = replies?.find(([error]) => error !== null && replyCode(error) === undefined);
  if (lost !== undefined) throw lost[0];
  return outcomesOf(units, replies ?? []);
}

function replied(reply: unknown): [error: null, reply: unknown] {
  return [null, reply];
}

function refused(error: Error): [error: Error, reply: undefined] {
  return [error, undefined];
}
