/**
 * Where the parts of one large list, object or text stand within the JSON text that holds it. Offsets are bytes of
 * UTF-8, counted from the beginning of that text; parts are counted from 0.
 */
export interface OutlineNode {
  readonly kind: "items" | "members" | "characters";
  /** Of what is between the brackets or quotes. */
  readonly start: number;
  /** Behind what is between the brackets or quotes. */
  readonly end: number;
  /** Items, members, or UTF-16 code units of the text that the JSON string stands for. */
  readonly count: number;
  /** Bytes of the smallest part with the separator behind it; of a text, 1. */
  readonly smallest: number;
  /** Bytes of the largest part with the separator behind it; of a text, those of its longest character or escape. */
  readonly largest: number;
  /** Where the last part begins. */
  readonly last: number;
  /** Which part that is: not always the one before `count`, as a surrogate pair counts as two. */
  readonly lastPart: number;
  /** Where each block of whole parts begins. */
  readonly blockStarts: Uint32Array;
  /** The first part of each block. */
  readonly blockParts: Uint32Array;
  /** Parts that are large themselves. */
  readonly children: readonly OutlineChild[];
}

/** A large part of a large list or object. */
export interface OutlineChild {
  /** Which part of the parent it is. */
  readonly part: number;
  readonly node: OutlineNode;
}

/** What must be known of a large JSON text to read parts of it without the rest. */
export interface Outline {
  /** Length of the text in bytes. */
  readonly bytes: number;
  /** UTF-16 code units of the text. */
  readonly characters: number;
  /** Its approximate size in tokens, by the built-in estimate. */
  readonly tokens: number;
  readonly root: OutlineNode;
  /** CRC-32 of each {@link SEGMENT_BYTES} of the text. */
  readonly checksums: Uint32Array;
  /** UTF-16 code units before each segment; empty where a code unit is a byte. */
  readonly charactersBefore: Uint32Array;
  /** Where the text lies in the store, where it is stored in blocks. */
  readonly blocks?: BlockMap;
}

/** Where the blocks lie of a text that is stored compressed or encrypted in blocks, and what they are. */
export interface BlockMap {
  readonly codec: string;
  /** Bytes of the text in each block; the last one may have fewer. */
  readonly blockBytes: number;
  /** The name of the key, and the salt in base64, where they are encrypted. */
  readonly keyId?: string | undefined;
  readonly salt?: string | undefined;
  /** Where each block begins in what is stored, and where one behind the last would. */
  readonly starts: Uint32Array;
}

/** JSON text of this many bytes is large: its parts are found by an outline, not by parsing it whole. */
export const LARGE_BYTES = 256 * 1024;

/** How fine an outline is, in bytes. */
export interface Grain {
  /** A list, object or text within a large value gets a node of its own from this size on. */
  readonly node: number;
  /** A block ends with the part that reaches this size. What is read for a part is about a block. */
  readonly block: number;
}

/** The grain of outlines in stores. */
export const GRAIN: Grain = { node: 32 * 1024, block: 8 * 1024 };

/** Bytes that are checked together: what is read of a text begins and ends with a segment. */
export const SEGMENT_BYTES = 16 * 1024;

/** Finds the last entry of an ascending list that is not above a number; the first where all are. */
export function lastNotAbove(ascending: Uint32Array, number: number): number {
  let low = 0;
  let high = ascending.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((ascending[middle] ?? 0) <= number) low = middle;
    else high = middle - 1;
  }
  return low;
}
