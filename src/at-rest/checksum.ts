import { crc32 } from "node:zlib";
import type { Entry, EntryHead } from "../entry/entry.js";
import { canonicalHead } from "./canonical.js";

/** The entry with its own reference and a checksum, which tell an accident of the store on reading. */
export function withChecksum(refId: string, entry: Entry): Entry {
  const atRest = { refId, checksum: checksumOf(refId, entry) };
  return { ...entry, metadata: { ...entry.metadata, atRest } };
}

/** What has happened to an entry of ours in the store, or `undefined`; other writers' entries cannot be checked. */
export function damageOf(refId: string, stored: Entry): string | undefined {
  const { refId: storedAs = refId, checksum } = stored.metadata.atRest ?? {};
  if (storedAs !== refId) return "it was stored under another reference";
  if (checksum === undefined || checksum === checksumOf(refId, stored)) return undefined;
  return "its checksum does not match";
}

function checksumOf(refId: string, entry: Entry): number {
  return headChecksum(refId, entry, crc32(entry.json));
}

/** The checksum of an entry, of which that of the text is known. */
export function headChecksum(refId: string, head: EntryHead, ofText: number): number {
  return crc32(canonicalHead(refId, head), ofText);
}
