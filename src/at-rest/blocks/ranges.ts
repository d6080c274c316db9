import { LRUCache } from "lru-cache";
import { inTurns } from "../../in-turns.js";
import type { BlockMap } from "../../outline/outline.js";
import { type ReadRanges, TextChangedError } from "../../outline/stored-text.js";
import type { ByteRange } from "../../outline/text.js";
import { textOf } from "../../outline/utf8.js";
import type { BlockCipher } from "./cipher.js";
import { spanOf } from "./form.js";
import { Packing } from "./packing.js";

/** Blocks that are kept for what is read next; 2 MiB at most. */
const MOST_KEPT = 32;

/**
 * Makes of reading ranges of what is stored reading ranges of the text, by the blocks that hold them. One round trip.
 * What is read throws `TextChangedError` where a block is not the one that was stored there.
 */
export function readingBlocks(map: BlockMap, cipher: BlockCipher | undefined, read: ReadRanges): ReadRanges {
  const kept = new LRUCache<number, Uint8Array>({ max: MOST_KEPT });
  const packing = new Packing(map, cipher);
  const { blockBytes, starts } = map;
  const last = starts.length - 2;

  function* unpack(
    missing: readonly number[],
    found: readonly Uint8Array[],
    blocks: Map<number, Uint8Array>,
  ) {
    for (const [n, block] of missing.entries()) {
      const bytes = packing.unpack(textOf(found[n] ?? NOTHING), block, block === last);
      if (bytes === undefined) throw new TextChangedError();
      blocks.set(block, bytes);
      kept.set(block, bytes);
      yield;
    }
  }

  return async (ranges) => {
    const blocks = new Map<number, Uint8Array>();
    const missing: number[] = [];
    for (const block of blocksOf(ranges, blockBytes, last)) {
      const known = kept.get(block);
      if (known === undefined) missing.push(block);
      else blocks.set(block, known);
    }
    const found = missing.length === 0 ? [] : await read(missing.map((block) => spanOf(starts, block)));
    if (found === undefined) return undefined;
    await inTurns(unpack(missing, found, blocks));
    return ranges.map((range) => partOf(blocks, range, blockBytes));
  };
}

const NOTHING = new Uint8Array();

/** The blocks that hold some ranges, each once, in ascending order. */
function blocksOf(ranges: readonly ByteRange[], blockBytes: number, last: number): number[] {
  const blocks = new Set<number>();
  for (const { from, to } of ranges) {
    const end = Math.min(last, Math.ceil(to / blockBytes) - 1);
    for (let block = Math.floor(from / blockBytes); block <= end; block++) blocks.add(block);
  }
  return [...blocks].sort((a, b) => a - b);
}

function partOf(
  blocks: ReadonlyMap<number, Uint8Array>,
  { from, to }: ByteRange,
  blockBytes: number,
): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let block = Math.floor(from / blockBytes); block * blockBytes < to; block++) {
    const start = block * blockBytes;
    parts.push((blocks.get(block) ?? NOTHING).subarray(Math.max(0, from - start), to - start));
  }
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}
