/**
 * Stands in `value_json` where the value is in rows of `refcache_texts` alone, for readers that know nothing of these:
 * JSON, so that no listing breaks, and a note of what is to be done.
 */
export const ROWS_NOTE = JSON.stringify({
  mcp_refcache_rows: 1,
  note: "This value is kept in the table refcache_texts, as it is large. mcp-refcache for Node reads it.",
});

/**
 * Puts the text of an entry that is in rows into its column: reference twice, and the note. The text is put together by
 * SQLite: it never comes into the memory that JavaScript manages.
 */
export const FILL_IN = `
UPDATE cache_entries SET value_json = (
  SELECT group_concat(CAST(bytes AS TEXT), '') FROM (SELECT bytes FROM refcache_texts WHERE key = ? ORDER BY n)
) WHERE key = ? AND value_json = ?`;
