import type { EntryHeadRow, EntryRow } from "../../entry/wire.js";
import type { Database, Statement } from "./driver.js";
import { type LabelStatements, prepareLabelStatements } from "./labels.js";
import { prepareRanges, type RangeStatements } from "./ranges.js";
import { prepareWriting, type WritingStatements } from "./streams.js";
import { prepareTaskStatements, type TaskStatements } from "./tasks.js";

/** What a listing reads of every row; pages follow each other by `rowid`. */
export interface ListedRow {
  readonly rowid: number;
  readonly key: string;
  readonly expires_at: number | null;
}

/** Statements over one namespace (`@namespace`) or over all. */
export interface ScopedStatements {
  /** `@after`: rows behind this `rowid`, expired ones included. */
  readonly keys: Statement<ListedRow>;
  /** As `keys`, with the columns of the head. */
  readonly heads: Statement<ListedRow & EntryHeadRow>;
  /** `@limit`: removes so many rows, and gives their keys and the names that led to them. */
  readonly remove: Statement<{ readonly key: string; readonly link: unknown }>;
}

/** The last lease of a name, which may have ended. */
export interface LeaseRow {
  readonly owner: string;
  readonly fence: number;
  readonly ends_at: number;
}

/** Every statement of the store. Positional parameters are named in the order they are given. */
export interface Statements {
  /** Runs writes as one: all of them, or none. Takes the write lock first, so that it is busy before, not within. */
  transaction(work: () => void): void;
  /** Runs a write after which nothing of what it replaced is left in the pages of the file. */
  erasing<T>(work: () => T): T;
  /** refId, now */
  readonly get: Statement<EntryRow>;
  /** refId, now */
  readonly head: Statement<EntryHeadRow>;
  /** refId, now */
  readonly exists: Statement;
  /** The key and the columns in the order of the table. */
  readonly set: Statement;
  /** The columns behind the key in the order of the table, refId, now */
  readonly replace: Statement;
  /** refId */
  readonly delete: Statement<{ readonly expires_at: number | null }>;
  readonly ranges: RangeStatements;
  readonly writing: WritingStatements;
  readonly everywhere: ScopedStatements;
  readonly inNamespace: ScopedStatements;
  /** name, now */
  readonly getLink: Statement<{ readonly ref_id: string }>;
  /** name, refId, expires_at */
  readonly setLink: Statement;
  /** refId */
  readonly entryEnd: Statement<{ readonly expires_at: number | null }>;
  /** name */
  readonly linkEnd: Statement<{ readonly expires_at: number | null }>;
  /** `@limit`, `@now`: removes so many expired rows, found by index. */
  readonly removeExpired: Statement;
  /** As `removeExpired`, of links. */
  readonly removeExpiredLinks: Statement;
  /** `@limit`: removes so many links. */
  readonly removeLinks: Statement;
  /** name */
  readonly getLease: Statement<LeaseRow>;
  /** name, owner, fence, ends_at */
  readonly setLease: Statement;
  /** ends_at, name, owner, now: of a lease that has not ended. */
  readonly moveLeaseEnd: Statement;
  /** As `removeExpired`, of leases that ended a day ago. */
  readonly removeOldLeases: Statement;
  /** `@limit`: removes so many leases. */
  readonly removeLeases: Statement;
  /** Changes whenever another connection writes. */
  readonly dataVersion: Statement<{ readonly data_version: number }>;
  /** time in seconds, text */
  readonly addMessage: Statement;
  /** The number of the newest message. */
  readonly lastMessage: Statement<{ readonly id: number | null }>;
  /** number, limit */
  readonly messagesAfter: Statement<{ readonly id: number; readonly text: string }>;
  /** time: removes what is older, but for the newest, from which the next one is counted on. */
  readonly removeMessages: Statement;
  readonly labels: LabelStatements;
  readonly tasks: TaskStatements;
}

const DAY_SECONDS = 86_400;
/** Rows a listing reads at a time. */
const PAGE_ROWS = 500;
const HEAD = "namespace, policy_json, created_at, expires_at, metadata_json";
/** The metadata of another writer may hold a NaN, which is no JSON to SQLite. */
const LINK =
  "CASE WHEN json_valid(metadata_json) THEN json_extract(metadata_json, '$.mcp_refcache.link') END";
const LIVE = "(expires_at IS NULL OR expires_at > ?)";

/** Prepares every statement, once a connection. Throws where the tables have other columns. */
export function prepareStatements(database: Database): Statements {
  const atOnce = database.transaction((work) => work());
  return {
    transaction: (work) => atOnce.immediate(work),
    erasing: (work) => eraseDuring(database, work),
    get: database.prepare(`SELECT value_json, ${HEAD} FROM cache_entries WHERE key = ? AND ${LIVE}`),
    head: database.prepare(
      `SELECT ${HEAD} FROM cache_entries INDEXED BY refcache_heads WHERE key = ? AND ${LIVE}`,
    ),
    exists: database.prepare(
      `SELECT 1 FROM cache_entries INDEXED BY refcache_heads WHERE key = ? AND ${LIVE}`,
    ),
    // An upsert and not a REPLACE: the row keeps its rowid, so a listing meets it once.
    set: database.prepare(`
      INSERT INTO cache_entries (key, value_json, ${HEAD}) VALUES (?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (key) DO UPDATE SET
        value_json = excluded.value_json, namespace = excluded.namespace, policy_json = excluded.policy_json,
        created_at = excluded.created_at, expires_at = excluded.expires_at, metadata_json = excluded.metadata_json`),
    replace: database.prepare(`
      UPDATE cache_entries SET value_json = ?, namespace = ?, policy_json = ?, created_at = ?, expires_at = ?,
        metadata_json = ?
      WHERE key = ? AND ${LIVE}`),
    delete: database.prepare("DELETE FROM cache_entries WHERE key = ? RETURNING expires_at"),
    ranges: prepareRanges(database, HEAD, LIVE),
    writing: prepareWriting(database),
    everywhere: prepareScoped(database, "TRUE"),
    inNamespace: prepareScoped(database, "namespace = @namespace"),
    getLink: database.prepare(`SELECT ref_id FROM refcache_links WHERE name = ? AND ${LIVE}`),
    setLink: database.prepare(`
      INSERT INTO refcache_links (name, ref_id, expires_at) VALUES (?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET ref_id = excluded.ref_id, expires_at = excluded.expires_at`),
    entryEnd: database.prepare("SELECT expires_at FROM cache_entries WHERE key = ?"),
    linkEnd: database.prepare("SELECT expires_at FROM refcache_links WHERE name = ?"),
    removeExpired: database.prepare(removing("cache_entries", "expires_at <= @now")),
    removeExpiredLinks: database.prepare(removing("refcache_links", "expires_at <= @now")),
    removeLinks: database.prepare(removing("refcache_links", "TRUE")),
    getLease: database.prepare("SELECT owner, fence, ends_at FROM refcache_leases WHERE name = ?"),
    setLease: database.prepare(`
      INSERT INTO refcache_leases (name, owner, fence, ends_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (name) DO UPDATE SET
        owner = excluded.owner, fence = excluded.fence, ends_at = excluded.ends_at`),
    moveLeaseEnd: database.prepare(
      "UPDATE refcache_leases SET ends_at = ? WHERE name = ? AND owner = ? AND ends_at > ?",
    ),
    removeOldLeases: database.prepare(removing("refcache_leases", `ends_at <= @now - ${DAY_SECONDS}`)),
    removeLeases: database.prepare(removing("refcache_leases", "TRUE")),
    dataVersion: database.prepare("PRAGMA data_version"),
    addMessage: database.prepare("INSERT INTO refcache_messages (at, text) VALUES (?, ?)"),
    lastMessage: database.prepare("SELECT max(id) AS id FROM refcache_messages"),
    messagesAfter: database.prepare(
      "SELECT id, text FROM refcache_messages WHERE id > ? ORDER BY id LIMIT ?",
    ),
    removeMessages: database.prepare(
      "DELETE FROM refcache_messages WHERE at < ? AND id < (SELECT max(id) FROM refcache_messages)",
    ),
    labels: prepareLabelStatements(database),
    tasks: prepareTaskStatements(database),
  };
}

/** Off otherwise: zeroing what is freed costs each removal the writing of its pages. */
function eraseDuring<T>(database: Database, work: () => T): T {
  database.pragma("secure_delete = ON");
  try {
    return work();
  } finally {
    database.pragma("secure_delete = FAST");
  }
}

function prepareScoped(database: Database, scope: string): ScopedStatements {
  // Only what stands before the value is read of the row itself, whose end may be a hundred megabytes behind.
  const page = `FROM cache_entries AS listed
    CROSS JOIN cache_entries AS heads INDEXED BY refcache_heads ON heads.key = listed.key
    WHERE ${scope.replace("namespace =", "listed.namespace =")} AND listed.rowid > @after
    ORDER BY listed.rowid LIMIT ${PAGE_ROWS}`;
  const head = HEAD.replaceAll(/\w+/g, "heads.$&");
  return {
    keys: database.prepare(`SELECT listed.rowid, listed.key, heads.expires_at ${page}`),
    heads: database.prepare(`SELECT listed.rowid, listed.key, ${head} ${page}`),
    remove: database.prepare(`${removing("cache_entries", scope)} RETURNING key, ${LINK} AS link`),
  };
}

function removing(table: string, condition: string): string {
  return `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${condition} LIMIT @limit)`;
}
