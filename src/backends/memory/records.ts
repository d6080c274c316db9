import type { Policy } from "../../access/policy.js";
import {
  type AtRestNote,
  type Entry,
  type EntryHead,
  type EntryMetadata,
  storedSizeOf,
} from "../../entry/entry.js";
import type { Labelled } from "../../entry/labels.js";
import { grown } from "./chain.js";
import { type Kind, type KindFacts, Kinds } from "./kinds.js";

/** Stands for `null` among the counts. */
const UNKNOWN = 0xffff_ffff;

/**
 * Entries by slot. What is one's own is a text and a few numbers in columns, 40 bytes together; the rest is shared with all
 * entries of its kind. An entry with more to tell than others (of another writer, say) is kept as a frozen object.
 */
export class Records {
  readonly kinds = new Kinds();
  /** The text, or the whole entry where the columns cannot hold it. */
  readonly #texts: (string | Entry)[] = [""];
  readonly #kinds: (Kind | undefined)[] = [undefined];
  /** The names in the heads, most of them of one function's results; as long as the last slot that has one. */
  readonly #links: (string | undefined)[] = [];
  #createdAt = new Float64Array(0);
  /** Infinity for never. */
  #expiresAt = new Float64Array(0);
  #totalItems = new Uint32Array(0);
  #totalSize = new Uint32Array(0);
  #checksum = new Uint32Array(0);

  /** Makes room for slots below this number. */
  grow(slots: number): void {
    this.#createdAt = grown(this.#createdAt, new Float64Array(slots));
    this.#expiresAt = grown(this.#expiresAt, new Float64Array(slots));
    this.#totalItems = grown(this.#totalItems, new Uint32Array(slots));
    this.#totalSize = grown(this.#totalSize, new Uint32Array(slots));
    this.#checksum = grown(this.#checksum, new Uint32Array(slots));
  }

  /** Writes an entry into a slot, over what was there. */
  write(slot: number, refId: string, entry: Entry): Kind {
    const { metadata, expiresAt } = entry;
    const isOrdinary = hasOnly(entry, ENTRY_MEMBERS) && isOrdinaryMetadata(refId, entry);
    const kind = this.kinds.take(factsOf(entry));
    const former = this.#kinds[slot];
    if (former !== undefined) this.kinds.release(former);
    this.#kinds[slot] = kind;
    this.#texts[slot] = isOrdinary ? entry.json : frozenCopy(entry, kind.policy);
    this.#createdAt[slot] = entry.createdAt;
    this.#expiresAt[slot] = expiresAt ?? Number.POSITIVE_INFINITY;
    this.#totalItems[slot] = metadata.totalItems ?? UNKNOWN;
    this.#totalSize[slot] = metadata.totalSize ?? UNKNOWN;
    this.#checksum[slot] = metadata.atRest?.checksum ?? 0;
    this.#keepLink(slot, metadata.link);
    return kind;
  }

  /** Empties a slot; tells the kind that was in it. */
  erase(slot: number): Kind | undefined {
    const kind = this.#kinds[slot];
    this.#kinds[slot] = undefined;
    this.#texts[slot] = "";
    this.#keepLink(slot, undefined);
    if (kind !== undefined) this.kinds.release(kind);
    return kind;
  }

  /** The kind of what is in a slot; `undefined` where it is free. */
  kindAt(slot: number): Kind | undefined {
    return this.#kinds[slot];
  }

  /** What the labels of an entry are made of; `undefined` where the slot is free. */
  labelledAt(slot: number): Labelled | undefined {
    const text = this.#texts[slot];
    const kind = this.#kinds[slot];
    if (kind === undefined || typeof text === "object") return text as Entry | undefined;
    return { namespace: kind.namespace, metadata: { toolName: kind.toolName } };
  }

  /** Bytes that the text in a slot takes at most. */
  bytesAt(slot: number): number {
    const text = this.#texts[slot] ?? "";
    if (typeof text !== "string") return textBytes(text.json, storedSizeOf(text.metadata));
    const isSize = this.#kinds[slot]?.note === "size";
    return textBytes(text, isSize ? text.length : orNull(this.#totalSize[slot]));
  }

  /** The text in a slot. */
  textAt(slot: number): string {
    const text = this.#texts[slot] ?? "";
    return typeof text === "string" ? text : text.json;
  }

  /** Tells whether what is in a slot has expired. */
  isExpired(slot: number, now: number): boolean {
    return now >= (this.#expiresAt[slot] ?? 0);
  }

  /** The entry of a slot in use, the reader's own or frozen. */
  entryAt(slot: number, refId: string): Entry | undefined {
    const kind = this.#kinds[slot];
    const json = this.#texts[slot];
    if (typeof json !== "string" || kind === undefined) return json as Entry | undefined;
    const { namespace, policy } = kind;
    const metadata = this.#metadataWithLinkAt(slot, kind, refId, json);
    return {
      json,
      namespace,
      policy,
      createdAt: this.#createdAt[slot] ?? 0,
      expiresAt: this.#endOf(slot),
      metadata,
    };
  }

  /** The same without the text. */
  headAt(slot: number, refId: string): EntryHead | undefined {
    const kind = this.#kinds[slot];
    const text = this.#texts[slot];
    if (kind === undefined || text === undefined) return undefined;
    if (typeof text !== "string") return headOf(text);
    const { namespace, policy } = kind;
    const metadata = this.#metadataWithLinkAt(slot, kind, refId, text);
    return {
      namespace,
      policy,
      createdAt: this.#createdAt[slot] ?? 0,
      expiresAt: this.#endOf(slot),
      metadata,
    };
  }

  #endOf(slot: number): number | null {
    const expiresAt = this.#expiresAt[slot] ?? 0;
    return expiresAt === Number.POSITIVE_INFINITY ? null : expiresAt;
  }

  #keepLink(slot: number, link: string | undefined): void {
    if (link === undefined && slot >= this.#links.length) return;
    while (this.#links.length < slot) this.#links.push(undefined); // an array with holes is a slow one
    this.#links[slot] = link;
  }

  #metadataWithLinkAt(slot: number, kind: Kind, refId: string, text: string): EntryMetadata {
    const metadata = this.#metadataAt(slot, kind, refId, text);
    const link = this.#links[slot];
    return link === undefined ? metadata : { ...metadata, link };
  }

  /** Literals rather than spreads, which take twenty times as long. */
  #metadataAt(slot: number, kind: Kind, refId: string, text: string): EntryMetadata {
    const { toolName, strictJson, note } = kind;
    const totalItems = orNull(this.#totalItems[slot]);
    const totalSize = orNull(this.#totalSize[slot]);
    const atRest = note === "none" ? undefined : this.#noteAt(slot, note, refId, text);
    if (strictJson !== undefined && atRest !== undefined)
      return { toolName, totalItems, totalSize, strictJson, atRest };
    if (strictJson !== undefined) return { toolName, totalItems, totalSize, strictJson };
    return atRest === undefined
      ? { toolName, totalItems, totalSize }
      : { toolName, totalItems, totalSize, atRest };
  }

  #noteAt(slot: number, note: "checksum" | "size", refId: string, text: string): AtRestNote {
    return note === "size" ? { storedSize: text.length } : { refId, checksum: this.#checksum[slot] ?? 0 };
  }
}

/** What a text takes in memory at most: a byte a character where its size in UTF-8 shows it to be ASCII, else two. */
export function textBytes(text: string, utf8: number | null): number {
  return utf8 === text.length ? text.length : 2 * text.length;
}

function orNull(count = UNKNOWN): number | null {
  return count === UNKNOWN ? null : count;
}

function factsOf({ namespace, policy, metadata }: Entry): KindFacts {
  const { toolName, strictJson, atRest } = metadata;
  const note = atRest === undefined ? "none" : atRest.checksum === undefined ? "size" : "checksum";
  return { namespace, policy, toolName, strictJson, note };
}

const ENTRY_MEMBERS = new Set(["json", "namespace", "policy", "createdAt", "expiresAt", "metadata"]);
const METADATA_MEMBERS = new Set(["toolName", "totalItems", "totalSize", "strictJson", "atRest", "link"]);
const NOTE_MEMBERS = new Set(["refId", "checksum", "storedSize"]);

function hasOnly(object: object, members: ReadonlySet<string>): boolean {
  for (const member in object) if (!members.has(member)) return false;
  return true;
}

/** Tells whether the columns and the kind can hold all of it, exactly. */
function isOrdinaryMetadata(refId: string, { json, metadata }: Entry): boolean {
  const { totalItems, totalSize, atRest } = metadata;
  return (
    hasOnly(metadata, METADATA_MEMBERS) &&
    (!("link" in metadata) || metadata.link !== undefined) &&
    isCount(totalItems) &&
    isCount(totalSize) &&
    (atRest === undefined || isOrdinaryNote(refId, json, atRest))
  );
}

function isOrdinaryNote(refId: string, json: string, note: AtRestNote): boolean {
  if (!hasOnly(note, NOTE_MEMBERS)) return false;
  const { checksum, storedSize } = note;
  if (checksum === undefined) return note.refId === undefined && storedSize === json.length;
  return note.refId === refId && storedSize === undefined && isCount(checksum, UNKNOWN);
}

function isCount(count: number | null, most = UNKNOWN - 1): boolean {
  return count === null || (count >= 0 && count <= most && count === count >>> 0 && !Object.is(count, -0));
}

function headOf({ json: _, ...head }: Entry): EntryHead {
  return head;
}

/** Members that others add are kept, whatever they are. */
function frozenCopy({ json, policy, ...others }: Entry, shared: Policy): Entry {
  return Object.freeze({ ...deepFreeze(structuredClone(others)), json, policy: shared });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.values(Object.freeze(value)).forEach(deepFreeze);
  }
  return value;
}
