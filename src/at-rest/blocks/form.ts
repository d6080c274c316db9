import { KEY_ID } from "../envelope.js";

/** What blocks are, which stands before them. */
export interface BlockForm {
  /** The name of a codec, or `none`. */
  readonly codec: string;
  /** Bytes of the text in each block; the last one may have fewer. */
  readonly blockBytes: number;
  /** The name of the key, and 256 random bits in base64, where the blocks are encrypted. */
  readonly keyId?: string | undefined;
  readonly salt?: string | undefined;
}

/** Where something stands in a text. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Bytes of text that are compressed and encrypted together. Larger ones are not smaller when compressed, and each must be
 * read whole for any part of it.
 */
export const BLOCK_BYTES = 64 * 1024;

/** More than that is not made of a block, whatever its form says. */
export const MOST_BLOCK_BYTES = 1024 * 1024;

/** The name for blocks that are not compressed. */
export const NO_CODEC = "none";

const MARKER = "mcp_refcache_blocks";
const COMPRESSED =
  "This value is compressed. The TypeScript package mcp-refcache reads it; the Python package does not.";
const ENCRYPTED = "This value is encrypted. A server that has the key named by key_id reads it.";

/** What stands between two blocks. */
export const SEPARATOR = '","';

const member = (name: string, value: string) => `\\s*"${name}"\\s*:\\s*${value}`;
const MARKED = new RegExp(`^\\s*\\{${member(MARKER, "")}`);
/** Others may have put blanks between. */
const BEGINNING = new RegExp(
  `^\\s*\\{${[
    member(MARKER, "1\\s*"),
    member("note", '"[^"]*"\\s*'),
    member("codec", '"(?<codec>[a-z0-9]{1,16})"\\s*'),
    member("block_bytes", "(?<blockBytes>[1-9][0-9]{0,6})\\s*"),
  ].join(",")}(?:,${[
    member("key_id", `"(?<keyId>${KEY_ID})"\\s*`),
    member("salt", '"(?<salt>[A-Za-z0-9+/]{43}=)"\\s*'),
  ].join(",")})?,${member("blocks", '\\[\\s*"')}`,
);
const LONGEST_BEGINNING = 1024;
const BETWEEN = /^"\s*,\s*"/;
const LONGEST_BETWEEN = 64;
const ENDING = /^"\s*\]\s*,\s*"bytes"\s*:\s*(?<bytes>\d{1,15})\s*\}\s*$/;
const LONGEST_ENDING = 256;

/**
 * Writes what stands before the blocks, of the JSON object that stands in the value's place for every reader to
 * recognise. What is known at the end only is written behind them, so that it can be written as a stream.
 */
export function writeBeginning({ codec, blockBytes, keyId, salt }: BlockForm): string {
  const note = keyId === undefined ? COMPRESSED : ENCRYPTED;
  const head = { [MARKER]: 1, note, codec, block_bytes: blockBytes, key_id: keyId, salt };
  return `${JSON.stringify(head).slice(0, -1)},"blocks":["`;
}

/** Writes what stands behind the blocks: how many bytes the whole text has. */
export function writeEnding(bytes: number): string {
  return `"],"bytes":${bytes}}`;
}

/** Tells by its beginning whether a text is one in blocks, perhaps a damaged one. */
export function isMarked(json: string): boolean {
  return MARKED.test(json);
}

/** Reads what stands before the blocks, and where the first one begins; `undefined` when it is not whole. */
export function readBeginning(json: string): (BlockForm & { readonly at: number }) | undefined {
  const match = BEGINNING.exec(json.slice(0, LONGEST_BEGINNING));
  const { codec, blockBytes, keyId, salt } = match?.groups ?? {};
  if (match === null || codec === undefined || Number(blockBytes) > MOST_BLOCK_BYTES) return undefined;
  return { codec, blockBytes: Number(blockBytes), keyId, salt, at: match[0].length };
}

/** Finds the blocks, from where the first one begins; at the end, the rest of the text. */
export function* spansOf(json: string, at: number): Generator<Span, string> {
  for (let from = at; ; ) {
    const to = json.indexOf('"', from);
    if (to === -1) return "";
    yield { from, to };
    const between = BETWEEN.exec(json.slice(to, to + LONGEST_BETWEEN));
    if (between === null) return json.slice(to);
    from = to + between[0].length;
  }
}

/** Reads what stands behind the blocks; `undefined` when it is not whole. */
export function readEnding(rest: string): number | undefined {
  const bytes = rest.length <= LONGEST_ENDING ? ENDING.exec(rest)?.groups?.bytes : undefined;
  return bytes === undefined ? undefined : Number(bytes);
}

/**
 * Where each block begins, and where one behind the last would; `undefined` where somebody has put blanks between.
 * Pauses every now and then.
 */
export function* mapBlocks(json: string, at: number): Generator<void, Uint32Array | undefined> {
  const starts: number[] = [];
  let next = at;
  for (const { from, to } of spansOf(json, at)) {
    if (from !== next) return undefined;
    starts.push(from);
    next = to + SEPARATOR.length;
    yield;
  }
  return Uint32Array.from([...starts, next]);
}

/** Where a block stands, by the map of all of them. */
export function spanOf(starts: Uint32Array, n: number): Span {
  return { from: starts[n] ?? 0, to: (starts[n + 1] ?? 0) - SEPARATOR.length };
}
