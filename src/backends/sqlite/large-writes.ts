import type { Connection } from "./open.js";
import { SecondThread } from "./second-thread.js";
import { FILL_IN, ROWS_NOTE } from "./whole-row.js";

/** Bytes between two moments at which the write-ahead log is written back, while a text is written. */
const LOG_BYTES = 8 * 1024 * 1024;
/** Texts up to this size are put into their column at once: some 10 ms. */
const MOST_AT_ONCE = 2 * 1024 * 1024;
/** Larger texts are in their rows alone. */
const MOST_IN_A_COLUMN = 128 * 1024 * 1024;

const WRITE_BACK = "PRAGMA wal_checkpoint(PASSIVE)";
/** SQLite's own number of pages. */
const USUAL = 1000;

/**
 * Sees to it that large texts hold nobody up: while one is written, SQLite would write its log back, and wait for the
 * disk, in the midst of a commit. This is done in another thread then.
 */
export class LargeWrites {
  readonly #connection: () => Connection;
  readonly #thread: SecondThread;
  readonly #writers = new Set<object>();
  #writingBack: Promise<unknown> = Promise.resolve();
  #unwritten = 0;

  /** @param busyTimeout milliseconds for which the other thread waits for a lock. */
  constructor(path: string, busyTimeout: number, connection: () => Connection) {
    this.#connection = connection;
    this.#thread = new SecondThread(path, busyTimeout);
  }

  /** To be called after so many bytes of a text were written; waits where the disk does not keep up. */
  async wrote(writer: object, bytes: number): Promise<void> {
    this.#unwritten += bytes;
    if (this.#unwritten < LOG_BYTES) return;
    this.#unwritten = 0;
    if (this.#writers.size === 0) this.#setAutomatic(0);
    this.#writers.add(writer);
    await this.#writingBack;
    this.#writingBack = this.#thread.run(WRITE_BACK);
  }

  /** Puts the text of an entry that is in rows into its column too, unless it is too large for that. */
  async fillIn(refId: string, bytes: number): Promise<void> {
    const parameters = [refId, refId, ROWS_NOTE];
    if (bytes <= MOST_AT_ONCE)
      this.#connection()
        .database.prepare(FILL_IN)
        .run(...parameters);
    else if (bytes <= MOST_IN_A_COLUMN) {
      await this.#thread.run(FILL_IN, ...parameters);
      await this.#thread.run(WRITE_BACK);
    }
  }

  /** To be called when a text is an entry, or given up. */
  async ended(writer: object): Promise<void> {
    if (!this.#writers.delete(writer) || this.#writers.size > 0) return;
    await this.#thread.run(WRITE_BACK);
    if (this.#writers.size === 0) this.#setAutomatic(USUAL);
  }

  /** Ends the thread. */
  close(): void {
    this.#thread.end();
  }

  #setAutomatic(pages: number): void {
    this.#connection().database.pragma(`wal_autocheckpoint = ${pages}`);
  }
}
