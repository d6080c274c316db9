import type { Entry, EntryHead } from "../../entry/entry.js";
import { decodeEntry, decodeHeadFromTail, encodeEntry } from "../../entry/wire.js";
import { EntryUnreadableError } from "../../errors.js";
import type { Found, NewEntry } from "../backend.js";
import { stepByStep } from "../partly-done.js";
import { type Command, type Connection, isOneServer } from "./commands.js";
import { live, tailOf, writing } from "./entry-commands.js";
import { entryKey, linkKey } from "./keys.js";
import type { RedisLabels } from "./labels.js";

/** See {@link BatchStore.getMany}. One round trip a server. */
export async function getMany(connection: Connection, refIds: readonly string[]): Promise<Found<Entry>[]> {
  const texts = await connection.send(refIds.map((refId) => ["get", entryKey(refId)]));
  return refIds.map((refId, n) => decoded(refId, texts[n]));
}

/** See {@link BatchStore.headMany}. One round trip a server, and another where a head is larger than usual. */
export async function headMany(
  connection: Connection,
  refIds: readonly string[],
): Promise<Found<EntryHead>[]> {
  const tails = await connection.send(refIds.map((refId) => tailOf(entryKey(refId))));
  const heads = refIds.map((refId, n) => headFrom(refId, tails[n]));
  const large = refIds.filter((_, n) => heads[n] === "elsewhere");
  if (large.length === 0) return heads as Found<EntryHead>[];
  const entries = await getMany(connection, large);
  const found = new Map(large.map((refId, n) => [refId, withoutValue(entries[n])]));
  return heads.map((head, n) => (head === "elsewhere" ? found.get(refIds[n] ?? "") : head));
}

/** See {@link BatchStore.setMany}. On one server, one transaction in one round trip. */
export async function setMany(
  connection: Connection,
  labels: RedisLabels,
  entries: readonly NewEntry[],
): Promise<void> {
  const texts = entries.map(({ entry }) => encodeEntry(entry));
  const bytes = texts.reduce((sum, text) => sum + text.length, 0);
  const writes = entries.map(({ refId, entry }, n) =>
    writing(entryKey(refId), texts[n] ?? "", entry.expiresAt),
  );
  const links = entries.flatMap(({ refId, entry, name }) =>
    name === undefined ? [] : [writing(linkKey(name), refId, entry.expiresAt)],
  );
  const noting = labels.noting(entries);
  // What is noted of an entry comes before it, and what leads to it behind: so it can be found whenever it is there.
  if (isOneServer(connection)) await connection.inOrder([...noting, ...writes, ...links], bytes);
  else await stepByStep([noting, writes, links], (step) => sendAny(connection, step, bytes));
}

async function sendAny(connection: Connection, commands: readonly Command[], bytes: number): Promise<void> {
  if (commands.length > 0) await connection.send(commands, bytes);
}

/** A key of another type has no reply. */
function decoded(refId: string, text: unknown): Found<Entry> {
  if (text === undefined) return ofAnotherType(refId);
  if (typeof text !== "string") return undefined;
  try {
    return live(decodeEntry(refId, text));
  } catch (error) {
    if (error instanceof EntryUnreadableError) return error;
    throw error;
  }
}

function headFrom(refId: string, tail: unknown): Found<EntryHead> | "elsewhere" {
  if (tail === undefined) return ofAnotherType(refId);
  if (typeof tail !== "string" || tail === "") return undefined;
  const head = decodeHeadFromTail(tail);
  return head === undefined ? "elsewhere" : live(head);
}

function ofAnotherType(refId: string): EntryUnreadableError {
  return new EntryUnreadableError(refId, "its key holds something else than a text");
}

function withoutValue(found: Found<Entry>): Found<EntryHead> {
  if (found === undefined || found instanceof EntryUnreadableError) return found;
  const { json: _, ...head } = found;
  return head;
}
