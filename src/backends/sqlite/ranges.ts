import type { EntryHead } from "../../entry/entry.js";
import { decodeHeadRow, type EntryHeadRow, type EntryRow } from "../../entry/wire.js";
import type { ByteRange } from "../../outline/text.js";
import type { Look } from "../backend.js";
import type { Database, Statement } from "./driver.js";
import { ROWS_NOTE } from "./whole-row.js";

/** A larger text is not read at a look: some 20 µs. */
const LOOK_BYTES = 64 * 1024;

/** Bytes of a large text in one row: what is read for a range is a row or two. */
export const ROW_BYTES = 64 * 1024;

/** Rows that are written at a time: some 3 ms. */
export const ROWS_PER_TURN = 16;

/** Statements over large texts and their outlines. */
export interface RangeStatements {
  /** most bytes of the text, refId, now */
  readonly look: Statement<
    EntryHeadRow & { readonly value_json: string | null; readonly outline: Buffer | null }
  >;
  /** refId, n, bytes */
  readonly setText: Statement;
  /** refId, first n, last n */
  readonly getText: Statement<{ readonly bytes: Buffer }>;
  /** refId */
  readonly removeTexts: Statement;
  /** refId, outline, refId */
  readonly setOutline: Statement;
  /** refId */
  readonly removeOutline: Statement;
}

/** Prepares them. */
export function prepareRanges(database: Database, head: string, live: string): RangeStatements {
  return {
    look: database.prepare(`
      SELECT ${head},
        (SELECT CASE WHEN octet_length(value_json) <= ? THEN value_json END
          FROM cache_entries AS whole WHERE whole.rowid = heads.rowid) AS value_json,
        (SELECT outline FROM refcache_outlines WHERE refcache_outlines.key = heads.key) AS outline
      FROM cache_entries AS heads INDEXED BY refcache_heads WHERE key = ? AND ${live}`),
    setText: database.prepare("INSERT OR REPLACE INTO refcache_texts (key, n, bytes) VALUES (?, ?, ?)"),
    getText: database.prepare(
      "SELECT bytes FROM refcache_texts WHERE key = ? AND n BETWEEN ? AND ? ORDER BY n",
    ),
    removeTexts: database.prepare("DELETE FROM refcache_texts WHERE key = ?"),
    removeOutline: database.prepare("DELETE FROM refcache_outlines WHERE key = ?"),
    setOutline: database.prepare(`
      INSERT OR REPLACE INTO refcache_outlines (key, outline)
      SELECT ?, ? WHERE EXISTS (SELECT 1 FROM cache_entries WHERE key = ?)`),
  };
}

/** See {@link RangeStore.look}. Throws `EntryUnreadableError`. */
export function look({ look }: RangeStatements, refId: string, now: number): Look | undefined {
  const row = look.get(LOOK_BYTES, refId, now);
  if (row === undefined) return undefined;
  const head: EntryHead = decodeHeadRow(refId, row);
  return {
    head,
    ...(typeof row.value_json === "string" && row.value_json !== ROWS_NOTE ? { json: row.value_json } : {}),
    ...(row.outline === null ? {} : { outline: row.outline }),
    textAt: 0,
  };
}

/** The bytes of a range; fewer where the text has fewer. */
export function readRange({ getText }: RangeStatements, refId: string, { from, to }: ByteRange): Buffer {
  const first = Math.floor(from / ROW_BYTES);
  const rows = getText.all(refId, first, Math.floor((to - 1) / ROW_BYTES));
  const bytes =
    rows.length === 1 ? (rows[0] as { bytes: Buffer }).bytes : Buffer.concat(rows.map((row) => row.bytes));
  return bytes.subarray(from - first * ROW_BYTES, to - first * ROW_BYTES);
}

/** Removes a text and its outline. */
export function removeText({ removeTexts, removeOutline }: RangeStatements, refId: string): void {
  removeTexts.run(refId);
  removeOutline.run(refId);
}

/** A row as if its text were in it, also where that is in rows of its own. */
export function wholeRow({ getText }: RangeStatements, refId: string, row: EntryRow): EntryRow {
  if (row.value_json !== ROWS_NOTE) return row;
  const rows = getText.all(refId, 0, Number.MAX_SAFE_INTEGER);
  if (rows.length === 0) return row;
  return { ...row, value_json: Buffer.concat(rows.map(({ bytes }) => bytes)).toString() };
}

/** Writes some rows of a text. */
export function writeRows({ setText }: RangeStatements, refId: string, text: Buffer, first: number): void {
  const last = Math.min(first + ROWS_PER_TURN, Math.ceil(text.length / ROW_BYTES));
  for (let n = first; n < last; n++) setText.run(refId, n, text.subarray(n * ROW_BYTES, (n + 1) * ROW_BYTES));
}
