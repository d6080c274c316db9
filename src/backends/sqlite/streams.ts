import { nanoid } from "nanoid";
import type { EntryHead } from "../../entry/entry.js";
import { StoreError, StoreUnavailableError } from "../../errors.js";
import type { CommitOptions, EntryWriter } from "../backend.js";
import type { Database, Statement } from "./driver.js";
import type { LargeWrites } from "./large-writes.js";
import { removeInBatches } from "./pace.js";
import { ROW_BYTES } from "./ranges.js";
import type { Statements } from "./statements.js";

/** Seconds for which what was written is kept when nothing follows. */
const WRITING_SECONDS = 600;

/** Statements over texts that are being written. Rows of a text whose owner is nobody are to be removed. */
export interface WritingStatements {
  /** key, owner, now */
  readonly claim: Statement;
  /** now, key, owner */
  readonly touch: Statement;
  /** key, owner */
  readonly release: Statement;
  /** key, owner */
  readonly disown: Statement;
  /** `@limit`, `@now`: disowns those whose writers are silent for too long. */
  readonly disownSilent: Statement;
  /** `@limit`: removes so many rows of those that nobody owns. */
  readonly removeRows: Statement;
  /** `@limit`: removes so many of those that nobody owns, once they have no rows. */
  readonly removeDisowned: Statement;
}

/** Prepares them. */
export function prepareWriting(database: Database): WritingStatements {
  const some = (condition: string) =>
    `rowid IN (SELECT rowid FROM refcache_writing WHERE ${condition} LIMIT @limit)`;
  return {
    claim: database.prepare(`
      INSERT INTO refcache_writing (key, owner, touched_at) VALUES (?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, touched_at = excluded.touched_at`),
    touch: database.prepare("UPDATE refcache_writing SET touched_at = ? WHERE key = ? AND owner = ?"),
    release: database.prepare("DELETE FROM refcache_writing WHERE key = ? AND owner = ?"),
    disown: database.prepare("UPDATE refcache_writing SET owner = '' WHERE key = ? AND owner = ?"),
    disownSilent: database.prepare(
      `UPDATE refcache_writing SET owner = ''
       WHERE ${some(`owner <> '' AND touched_at <= @now - ${WRITING_SECONDS}`)}`,
    ),
    removeRows: database.prepare(`
      DELETE FROM refcache_texts WHERE rowid IN (
        SELECT texts.rowid FROM refcache_writing AS writing JOIN refcache_texts AS texts ON texts.key = writing.key
        WHERE writing.owner = '' LIMIT @limit)`),
    removeDisowned: database.prepare(
      `DELETE FROM refcache_writing WHERE ${some("owner = '' AND key NOT IN (SELECT key FROM refcache_texts)")}`,
    ),
  };
}

/** What the writer of an entry needs of its store. */
export interface SqliteWriterStore {
  run<T>(work: (statements: Statements) => T): Promise<T>;
  /** Stores head, labels, name and lease; within a transaction. Tells whether the lease was the newest. */
  writeHead(statements: Statements, refId: string, head: EntryHead, options: CommitOptions): boolean;
  /** Keeps large texts from holding up others; `undefined` of a store in memory, where nothing takes long. */
  readonly large: LargeWrites | undefined;
}

/** Writes the text of an entry row by row, each piece in a transaction of its own, under a claim on its reference. */
export class SqliteWriter implements EntryWriter {
  readonly #store: SqliteWriterStore;
  readonly #refId: string;
  readonly #owner = nanoid();
  /** Bytes that do not fill a row yet. */
  #left: Uint8Array = new Uint8Array();
  #rows = 0;
  #isEntry = false;

  constructor(store: SqliteWriterStore, refId: string) {
    this.#store = store;
    this.#refId = refId;
  }

  /** Claims the reference, in the place of whoever had it. */
  async open(): Promise<void> {
    await this.#store.run(({ transaction, writing, ranges }) =>
      transaction(() => {
        writing.claim.run(this.#refId, this.#owner, Date.now() / 1000);
        ranges.removeTexts.run(this.#refId);
      }),
    );
  }

  /** See {@link EntryWriter.write}. */
  async write(bytes: Uint8Array): Promise<void> {
    const text = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes]);
    const whole = text.length - (text.length % ROW_BYTES);
    await this.#inTransaction((statements) => this.#writeRows(statements, text.subarray(0, whole)));
    this.#rows += whole / ROW_BYTES;
    this.#left = Uint8Array.from(text.subarray(whole));
    await this.#store.large?.wrote(this, whole);
  }

  /** See {@link EntryWriter.commit}. One transaction. */
  async commit(head: EntryHead, options: CommitOptions = {}): Promise<boolean> {
    let isNewest = false;
    await this.#inTransaction((statements) => {
      this.#writeRows(statements, this.#left);
      isNewest = this.#store.writeHead(statements, this.#refId, head, options);
      const { outline } = options;
      if (outline !== undefined) statements.ranges.setOutline.run(this.#refId, outline, this.#refId);
      statements.writing.release.run(this.#refId, this.#owner);
    });
    this.#isEntry = true;
    const { large } = this.#store;
    await large?.fillIn(this.#refId, this.#rows * ROW_BYTES + this.#left.length);
    await large?.ended(this);
    return isNewest;
  }

  /** See {@link EntryWriter.abort}. */
  async abort(): Promise<void> {
    if (this.#isEntry) return;
    try {
      await this.#store.run(({ writing }) => writing.disown.run(this.#refId, this.#owner));
      await removeDisowned((remove) => this.#store.run(remove));
      await this.#store.large?.ended(this);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  #writeRows({ ranges }: Statements, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += ROW_BYTES)
      ranges.setText.run(this.#refId, this.#rows + at / ROW_BYTES, bytes.subarray(at, at + ROW_BYTES));
  }

  #inTransaction(work: (statements: Statements) => void): Promise<void> {
    return this.#store.run((statements) =>
      statements.transaction(() => {
        const touched = statements.writing.touch.run(Date.now() / 1000, this.#refId, this.#owner);
        if (touched.changes === 0) throw lost();
        work(statements);
      }),
    );
  }
}

/** Removes what nobody owns, some rows at a time. */
async function removeDisowned(
  run: (remove: (statements: Statements) => number) => Promise<number>,
): Promise<void> {
  for (const statement of ["removeRows", "removeDisowned"] as const)
    await removeInBatches((limit) => run(({ writing }) => writing[statement].run({ limit }).changes));
}

function lost(): StoreUnavailableError {
  return new StoreUnavailableError(
    "The SQLite store has dropped what was written of a value, as after ten minutes without a piece. Store it again.",
  );
}
