import { isAscii } from "node:buffer";
import { crc32 } from "node:zlib";
import { inTurns } from "../in-turns.js";
import { sampleRanges, scaledSize, tokens } from "../preview/measure.js";
import { type Grain, type Outline, SEGMENT_BYTES } from "./outline.js";
import { scanOutline } from "./scan.js";

/**
 * Makes the outline of a JSON text, in steps of some 5 ms.
 * @returns `undefined` where the text has no parts, being a number or no JSON.
 */
export async function buildOutline(text: Buffer, grain?: Grain): Promise<Outline | undefined> {
  const root = await inTurns(scanOutline(text, grain));
  if (root === undefined) return undefined;
  const segments = segmentsOf(text);
  const isPlain = isAscii(text);
  const lengths = isPlain ? [] : await inTurns(characterCounts(segments));
  return {
    bytes: text.length,
    characters: isPlain ? text.length : lengths.reduce((sum, length) => sum + length, 0),
    tokens: tokensOf(text),
    root,
    checksums: Uint32Array.from(segments, (segment) => crc32(segment)),
    charactersBefore: Uint32Array.from(isPlain ? [] : runningTotals(lengths)),
  };
}

function tokensOf(text: Buffer): number {
  const samples = sampleRanges(text.length).map(({ from, to }) => text.toString("utf8", from, to));
  return scaledSize(tokens, samples, text.length);
}

function segmentsOf(text: Buffer): Buffer[] {
  const count = Math.ceil(text.length / SEGMENT_BYTES);
  return Array.from({ length: count }, (_, n) => text.subarray(n * SEGMENT_BYTES, (n + 1) * SEGMENT_BYTES));
}

function* characterCounts(segments: readonly Buffer[]): Generator<void, number[], void> {
  const counts: number[] = [];
  for (const segment of segments) {
    counts.push(countCharacters(segment));
    yield;
  }
  return counts;
}

/** UTF-16 code units that begin in some bytes of UTF-8. */
export function countCharacters(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte < 0x80 || byte >= 0xc0) count += byte >= 0xf0 ? 2 : 1;
  }
  return count;
}

function* runningTotals(counts: readonly number[]): Generator<number> {
  let total = 0;
  for (const count of counts) {
    yield total;
    total += count;
  }
}
