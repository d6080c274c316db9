import type { Database } from "./driver.js";

/** The wire format's table and indexes, then tables of our own, which Python never looks at. */
const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS cache_entries (
    key TEXT PRIMARY KEY,
    value_json TEXT NOT NULL,
    namespace TEXT NOT NULL,
    policy_json TEXT NOT NULL,
    created_at REAL NOT NULL,
    expires_at REAL,
    metadata_json TEXT NOT NULL
  )`,
  "CREATE INDEX IF NOT EXISTS idx_namespace ON cache_entries(namespace)",
  "CREATE INDEX IF NOT EXISTS idx_expires_at ON cache_entries(expires_at)",
  // A head lies behind its value, and is read through all of it; from here it is read by itself.
  `CREATE INDEX IF NOT EXISTS refcache_heads
    ON cache_entries(key, expires_at, namespace, policy_json, created_at, metadata_json)`,
  `CREATE TABLE IF NOT EXISTS refcache_links (
    name TEXT PRIMARY KEY,
    ref_id TEXT NOT NULL,
    expires_at REAL
  )`,
  "CREATE INDEX IF NOT EXISTS refcache_links_expires_at ON refcache_links(expires_at)",
  // A part of a column cannot be read without the whole, so a large text is kept a second time, in rows.
  `CREATE TABLE IF NOT EXISTS refcache_texts (
    key TEXT NOT NULL,
    n INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (key, n)
  )`,
  "CREATE TABLE IF NOT EXISTS refcache_outlines (key TEXT PRIMARY KEY, outline BLOB NOT NULL)",
  // Texts that are no entries yet, by the reference they will have.
  `CREATE TABLE IF NOT EXISTS refcache_writing (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    touched_at REAL NOT NULL
  )`,
  // Whoever deletes an entry, in whichever language, takes with it what lies beside it.
  `CREATE TRIGGER IF NOT EXISTS refcache_entry_gone AFTER DELETE ON cache_entries BEGIN
    DELETE FROM refcache_outlines WHERE key = OLD.key;
    DELETE FROM refcache_texts WHERE key = OLD.key;
  END`,
  `CREATE TABLE IF NOT EXISTS refcache_leases (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    fence INTEGER NOT NULL,
    ends_at REAL NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS refcache_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    text TEXT NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS refcache_labels (
    label TEXT NOT NULL,
    key TEXT NOT NULL,
    expires_at REAL,
    PRIMARY KEY (label, key)
  ) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS refcache_labels_expires_at ON refcache_labels(expires_at)",
  // A name belongs to one task: the last that it was pointed at.
  `CREATE TABLE IF NOT EXISTS refcache_tasks (
    key TEXT PRIMARY KEY,
    name TEXT UNIQUE,
    revision INTEGER NOT NULL,
    is_finished INTEGER NOT NULL,
    lease_ends_at REAL NOT NULL,
    expires_at REAL,
    record TEXT NOT NULL
  )`,
  "CREATE INDEX IF NOT EXISTS refcache_tasks_expires_at ON refcache_tasks(expires_at)",
  `CREATE INDEX IF NOT EXISTS refcache_tasks_unfinished
    ON refcache_tasks(lease_ends_at) WHERE is_finished = 0`,
];

const TABLES =
  "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/**
 * Makes what is missing of the schema. Statement by statement, as each takes a write lock only where it has
 * something to make; a process that dies in between leaves what the next one completes.
 */
export function createSchema(database: Database): void {
  for (const statement of SCHEMA) database.exec(statement);
}

/** Tells whether a database is another program's: it has tables, and not the one of a cache. */
export function isForeign(database: Database): boolean {
  const tables = database.prepare<{ name: string }>(TABLES).all();
  return tables.length > 0 && !tables.some(({ name }) => name === "cache_entries");
}
