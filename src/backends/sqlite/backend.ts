import { setImmediate as nextTurn } from "node:timers/promises";
import { type Entry, type EntryHead, isExpired } from "../../entry/entry.js";
import { decodeHeadRow, decodeRow, type EntryHeadRow, encodeRow } from "../../entry/wire.js";
import { EntryUnreadableError, StoreUnavailableError, StoreUnusableError } from "../../errors.js";
import type { ByteRange } from "../../outline/text.js";
import type {
  CacheBackend,
  CapacitySource,
  ChannelListener,
  ChannelMessage,
  ChannelStore,
  HeadStore,
  Lease,
  LeaseStore,
  LinkStore,
  Look,
  RangeStore,
  ReplaceStore,
  StoreCapacity,
} from "../backend.js";
import { capacityOf } from "./capacity.js";
import { SqliteChannel } from "./channel.js";
import { type DatabaseClass, loadDriver, type Statement } from "./driver.js";
import { isBusy, toStoreError } from "./errors.js";
import { acquireLease, endLease, isNewestLease, renewLease } from "./leases.js";
import { type Connection, openConnection } from "./open.js";
import { checkOptions, IN_MEMORY, type SqliteBackendOptions } from "./options.js";
import { readPage, removeInBatches, WaitingCalls } from "./pace.js";
import { look, ROW_BYTES, ROWS_PER_TURN, readRange, writeRows } from "./ranges.js";
import type { ListedRow, ScopedStatements, Statements } from "./statements.js";
import { Sweeper } from "./sweeper.js";

/**
 * Entries in an SQLite file that any number of processes share, in either language. The file is opened, and
 * made where it is missing, at the first call. Waiting for a lock does not block the event loop. What was
 * acknowledged survives the end of the process, however it ends; a power cut may take the last moments.
 */
export class SqliteBackend
  implements
    CacheBackend,
    HeadStore,
    LinkStore,
    ReplaceStore,
    RangeStore,
    ChannelStore,
    LeaseStore,
    CapacitySource
{
  /** The absolute path of the file, or `:memory:`. */
  readonly path: string;
  readonly #driver: DatabaseClass;
  readonly #busyTimeout: number;
  readonly #sweepInterval: number;
  readonly #waiting = new WaitingCalls();
  readonly #channel = new SqliteChannel((work) => this.#run(work));
  #connection: Connection | undefined;
  #sweeper: Sweeper | undefined;
  #closed = false;

  /**
   * @throws {PeerDependencyError} when better-sqlite3 is missing or too new for this Node.
   * @throws {ConfigurationError} when an option is not acceptable.
   */
  constructor(options: string | SqliteBackendOptions = {}) {
    const { path, busyTimeout, sweepInterval } = checkOptions(options);
    this.path = path;
    this.#busyTimeout = busyTimeout;
    this.#sweepInterval = sweepInterval;
    this.#driver = loadDriver();
  }

  /** See {@link CacheBackend.get}. */
  get(refId: string): Promise<Entry | undefined> {
    return this.#run(({ get }) => {
      const row = get.get(refId, nowInSeconds());
      return row && decodeRow(refId, row);
    });
  }

  /** See {@link CacheBackend.set}. */
  set(refId: string, entry: Entry): Promise<void> {
    return this.#run((statements) => writeEntry(statements, refId, entry));
  }

  /** See {@link CacheBackend.delete}. */
  delete(refId: string): Promise<boolean> {
    return this.#run((statements) => {
      const [row] = statements.delete.all(refId);
      return row !== undefined && isLive(row);
    });
  }

  /** See {@link CacheBackend.exists}. */
  exists(refId: string): Promise<boolean> {
    return this.#run(({ exists }) => exists.get(refId, nowInSeconds()) !== undefined);
  }

  /** See {@link CacheBackend.clear}. Removes in batches, so other processes' writes come in between. */
  async clear(namespace?: string): Promise<number> {
    // What has expired goes first, from everywhere, so that it does not count.
    await this.#removeAll(({ removeExpired }) => removeExpired);
    if (namespace === undefined) {
      await this.#removeAll(({ removeLeases }) => removeLeases);
      await this.#removeAll(({ removeLinks }) => removeLinks);
    }
    return this.#removeAll((statements) => scoped(statements, namespace).remove, namespace);
  }

  /** See {@link CacheBackend.keys}. */
  async *keys(namespace?: string): AsyncGenerator<string> {
    const pages = this.#pages((statements) => scoped(statements, namespace).keys, namespace);
    for await (const rows of pages) for (const { key } of rows) yield key;
  }

  /** See {@link HeadStore.head}. */
  head(refId: string): Promise<EntryHead | undefined> {
    return this.#run(({ head }) => {
      const row = head.get(refId, nowInSeconds());
      return row && decodeHeadRow(refId, row);
    });
  }

  /** See {@link HeadStore.heads}. */
  async *heads(namespace?: string): AsyncGenerator<readonly [refId: string, head: EntryHead]> {
    const pages = this.#pages((statements) => scoped(statements, namespace).heads, namespace);
    for await (const rows of pages) {
      for (const row of rows) {
        const head = readableHead(row);
        if (head !== undefined) yield [row.key, head];
      }
    }
  }

  /** See {@link LinkStore.getLink}. */
  getLink(name: string): Promise<string | undefined> {
    return this.#run(({ getLink }) => getLink.get(name, nowInSeconds())?.ref_id);
  }

  /** See {@link LinkStore.setLinked}. One transaction. */
  setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    return this.#run((statements) =>
      statements.transaction(() => {
        writeEntry(statements, refId, entry);
        writeLink(statements, refId, entry, name);
      }),
    );
  }

  /** See {@link ReplaceStore.replace}. What was there is overwritten in the file, once its WAL is written back. */
  replace(refId: string, entry: Entry): Promise<boolean> {
    return this.#run((statements) =>
      statements.erasing(() => {
        const { value_json, namespace, policy_json, created_at, expires_at, metadata_json } =
          encodeRow(entry);
        const columns = [value_json, namespace, policy_json, created_at, expires_at, metadata_json];
        return statements.replace.run(...columns, refId, nowInSeconds()).changes > 0;
      }),
    );
  }

  /** See {@link RangeStore.look}. */
  look(refId: string): Promise<Look | undefined> {
    return this.#run(({ ranges }) => look(ranges, refId, nowInSeconds()));
  }

  /** See {@link RangeStore.keepOutline}. Writes the text a second time, row by row: a part of a column cannot be read. */
  async keepOutline(refId: string, { json }: Entry, outline: Uint8Array): Promise<void> {
    const text = Buffer.from(json);
    await this.#run(({ ranges }) => ranges.removeTexts.run(refId));
    for (let row = 0; row * ROW_BYTES < text.length; row += ROWS_PER_TURN) {
      await this.#run(({ ranges, transaction }) => transaction(() => writeRows(ranges, refId, text, row)));
      await nextTurn();
    }
    await this.#run(({ ranges, transaction }) =>
      transaction(() => {
        const { changes } = ranges.setOutline.run(refId, outline, refId);
        if (changes === 0) ranges.removeTexts.run(refId);
      }),
    );
  }

  /** See {@link RangeStore.readRanges}. */
  readRanges(refId: string, wanted: readonly ByteRange[]): Promise<readonly Buffer[] | undefined> {
    return this.#run(({ ranges }) => wanted.map((range) => readRange(ranges, refId, range)));
  }

  /** See {@link ChannelStore.publish}. One row, which goes after a minute. */
  publish(message: ChannelMessage): Promise<void> {
    return this.#channel.publish(message);
  }

  /** See {@link ChannelStore.subscribe}. Looks for messages 40 times a second. */
  subscribe(listener: ChannelListener): () => void {
    return this.#closed ? () => {} : this.#channel.subscribe(listener);
  }

  /** See {@link LeaseStore.sharesLeases}. */
  get sharesLeases(): boolean {
    return this.path !== IN_MEMORY;
  }

  /** See {@link LeaseStore.acquireLease}. One transaction. */
  acquireLease(name: string, life: number, seen?: string): Promise<Lease | "taken" | "changed"> {
    return this.#run((statements) => acquireLease(statements, name, life, seen));
  }

  /** See {@link LeaseStore.renewLease}. */
  renewLease(lease: Lease, life: number): Promise<boolean> {
    return this.#run((statements) => renewLease(statements, lease, life));
  }

  /** See {@link LeaseStore.releaseLease}. */
  releaseLease(lease: Lease): Promise<boolean> {
    return this.#run((statements) => endLease(statements, lease));
  }

  /** See {@link LeaseStore.setLeased}. One transaction. */
  setLeased(refId: string, entry: Entry, lease: Lease): Promise<boolean> {
    return this.#run((statements) => {
      let isNewest = false;
      statements.transaction(() => {
        writeEntry(statements, refId, entry);
        isNewest = isNewestLease(statements, lease);
        if (isNewest) writeLink(statements, refId, entry, lease.name);
        endLease(statements, lease);
      });
      return isNewest;
    });
  }

  /** See {@link CapacitySource.capacity}. */
  capacity(): Promise<StoreCapacity> {
    return this.#run(() => capacityOf(this.#connection?.database));
  }

  /** See {@link CacheBackend.close}. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#channel.close();
    this.#disconnect();
  }

  /** Every access goes through here: opens the file, waits for locks, and lets only typed errors out. */
  #run<T>(work: (statements: Statements) => T): Promise<T> {
    try {
      return Promise.resolve(work(this.#connect()));
    } catch (error) {
      return isBusy(error) ? this.#runWhenFree(work) : Promise.reject(this.#failure(error));
    }
  }

  async #runWhenFree<T>(work: (statements: Statements) => T): Promise<T> {
    try {
      return await this.#waiting.run(() => work(this.#connect()), this.path, this.#busyTimeout);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #removeAll(select: (statements: Statements) => Statement, namespace?: string): Promise<number> {
    return removeInBatches((limit) =>
      this.#run((statements) => {
        const removed = select(statements).run({ namespace, limit, now: nowInSeconds() });
        return removed.changes;
      }),
    );
  }

  /** Pages hold no cursor open between them: better-sqlite3 refuses other statements beside one. */
  async *#pages<Row extends ListedRow>(
    select: (statements: Statements) => Statement<Row>,
    namespace?: string,
  ) {
    for (let after = 0; ; ) {
      const rows = await this.#run((statements) => readPage(select(statements), { namespace, after }));
      const last = rows.at(-1);
      if (last === undefined) return;
      yield rows.filter(isLive);
      after = last.rowid;
      await nextTurn();
    }
  }

  #connect(): Statements {
    if (this.#closed) throw new StoreUnavailableError(`The SQLite store ${this.path} is closed.`);
    if (this.#connection === undefined) {
      this.#connection = openConnection(this.#driver, this.path);
      this.#sweeper = new Sweeper(this.#connection.statements, this.#sweepInterval);
    }
    return this.#connection.statements;
  }

  #disconnect(): void {
    this.#sweeper?.stop();
    this.#connection?.database.close();
    this.#connection = undefined;
  }

  /** An unusable file is let go of, so that the next call opens what has been put right meanwhile. */
  #failure(error: unknown): Error {
    const failure = toStoreError(error, this.path);
    if (failure instanceof StoreUnusableError && this.path !== IN_MEMORY) this.#disconnect();
    return failure;
  }
}

function writeEntry({ set }: Statements, refId: string, entry: Entry): void {
  const row = encodeRow(entry);
  const { value_json, namespace, policy_json, created_at, expires_at, metadata_json } = row;
  set.run(refId, value_json, namespace, policy_json, created_at, expires_at, metadata_json);
}

function writeLink({ setLink }: Statements, refId: string, { expiresAt }: Entry, name: string): void {
  setLink.run(name, refId, expiresAt === null ? null : expiresAt / 1000);
}

function scoped(statements: Statements, namespace: string | undefined): ScopedStatements {
  return namespace === undefined ? statements.everywhere : statements.inNamespace;
}

/** The wire format counts time in seconds. */
function nowInSeconds(): number {
  return Date.now() / 1000;
}

function isLive({ expires_at }: Pick<ListedRow, "expires_at">): boolean {
  return !isExpired({ expiresAt: expires_at }, nowInSeconds());
}

function readableHead(row: ListedRow & EntryHeadRow): EntryHead | undefined {
  try {
    return decodeHeadRow(row.key, row);
  } catch (error) {
    if (error instanceof EntryUnreadableError) return undefined;
    throw error;
  }
}
