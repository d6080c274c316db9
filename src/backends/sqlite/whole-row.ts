import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

/**
 * Stands in `value_json` where the value is in rows of `refcache_texts` alone, for readers that know nothing of these:
 * JSON, so that no listing breaks, and a note of what is to be done.
 */
export const ROWS_NOTE = JSON.stringify({
  mcp_refcache_rows: 1,
  note: "This value is kept in the table refcache_texts, as it is large. mcp-refcache for Node reads it.",
});

/** What a file of another thread runs: one statement, which SQLite may take long over. */
const WORKER = `
const { parentPort, workerData: { driver, path, timeout, sql, parameters } } = require("node:worker_threads");
const database = new (require(driver))(path, { timeout });
try {
  database.pragma("synchronous = NORMAL");
  database.prepare(sql).run(...parameters);
} finally {
  database.close();
}`;

/** The text is put together by SQLite itself: it never comes into the memory that JavaScript manages. */
const FILL_IN = `
UPDATE cache_entries SET value_json = (
  SELECT group_concat(CAST(bytes AS TEXT), '') FROM (SELECT bytes FROM refcache_texts WHERE key = ? ORDER BY n)
) WHERE key = ? AND value_json = ?`;

/**
 * Puts the text of an entry that is in rows into its column too, where other readers look for it, in a thread and over a
 * connection of its own. Where that fails, the entry stays as it is: whole, in its rows.
 */
export function fillInWhole(path: string, refId: string, timeout: number): Promise<void> {
  const driver = createRequire(import.meta.url).resolve("better-sqlite3");
  const parameters = [refId, refId, ROWS_NOTE];
  const worker = new Worker(WORKER, {
    eval: true,
    workerData: { driver, path, timeout, sql: FILL_IN, parameters },
  });
  return new Promise((resolve) => {
    worker.once("error", () => {}); // such as a full disk
    worker.once("exit", () => resolve());
  });
}
