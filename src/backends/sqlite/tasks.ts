import type { Entry } from "../../entry/entry.js";
import { decodeEntry, encodeEntry } from "../../entry/wire.js";
import type { FoundTask } from "../backend.js";
import type { Database, Statement } from "./driver.js";
import type { Statements } from "./statements.js";

interface TaskRow {
  readonly record: string;
  readonly revision: number;
  /** 0 where it is finished. */
  readonly lease_ends_at: number;
}

/** Statements over records of tasks. Times are Unix seconds. */
export interface TaskStatements {
  /** name: takes it from the task that has it. */
  readonly unname: Statement;
  /** key, name, lease_ends_at, expires_at, record: in the place of one that has expired. No other may have the name. */
  readonly add: Statement;
  /** key, now */
  readonly read: Statement<TaskRow>;
  /** record, expires_at, is_finished and lease_ends_at or nothing to leave them, key, revision, now */
  readonly change: Statement;
  /** lease_ends_at, key, revision, now */
  readonly renew: Statement;
  /** name, now */
  readonly named: Statement<{ readonly key: string }>;
  /** lease_ends_at, now, limit */
  readonly abandoned: Statement<{ readonly key: string }>;
  /** `@limit`, `@now`: removes so many expired rows, found by index. */
  readonly removeExpired: Statement;
  /** As `removeExpired`, of all rows. */
  readonly removeAll: Statement;
}

const LIVE = "(expires_at IS NULL OR expires_at > ?)";

/** Prepares the statements, once a connection. */
export function prepareTaskStatements(database: Database): TaskStatements {
  return {
    unname: database.prepare("UPDATE refcache_tasks SET name = NULL WHERE name = ?"),
    add: database.prepare(`
      REPLACE INTO refcache_tasks (key, name, lease_ends_at, expires_at, record, revision, is_finished)
      VALUES (?, ?, ?, ?, ?, 1, 0)`),
    read: database.prepare(`
      SELECT record, revision, iif(is_finished, 0, lease_ends_at) AS lease_ends_at
      FROM refcache_tasks WHERE key = ? AND ${LIVE}`),
    change: database.prepare(`
      UPDATE refcache_tasks SET record = ?, expires_at = ?, revision = revision + 1,
        is_finished = coalesce(?, is_finished), lease_ends_at = coalesce(?, lease_ends_at)
      WHERE key = ? AND revision = ? AND ${LIVE}`),
    renew: database.prepare(`
      UPDATE refcache_tasks SET lease_ends_at = ?
      WHERE key = ? AND revision = ? AND is_finished = 0 AND ${LIVE}`),
    named: database.prepare(`SELECT key FROM refcache_tasks WHERE name = ? AND ${LIVE}`),
    abandoned: database.prepare(`
      SELECT key FROM refcache_tasks WHERE is_finished = 0 AND lease_ends_at <= ? AND ${LIVE}
      ORDER BY lease_ends_at LIMIT ?`),
    removeExpired: database.prepare(removing("expires_at <= @now")),
    removeAll: database.prepare(removing("TRUE")),
  };
}

/** See {@link TaskStore.addTask}. */
export function addTask(
  { transaction, tasks }: Statements,
  refId: string,
  record: Entry,
  { lease, name }: { readonly lease: number; readonly name?: string },
): boolean {
  const now = Date.now();
  const text = encodeEntry(record);
  let isAdded = false;
  transaction(() => {
    if (tasks.read.get(refId, now / 1000) !== undefined) return;
    if (name !== undefined) tasks.unname.run(name);
    tasks.add.run(refId, name ?? null, (now + lease) / 1000, endOf(record), text);
    isAdded = true;
  });
  return isAdded;
}

/** See {@link TaskStore.readTask}. */
export function readTask({ tasks }: Statements, refId: string): FoundTask | undefined {
  const now = Date.now();
  const row = tasks.read.get(refId, now / 1000);
  if (row === undefined) return undefined;
  const leaseLeft = Math.max(0, Math.round(row.lease_ends_at * 1000 - now));
  return { record: decodeEntry(refId, row.record), revision: row.revision, leaseLeft };
}

/** See {@link TaskStore.changeTask}. */
export function changeTask(
  { tasks }: Statements,
  refId: string,
  record: Entry,
  revision: number,
  lease?: number,
): boolean {
  const now = Date.now();
  const [isFinished, leaseEndsAt] =
    lease === undefined ? [null, null] : [lease > 0 ? 0 : 1, (now + lease) / 1000];
  const columns = [encodeEntry(record), endOf(record), isFinished, leaseEndsAt];
  return tasks.change.run(...columns, refId, revision, now / 1000).changes > 0;
}

/** See {@link TaskStore.renewTask}. */
export function renewTask({ tasks }: Statements, refId: string, revision: number, lease: number): boolean {
  const now = Date.now();
  return tasks.renew.run((now + lease) / 1000, refId, revision, now / 1000).changes > 0;
}

/** See {@link TaskStore.taskOf}. */
export function taskOf({ tasks }: Statements, name: string): string | undefined {
  return tasks.named.get(name, Date.now() / 1000)?.key;
}

/** See {@link TaskStore.abandonedTasks}. */
export function abandonedTasks({ tasks }: Statements, limit: number): string[] {
  const now = Date.now() / 1000;
  return tasks.abandoned.all(now, now, limit).map(({ key }) => key);
}

function endOf({ expiresAt }: Entry): number | null {
  return expiresAt === null ? null : expiresAt / 1000;
}

function removing(condition: string): string {
  return `DELETE FROM refcache_tasks
    WHERE rowid IN (SELECT rowid FROM refcache_tasks WHERE ${condition} LIMIT @limit)`;
}
