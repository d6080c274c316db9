import type { ChannelListener, ChannelMessage } from "../backend.js";
import { Listeners, readMessage, writeMessage } from "../channel.js";
import type { Statements } from "./statements.js";

/** Milliseconds between two looks for messages, while somebody listens. A look at an unchanged file takes some µs. */
const LOOK_INTERVAL_MS = 25;
/** Messages read at a time. */
const BATCH = 500;
/** Seconds that a message stays, for those who are slow to look. */
const KEPT_SECONDS = 60;
/** Messages of this process between two removals of old ones. */
const MESSAGES_PER_SWEEP = 50;

/** Runs work on the open store, waiting for locks. */
type Run = <T>(work: (statements: Statements) => T) => Promise<T>;

/**
 * Messages among the processes on one file: rows, which each listening process looks for. Their numbers have no gaps,
 * so that who was stopped for longer than they are kept can tell that it missed some.
 */
export class SqliteChannel {
  readonly #run: Run;
  readonly #listeners = new Listeners();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #version: unknown;
  /** Those of the connection on which it was last looked: another one may be to another file. */
  #statements: Statements | undefined;
  /** Number of the last message that was heard; `undefined` until it is known where to begin. */
  #last: number | undefined;
  /** Whether listening begins later than it was asked for. */
  #isLate = false;
  #published = 0;

  constructor(run: Run) {
    this.#run = run;
  }

  /** See {@link ChannelStore.publish}. */
  async publish(message: ChannelMessage): Promise<void> {
    const now = Date.now() / 1000;
    await this.#run(({ addMessage }) => addMessage.run(now, writeMessage(message)));
    this.#version = undefined; // SQLite tells a connection of others' changes only
    if (this.#published++ % MESSAGES_PER_SWEEP === 0)
      await this.#run(({ removeMessages }) => removeMessages.run(now - KEPT_SECONDS));
  }

  /** See {@link ChannelStore.subscribe}. */
  subscribe(listener: ChannelListener): () => void {
    if (this.#listeners.isEmpty) this.#start();
    return this.#listeners.add(listener, () => this.#stop());
  }

  close(): void {
    this.#listeners.clear();
    this.#stop();
  }

  #start(): void {
    this.#last = undefined;
    this.#version = undefined;
    this.#statements = undefined;
    this.#timer = setInterval(() => this.#lookOnce(), LOOK_INTERVAL_MS).unref();
    this.#lookOnce();
    this.#isLate = this.#last === undefined; // the file is locked, or cannot be opened now
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #lookOnce(): void {
    this.#looking ??= this.#look()
      .catch(() => {}) // who uses the store is told; the next look may find it well
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #look(): Promise<void> {
    const rows = await this.#run((statements) => this.#newRows(statements));
    if (this.#isLate) this.#listeners.tellLost();
    this.#isLate = false;
    for (const { id, text } of rows) {
      if (this.#timer === undefined) return;
      if (this.#last !== undefined && id !== this.#last + 1) this.#listeners.tellLost();
      this.#last = id;
      const message = readMessage(text);
      if (message !== undefined) this.#listeners.tell(message);
    }
  }

  #newRows(statements: Statements): { id: number; text: string }[] {
    const { dataVersion, lastMessage, messagesAfter } = statements;
    const isAnother = this.#statements !== undefined && this.#statements !== statements;
    const version = dataVersion.get()?.data_version;
    if (version === this.#version && !isAnother) return [];
    const newest = lastMessage.get()?.id ?? 0;
    this.#last ??= newest;
    if (isAnother || newest < this.#last) this.#restart(newest);
    this.#statements = statements;
    const rows = messagesAfter.all(this.#last, BATCH);
    if (rows.length < BATCH) this.#version = version;
    return rows;
  }

  /** The file is another one than it was, or may be: its numbers say nothing of what was heard in the former. */
  #restart(newest: number): void {
    this.#last = newest;
    this.#listeners.tellLost();
  }
}
