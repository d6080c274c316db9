import { EntryUnreadableError } from "../errors.js";
import { decodeValue } from "./decode.js";
import { type EncodedValue, encodeValue } from "./encode.js";
import { type Entry, type EntryHead, type EntryMetadata, storedSizeOf } from "./entry.js";
import {
  isMembers,
  type Members,
  metadataToWire,
  policyToWire,
  readHead,
  WireHeadError,
  writeHead,
} from "./head.js";

/** An entry as the seven columns of the SQLite table, the key aside. Times are Unix seconds. */
export interface EntryRow {
  readonly value_json: string;
  readonly namespace: string;
  readonly policy_json: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly metadata_json: string;
}

/** The columns that make the head. */
export type EntryHeadRow = Omit<EntryRow, "value_json">;

/** Writes an entry as the one JSON object that Redis holds: `value` first, the small members behind it. */
export function encodeEntry(entry: Entry): string {
  return `${ENTRY_BEGINNING}${entry.json}${entryEnding(entry)}`;
}

/** What stands before the value of an entry. */
export const ENTRY_BEGINNING = '{"value":';

/** What stands behind it. */
export function entryEnding(head: EntryHead): string {
  return `,${JSON.stringify(writeHead(head)).slice(1)}`;
}

/**
 * Reads an entry from its JSON object. The value stays text; only the head is parsed.
 * @throws {EntryUnreadableError} when a member is missing or malformed.
 */
export function decodeEntry(refId: string, text: string): Entry {
  return splitEntry(text) ?? reencodeEntry(refId, text);
}

/**
 * Reads the head from the last part of an entry's text.
 * @returns `undefined` when the part is too short to hold it, or is not the end of an entry.
 */
export function decodeHeadFromTail(tail: string): EntryHead | undefined {
  return findHead(tail)?.head;
}

/** Where the value begins in the text of an entry, told by the beginning of that; `undefined` where it is not first. */
export function textStart(beginning: string): number | undefined {
  return VALUE_FIRST.exec(beginning)?.[0].length;
}

/** Writes an entry as the columns of a row. */
export function encodeRow(entry: Entry): EntryRow {
  return {
    value_json: entry.json,
    namespace: entry.namespace,
    policy_json: JSON.stringify(policyToWire(entry.policy)),
    created_at: entry.createdAt / 1000,
    expires_at: entry.expiresAt === null ? null : entry.expiresAt / 1000,
    metadata_json: JSON.stringify(metadataToWire(entry.metadata)),
  };
}

/**
 * Reads an entry from a row.
 * @throws {EntryUnreadableError} when a column is malformed.
 */
export function decodeRow(refId: string, row: EntryRow): Entry {
  if (typeof row.value_json !== "string") throw new EntryUnreadableError(refId, "value_json is not a text");
  return { ...decodeHeadRow(refId, row), json: row.value_json };
}

/**
 * Reads a head from a row.
 * @throws {EntryUnreadableError} when a column is malformed.
 */
export function decodeHeadRow(refId: string, row: EntryHeadRow): EntryHead {
  const { namespace, created_at, expires_at } = row;
  const policy = parseColumn(refId, "policy_json", row.policy_json);
  const metadata = parseColumn(refId, "metadata_json", row.metadata_json);
  return readHeadOf(refId, { namespace, policy, created_at, expires_at, metadata });
}

function parseColumn(refId: string, column: string, text: string): unknown {
  try {
    return parseHead(text);
  } catch (cause) {
    throw new EntryUnreadableError(refId, `${column} is not JSON`, { cause: withoutText(cause) });
  }
}

/** How many occurrences of `"namespace"` are tried from the end; metadata and values may hold the word as well. */
const MOST_CANDIDATES = 16;
const VALUE_FIRST = /^\{\s*"value"\s*:\s*/;
const SEPARATOR = /\s*,\s*$/;

/**
 * Finds the head at the end of a text. Only the true beginning of the head parses: a deeper one would leave a
 * brace too many at the end.
 */
function findHead(text: string): { head: EntryHead; at: number } | undefined {
  let at = text.lastIndexOf('"namespace"');
  for (let tries = 0; at !== -1 && tries < MOST_CANDIDATES; tries++) {
    const members = parseObject(`{${text.slice(at)}`);
    if (members && !("value" in members)) {
      const head = readHead(members);
      if (!(head instanceof WireHeadError)) return { head, at };
    }
    at = at === 0 ? -1 : text.lastIndexOf('"namespace"', at - 1);
  }
  return undefined;
}

function parseObject(text: string): Members | undefined {
  try {
    const value = parseHead(text);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Heads are strict JSON, but for a NaN that another writer may have put into the metadata. */
function parseHead(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return decodeValue(text);
  }
}

function splitEntry(text: string): Entry | undefined {
  const start = VALUE_FIRST.exec(text)?.[0].length;
  const found = start === undefined ? undefined : findHead(text);
  if (start === undefined || found === undefined) return undefined;
  const end =
    found.at - (SEPARATOR.exec(text.slice(Math.max(start, found.at - 16), found.at))?.[0].length ?? 0);
  const json = text.slice(start, end);
  return isVouchedFor(json, found.head.metadata) || isJson(json) ? { ...found.head, json } : undefined;
}

/** Members unknown to us may stand between value and head; the size both languages note tells that none do. */
function isVouchedFor(json: string, metadata: EntryMetadata): boolean {
  const size = storedSizeOf(metadata);
  return size === json.length || size === Buffer.byteLength(json);
}

function isJson(json: string): boolean {
  try {
    decodeValue(json);
    return true;
  } catch {
    return false;
  }
}

/** The slow way, for entries whose members stand in an order that neither language writes. */
function reencodeEntry(refId: string, text: string): Entry {
  const members = parseWhole(refId, text);
  if (!("value" in members)) throw new EntryUnreadableError(refId, "value is missing");
  return { ...readHeadOf(refId, members), json: reencodeValue(refId, members.value).json };
}

const NO_LIMITS = { maxValueBytes: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY };

function reencodeValue(refId: string, value: unknown): EncodedValue {
  try {
    return encodeValue(value, NO_LIMITS);
  } catch {
    throw new EntryUnreadableError(refId, "its value is nested too deep");
  }
}

function readHeadOf(refId: string, members: Members): EntryHead {
  const head = readHead(members);
  if (head instanceof WireHeadError) throw new EntryUnreadableError(refId, head.message);
  return head;
}

function parseWhole(refId: string, text: string): Members {
  let value: unknown;
  try {
    value = decodeValue(text);
  } catch (cause) {
    throw new EntryUnreadableError(refId, "it is not JSON", { cause: withoutText(cause) });
  }
  if (isMembers(value)) return value;
  throw new EntryUnreadableError(refId, "it is not a JSON object");
}

/** The message of a SyntaxError quotes the text it stumbled over, which may be a secret. */
function withoutText(cause: unknown): Error {
  return new Error(cause instanceof Error ? cause.name : "unknown");
}
