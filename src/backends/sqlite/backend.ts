import { setImmediate as nextTurn } from "node:timers/promises";
import { type Entry, type EntryHead, isExpired } from "../../entry/entry.js";
import { type Label, labelsOf } from "../../entry/labels.js";
import { decodeHeadRow, decodeRow, type EntryHeadRow, encodeRow } from "../../entry/wire.js";
import { EntryUnreadableError, StoreUnavailableError, StoreUnusableError } from "../../errors.js";
import type { ByteRange } from "../../outline/text.js";
import type {
  BatchStore,
  CacheBackend,
  CapacitySource,
  ChangeFeed,
  ChangeListener,
  ChangeWatch,
  ChannelListener,
  ChannelMessage,
  ChannelStore,
  CommitOptions,
  CopiedKey,
  EntryWriter,
  Found,
  FoundTask,
  HeadStore,
  LabelStore,
  Lease,
  LeaseStore,
  LinkStore,
  Look,
  MayRemove,
  NewEntry,
  RangeStore,
  ReplaceStore,
  StoreCapacity,
  StreamStore,
  TaskStore,
} from "../backend.js";
import { partlyDone } from "../partly-done.js";
import { found, inSteps, writeInSteps } from "./batches.js";
import { capacityOf } from "./capacity.js";
import { endOf, SqliteWatch } from "./changes.js";
import { SqliteChannel } from "./channel.js";
import { type DatabaseClass, loadDriver, type Statement } from "./driver.js";
import { isBusy, toStoreError } from "./errors.js";
import { FileIdentity } from "./file-identity.js";
import { labelledPages, removePages, writeLabels } from "./labels.js";
import { LargeWrites } from "./large-writes.js";
import { acquireLease, endLease, isNewestLease, renewLease } from "./leases.js";
import { type Connection, openConnection } from "./open.js";
import { checkOptions, IN_MEMORY, type SqliteBackendOptions } from "./options.js";
import { readPage, removeInBatches, WaitingCalls } from "./pace.js";
import { look, ROW_BYTES, ROWS_PER_TURN, readRange, removeText, wholeRow, writeRows } from "./ranges.js";
import type { ListedRow, ScopedStatements, Statements } from "./statements.js";
import { SqliteWriter, type SqliteWriterStore } from "./streams.js";
import { Sweeper } from "./sweeper.js";
import { abandonedTasks, addTask, changeTask, readTask, renewTask, taskOf } from "./tasks.js";
import { ROWS_NOTE } from "./whole-row.js";

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
    LabelStore,
    BatchStore,
    CapacitySource,
    ChangeFeed,
    StreamStore,
    TaskStore
{
  /** The absolute path of the file, or `:memory:`. */
  readonly path: string;
  readonly #driver: DatabaseClass;
  readonly #busyTimeout: number;
  readonly #sweepInterval: number;
  readonly #waiting = new WaitingCalls();
  readonly #channel = new SqliteChannel((work) => this.#run(work));
  readonly #large: LargeWrites | undefined;
  readonly #writerStore: SqliteWriterStore;
  #connection: Connection | undefined;
  #file: FileIdentity | undefined;
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
    const isFile = path !== IN_MEMORY;
    this.#large = isFile ? new LargeWrites(path, busyTimeout, () => this.#open()) : undefined;
    this.#writerStore = { run: (work) => this.#run(work), writeHead: writeCommitted, large: this.#large };
  }

  /** See {@link CacheBackend.get}. */
  get(refId: string): Promise<Entry | undefined> {
    return this.#run(({ get, ranges }) => {
      const row = get.get(refId, nowInSeconds());
      return row && decodeRow(refId, wholeRow(ranges, refId, row));
    });
  }

  /** See {@link CacheBackend.set}. */
  set(refId: string, entry: Entry): Promise<void> {
    return this.#run((statements) => {
      if (labelsOf(entry).length === 0) writeEntry(statements, refId, entry);
      else statements.transaction(() => writeLabelled(statements, refId, entry));
    });
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
      await this.#removeAll(({ labels }) => labels.removeAll);
      await this.#removeAll(({ tasks }) => tasks.removeAll);
    }
    return removeInBatches((limit) => this.#run((statements) => removeScoped(statements, namespace, limit)));
  }

  /** See {@link LabelStore.removeLabelled}. Removes in steps, so other processes' writes come in between. */
  async removeLabelled(label: Label, mayRemove?: MayRemove): Promise<number> {
    const run = <T>(work: (statements: Statements) => T) => this.#run(work);
    if (label.kind !== "namespace") return removePages(run, labelledPages(run, label), mayRemove);
    if (mayRemove === undefined) return this.clear(label.name);
    return removePages(run, this.#headPages(label.name), mayRemove);
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
    for await (const heads of this.#headPages(namespace)) yield* heads;
  }

  /** See {@link LinkStore.getLink}. */
  getLink(name: string): Promise<string | undefined> {
    return this.#run(({ getLink }) => getLink.get(name, nowInSeconds())?.ref_id);
  }

  /** See {@link LinkStore.setLinked}. One transaction. */
  setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    return this.#run((statements) =>
      statements.transaction(() => {
        writeNamed(statements, { refId, entry, name });
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
        let isReplaced = false;
        statements.transaction(() => {
          isReplaced = statements.replace.run(...columns, refId, nowInSeconds()).changes > 0;
          if (isReplaced) writeLabels(statements, refId, entry);
          if (isReplaced) removeText(statements.ranges, refId); // it holds what was there, perhaps in plain text
        });
        return isReplaced;
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
    await this.#keepText(refId, text, outline).catch((error: unknown) => {
      throw partlyDone(error, 1);
    });
  }

  /** See {@link RangeStore.readRanges}. */
  readRanges(refId: string, wanted: readonly ByteRange[]): Promise<readonly Uint8Array[] | undefined> {
    return this.#run(({ ranges }) => wanted.map((range) => readRange(ranges, refId, range)));
  }

  /** See {@link BatchStore.getMany}. */
  getMany(refIds: readonly string[]): Promise<Found<Entry>[]> {
    return this.#readMany(refIds, ({ get, ranges }, refId, now) => {
      const row = get.get(refId, now);
      return row && decodeRow(refId, wholeRow(ranges, refId, row));
    });
  }

  /** See {@link BatchStore.headMany}. */
  headMany(refIds: readonly string[]): Promise<Found<EntryHead>[]> {
    return this.#readMany(refIds, ({ head }, refId, now) => {
      const row = head.get(refId, now);
      return row && decodeHeadRow(refId, row);
    });
  }

  /** See {@link BatchStore.setMany}. A transaction for as many as are written in a step. */
  setMany(entries: readonly NewEntry[]): Promise<void> {
    return writeInSteps(
      entries,
      (work) => this.#run((statements) => statements.transaction(() => work(statements))),
      writeNamed,
    );
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
        isNewest = writeLeased(statements, refId, entry, lease);
      });
      return isNewest;
    });
  }

  /** See {@link TaskStore.addTask}. One transaction. */
  addTask(...task: Parameters<TaskStore["addTask"]>): Promise<boolean> {
    return this.#run((statements) => addTask(statements, ...task));
  }

  /** See {@link TaskStore.readTask}. */
  readTask(refId: string): Promise<FoundTask | undefined> {
    return this.#run((statements) => readTask(statements, refId));
  }

  /** See {@link TaskStore.changeTask}. */
  changeTask(refId: string, record: Entry, revision: number, lease?: number): Promise<boolean> {
    return this.#run((statements) => changeTask(statements, refId, record, revision, lease));
  }

  /** See {@link TaskStore.renewTask}. */
  renewTask(refId: string, revision: number, lease: number): Promise<boolean> {
    return this.#run((statements) => renewTask(statements, refId, revision, lease));
  }

  /** See {@link TaskStore.taskOf}. */
  taskOf(name: string): Promise<string | undefined> {
    return this.#run((statements) => taskOf(statements, name));
  }

  /** See {@link TaskStore.abandonedTasks}. */
  abandonedTasks(limit: number): Promise<readonly string[]> {
    return this.#run((statements) => abandonedTasks(statements, limit));
  }

  /**
   * See {@link StreamStore.openText}. Its rows are those that parts are read from; up to 128 MiB the text goes into the
   * column as well, where the Python implementation looks for it.
   */
  async openText(refId: string): Promise<EntryWriter> {
    const writer = new SqliteWriter(this.#writerStore, refId);
    await writer.open();
    return writer;
  }

  /** See {@link CapacitySource.capacity}. */
  capacity(): Promise<StoreCapacity> {
    return this.#run(() => capacityOf(this.#connection?.database));
  }

  /** See {@link ChangeFeed.watch}. Tells of other connections' changes: those through this backend are its user's own. */
  watch(listener: ChangeListener): ChangeWatch {
    return new SqliteWatch(() => this.#connection?.statements, listener);
  }

  /** See {@link ChangeFeed.endsOf}. */
  endsOf(keys: readonly CopiedKey[]): Promise<readonly (number | null | undefined)[]> {
    return this.#run((statements) => keys.map((key) => endOf(statements, key)));
  }

  /** See {@link CacheBackend.close}. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#channel.close();
    this.#large?.close();
    this.#disconnect();
  }

  async #readMany<T>(
    refIds: readonly string[],
    read: (statements: Statements, refId: string, now: number) => T | undefined,
  ): Promise<Found<T>[]> {
    const results: Found<T>[] = [];
    await inSteps(
      refIds,
      (work) => this.#run(work),
      (statements, refId, n) => {
        results[n] = found(() => read(statements, refId, nowInSeconds()));
      },
    );
    return results;
  }

  async #keepText(refId: string, text: Buffer, outline: Uint8Array): Promise<void> {
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

  #removeAll(select: (statements: Statements) => Statement): Promise<number> {
    return removeInBatches((limit) =>
      this.#run((statements) => select(statements).run({ limit, now: nowInSeconds() }).changes),
    );
  }

  async *#headPages(namespace?: string): AsyncGenerator<(readonly [refId: string, head: EntryHead])[]> {
    const pages = this.#pages((statements) => scoped(statements, namespace).heads, namespace);
    for await (const rows of pages) yield rows.flatMap(readableHead);
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
    return this.#open().statements;
  }

  #open(): Connection {
    if (this.#closed) throw new StoreUnavailableError(`The SQLite store ${this.path} is closed.`);
    if (this.#file?.hasChanged()) this.#disconnect();
    if (this.#connection === undefined) {
      this.#connection = openConnection(this.#driver, this.path);
      this.#file = this.path === IN_MEMORY ? undefined : new FileIdentity(this.path);
      this.#sweeper = new Sweeper(this.#connection.statements, this.#sweepInterval);
    }
    return this.#connection;
  }

  #disconnect(): void {
    this.#sweeper?.stop();
    this.#connection?.database.close();
    this.#connection = undefined;
    this.#file = undefined;
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

function writeLabelled(statements: Statements, refId: string, entry: Entry): void {
  writeEntry(statements, refId, entry);
  writeLabels(statements, refId, entry);
}

function writeNamed(statements: Statements, { refId, entry, name }: NewEntry): void {
  writeLabelled(statements, refId, entry);
  if (name !== undefined) writeLink(statements, refId, entry, name);
}

/** Tells whether the lease is the newest of its name, which then leads to the entry. */
function writeLeased(statements: Statements, refId: string, entry: Entry, lease: Lease): boolean {
  writeLabelled(statements, refId, entry);
  const isNewest = isNewestLease(statements, lease);
  if (isNewest) writeLink(statements, refId, entry, lease.name);
  endLease(statements, lease);
  return isNewest;
}

/** Of an entry whose text is in its rows. */
function writeCommitted(
  statements: Statements,
  refId: string,
  head: EntryHead,
  { name, lease }: CommitOptions,
): boolean {
  const entry = { ...head, json: ROWS_NOTE };
  if (lease !== undefined) return writeLeased(statements, refId, entry, lease);
  writeNamed(statements, { refId, entry, name });
  return true;
}

/** Removes so many rows of a namespace or of all, and the names that led to them. */
function removeScoped(statements: Statements, namespace: string | undefined, limit: number): number {
  let removed = 0;
  statements.transaction(() => {
    const rows = scoped(statements, namespace).remove.all({ namespace, limit });
    removed = rows.length;
    for (const { key, link } of rows) if (typeof link === "string") statements.labels.unlink.run(link, key);
  });
  return removed;
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

/** Nothing for what is unreadable. */
function readableHead(row: ListedRow & EntryHeadRow): (readonly [refId: string, head: EntryHead])[] {
  try {
    return [[row.key, decodeHeadRow(row.key, row)]];
  } catch (error) {
    if (error instanceof EntryUnreadableError) return [];
    throw error;
  }
}
