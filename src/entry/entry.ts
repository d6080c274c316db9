import type { Policy } from "../access/policy.js";

/** What is known of an entry without looking at its value. */
export interface EntryHead {
  readonly namespace: string;
  readonly policy: Policy;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  /** Unix time in milliseconds from which the entry no longer exists; `null` means never. */
  readonly expiresAt: number | null;
  readonly metadata: EntryMetadata;
}

/** A stored value with its head. Immutable: a new result is a new entry under a new reference. */
export interface Entry extends EntryHead {
  /** The value as JSON text. Text, so that every reader parses a copy of its own. */
  readonly json: string;
}

/** Facts about a value. Members beyond the named ones are passed through untouched. */
export interface EntryMetadata {
  readonly toolName: string | null;
  /** Items of a list, members of an object, `null` for anything else. */
  readonly totalItems: number | null;
  /** Size of the JSON text in bytes of UTF-8. */
  readonly totalSize: number | null;
  /**
   * `true` when the text is JSON that `JSON.parse` reads without loss: no integer beyond 2^53, no NaN, no
   * infinity. Absent on entries of other writers, which are looked at before they are parsed.
   */
  readonly strictJson?: boolean;
  /** Texts by which the entry is invalidated. Absent where there are none. */
  readonly tags?: readonly string[];
  /** The name that was pointed at the entry when it was stored: what removes entries by label removes it, too. */
  readonly link?: string;
  /** What the cache noted of the text it gave to the store; a backend passes it through. */
  readonly atRest?: AtRestNote;
  /** Members of other writers, under their wire names. */
  readonly other?: Readonly<Record<string, unknown>>;
}

/** By what an entry that comes from the store is recognised as the one that went in. */
export interface AtRestNote {
  /** The reference it was stored under. */
  readonly refId?: string;
  /** CRC-32 over text and head. Absent where the text is encrypted, which says more. */
  readonly checksum?: number;
  /** Size of the stored text in bytes, where it is not the value's own. */
  readonly storedSize?: number;
  /** What binds the head to a text that is encrypted in blocks, in base64. */
  readonly seal?: string;
}

/** Size of the text as the store holds it, in bytes of UTF-8, or `null` where nobody noted it. */
export function storedSizeOf({ atRest, totalSize }: EntryMetadata): number | null {
  return atRest?.storedSize ?? totalSize;
}

/** Tells whether an entry has ceased to exist at a time in Unix milliseconds. */
export function isExpired(head: Pick<EntryHead, "expiresAt">, now: number): boolean {
  return head.expiresAt !== null && now >= head.expiresAt;
}
