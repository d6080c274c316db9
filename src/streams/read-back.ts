import { decodeValue } from "../entry/decode.js";
import { isExpired } from "../entry/entry.js";
import { NoItemsError, StreamInterruptedError } from "../errors.js";
import type { ShowableEntry } from "../large-entries.js";
import type { LargeValue } from "../outline/large-value.js";
import { TextChangedError } from "../outline/stored-text.js";

/** Bytes that are read at a time, or characters of a text at hand. */
const READ_BYTES = 256 * 1024;

/**
 * The JSON text of a value, piece by piece, in bytes of UTF-8.
 * @throws {StreamInterruptedError} when it is gone, or another, before its end.
 */
export async function* chunksOf(entry: ShowableEntry): AsyncGenerator<Uint8Array, void> {
  const large = await largeOf(entry);
  if (large === undefined) return yield* chunksOfText(entry.json ?? "");
  const { bytes } = large.outline;
  for (let from = 0; from < bytes; from += READ_BYTES) {
    const range = { from, to: Math.min(bytes, from + READ_BYTES) };
    const [chunk] = await still(entry, () => large.read([range]));
    if (chunk !== undefined) yield chunk;
  }
}

/**
 * The items of a list, or `[name, value]` of each member of an object.
 * @throws {NoItemsError} for anything else; {StreamInterruptedError} when it is gone, or another, before its end.
 */
export async function* itemsOf(entry: ShowableEntry): AsyncGenerator<unknown, void> {
  const large = await largeOf(entry);
  if (large === undefined) return yield* partsOf(decodeValue(entry.json ?? "", entry.metadata.strictJson));
  const { kind } = large.outline.root;
  if (kind === "characters") throw new NoItemsError();
  for (const { from, to } of spansOf(large)) {
    const { text } = await still(entry, () => large.partsBetween(from, to));
    yield* partsOf(large.parse(kind === "items" ? `[${text}]` : `{${text}}`));
  }
}

/** A value whose parts are read from the store; one at hand needs none. */
async function largeOf({ json, large }: ShowableEntry): Promise<LargeValue | undefined> {
  return json === undefined ? large?.() : undefined;
}

/** Parts that are read at a time: of whole blocks, at least one. */
function* spansOf({ outline: { root } }: LargeValue): Generator<{ from: number; to: number }> {
  const { blockStarts, blockParts, count, end } = root;
  for (let block = 0; block < blockParts.length; ) {
    const from = blockParts[block] ?? count;
    const start = blockStarts[block] ?? end;
    do block++;
    while (block < blockParts.length && (blockStarts[block + 1] ?? end) - start <= READ_BYTES);
    const to = blockParts[block] ?? count;
    if (to > from) yield { from, to };
  }
}

function partsOf(value: unknown): Iterable<unknown> {
  if (typeof value !== "object" || value === null) throw new NoItemsError();
  return Array.isArray(value) ? value : Object.entries(value);
}

function* chunksOfText(json: string): Generator<Uint8Array> {
  for (let at = 0; at < json.length; ) {
    const far = at + READ_BYTES;
    const end = isFirstHalf(json.charCodeAt(far - 1)) ? far - 1 : far;
    yield Buffer.from(json.slice(at, end));
    at = end;
  }
}

function isFirstHalf(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}

/** Reads, unless the entry has ended or changed meanwhile. */
async function still<T>(entry: ShowableEntry, read: () => Promise<T>): Promise<T> {
  if (isExpired(entry, Date.now())) throw new StreamInterruptedError();
  try {
    return await read();
  } catch (error) {
    throw error instanceof TextChangedError ? new StreamInterruptedError() : error;
  }
}
