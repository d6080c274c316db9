import { setImmediate as nextTurn } from "node:timers/promises";
import { type EntryHead, isExpired } from "../../entry/entry.js";
import { bears, type Label, labelsOf, labelText } from "../../entry/labels.js";
import { decodeHeadRow, type EntryHeadRow } from "../../entry/wire.js";
import { EntryUnreadableError } from "../../errors.js";
import type { MayRemove } from "../backend.js";
import { partlyDone } from "../partly-done.js";
import type { Database, Statement } from "./driver.js";
import { readPage, STEP_MS } from "./pace.js";
import type { Statements } from "./statements.js";

/** Statements over the index of labels, and over what goes with a removed entry. */
export interface LabelStatements {
  /** label, key, expires_at */
  readonly add: Statement;
  /** label, key */
  readonly remove: Statement;
  /** `@limit`, `@now`: removes so many expired rows, found by index. */
  readonly removeExpired: Statement;
  /** As `removeExpired`, of all rows. */
  readonly removeAll: Statement;
  /** `@label`, `@after`: rows of the index behind this key, with the heads of their entries where there are any. */
  readonly page: Statement<LabelledRow>;
  /** name, refId: removes a name that leads to this reference. */
  readonly unlink: Statement;
}

type LabelledRow = { readonly key: string } & (EntryHeadRow | { readonly namespace: null });

/** Runs work on an open store, as `SqliteBackend` does. */
type Run = <T>(work: (statements: Statements) => T) => Promise<T>;
type Listed = readonly [refId: string, head: EntryHead];

const PAGE_ROWS = 500;

/** Prepares the statements, once a connection. */
export function prepareLabelStatements(database: Database): LabelStatements {
  return {
    add: database.prepare(`
      INSERT INTO refcache_labels (label, key, expires_at) VALUES (?, ?, ?)
      ON CONFLICT (label, key) DO UPDATE SET expires_at = excluded.expires_at`),
    remove: database.prepare("DELETE FROM refcache_labels WHERE label = ? AND key = ?"),
    removeExpired: database.prepare(removing("expires_at <= @now")),
    removeAll: database.prepare(removing("TRUE")),
    page: database.prepare(`
      SELECT labels.key, namespace, policy_json, created_at, entries.expires_at, metadata_json
      FROM refcache_labels AS labels LEFT JOIN cache_entries AS entries ON entries.key = labels.key
      WHERE label = @label AND labels.key > @after ORDER BY labels.key LIMIT ${PAGE_ROWS}`),
    unlink: database.prepare("DELETE FROM refcache_links WHERE name = ? AND ref_id = ?"),
  };
}

function removing(condition: string): string {
  return `DELETE FROM refcache_labels
    WHERE (label, key) IN (SELECT label, key FROM refcache_labels WHERE ${condition} LIMIT @limit)`;
}

/** Notes the labels of an entry; within the transaction that stores it. */
export function writeLabels({ labels }: Statements, refId: string, entry: EntryHead): void {
  const expiresAt = entry.expiresAt === null ? null : entry.expiresAt / 1000;
  for (const label of labelsOf(entry)) labels.add.run(labelText(label), refId, expiresAt);
}

/** The live entries under a tool or a tag. Rows of the index that no longer say the truth are removed on the way. */
export async function* labelledPages(run: Run, label: Label): AsyncGenerator<readonly Listed[]> {
  const text = labelText(label);
  for (let after = ""; ; ) {
    const rows = await run(({ labels }) => readPage(labels.page, { label: text, after }));
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.key;
    const heads = rows.map((row) => [row.key, readHeadOf(row)] as const);
    const stale = heads.filter(
      ([, head]) => head === "missing" || (head !== undefined && !bears(head, label)),
    );
    if (stale.length > 0) await run((statements) => forget(statements, text, stale));
    yield heads.filter((listed): listed is Listed => isLiveBearer(listed[1], label));
    await nextTurn();
  }
}

/** Nothing for what cannot be read, or has expired, and so goes by itself. */
function readHeadOf(row: LabelledRow): EntryHead | "missing" | undefined {
  if (row.namespace === null) return "missing";
  try {
    const head = decodeHeadRow(row.key, row);
    return isExpired(head, Date.now()) ? undefined : head;
  } catch (error) {
    if (error instanceof EntryUnreadableError) return undefined;
    throw error;
  }
}

function isLiveBearer(head: EntryHead | "missing" | undefined, label: Label): boolean {
  return head !== undefined && head !== "missing" && bears(head, label);
}

function forget(
  { labels, transaction }: Statements,
  label: string,
  stale: readonly (readonly [refId: string, unknown])[],
): void {
  transaction(() => {
    for (const [refId] of stale) labels.remove.run(label, refId);
  });
}

/** Removes what may go of pages of entries, with names and labels; tells how many. */
export async function removePages(
  run: Run,
  pages: AsyncIterable<readonly Listed[]>,
  mayRemove: MayRemove = () => true,
): Promise<number> {
  let removed = 0;
  try {
    for await (const page of pages) {
      const leaving: Listed[] = [];
      for (const [refId, head] of page) if (await mayRemove(refId, head)) leaving.push([refId, head]);
      while (leaving.length > 0) {
        removed += await run((statements) => removeSome(statements, leaving));
        await nextTurn();
      }
    }
  } catch (error) {
    throw partlyDone(error, removed);
  }
  return removed;
}

/** Removes entries from the end of a list, as many as one step allows. */
function removeSome(statements: Statements, leaving: Listed[]): number {
  const end = performance.now() + STEP_MS;
  let removed = 0;
  let done = 0;
  statements.transaction(() => {
    for (const [refId, head] of leaving.toReversed()) {
      removed += statements.delete.all(refId).length;
      removeTraces(statements, refId, head);
      done++;
      if (performance.now() > end) break;
    }
  });
  leaving.length -= done; // only once the transaction has come to its end: a busy one is run again
  return removed;
}

function removeTraces({ labels }: Statements, refId: string, head: EntryHead): void {
  if (head.metadata.link !== undefined) labels.unlink.run(head.metadata.link, refId);
  for (const label of labelsOf(head)) labels.remove.run(labelText(label), refId);
}
