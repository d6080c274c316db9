import type { Grain, OutlineNode } from "./outline.js";
import { textOf } from "./utf8.js";

/** Blocks between two places where the work may be interrupted. */
const BLOCKS_PER_TURN = 8;

/**
 * Finds blocks of whole characters in a JSON string, the quotes at `from` and before `behind`. Yields where it may be
 * interrupted.
 */
export function* scanCharacters(
  text: Buffer,
  from: number,
  behind: number,
  grain: Grain,
): Generator<void, OutlineNode, void> {
  const starts: number[] = [];
  const counts: number[] = [];
  const walk = new CharacterWalk(text, from + 1, behind - 1, grain.block);
  do {
    starts.push(walk.at);
    counts.push(walk.count);
    walk.block();
    if (starts.length % BLOCKS_PER_TURN === 0) yield;
  } while (walk.at < walk.end);
  return {
    kind: "characters",
    start: from + 1,
    end: walk.end,
    count: walk.count,
    smallest: 1,
    largest: walk.largest,
    last: walk.last,
    lastPart: walk.lastPart,
    blockStarts: Uint32Array.from(starts),
    blockParts: Uint32Array.from(counts),
    children: [],
  };
}

/** Goes over the characters of a JSON string, block by block. */
export class CharacterWalk {
  /** UTF-16 code units so far. */
  count = 0;
  /** Bytes of the longest character or escape so far. */
  largest = 1;
  /** Where the last character begins, and which code unit it is. */
  last: number;
  lastPart = 0;
  /** Where it goes on, and where it is to end. */
  at: number;
  end: number;
  #text: Buffer;
  readonly #blockBytes: number;

  constructor(text: Buffer, start: number, end: number, blockBytes: number) {
    this.#blockBytes = blockBytes;
    this.#text = text;
    this.at = start;
    this.last = start;
    this.end = end;
  }

  /** Goes on in another piece of the string; offsets are of that, `last` among them. */
  moveTo(text: Buffer, last: number): void {
    this.#text = text;
    this.at = 0;
    this.end = text.length;
    this.last = last;
  }

  /** Goes on by one block. */
  block(): void {
    const text = this.#text;
    const stop = Math.min(this.end, this.at + this.#blockBytes);
    let { at, count, largest, last, lastPart } = this;
    while (at < stop) {
      const from = at;
      while (at < stop && (text[at] as number) < 0x80 && text[at] !== 0x5c) at++;
      count += at - from;
      if (at > from) {
        last = at - 1;
        lastPart = count - 1;
      }
      if (at >= stop) break;
      const bytes = bytesOfCharacter(text, at);
      if (bytes > largest) largest = bytes;
      last = at;
      lastPart = count;
      at += bytes;
      count += unitsOfCharacter(bytes);
    }
    Object.assign(this, { at, count, largest, last, lastPart });
  }
}

/** Bytes of a character or escape inside a JSON string; of two, where they are the halves of a surrogate pair. */
export function bytesOfCharacter(text: Uint8Array, at: number): number {
  const byte = text[at] ?? 0;
  if (byte === 0x5c) return bytesOfEscape(text, at);
  if (byte < 0xc0) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}

/** UTF-16 code units of what takes so many bytes: characters beyond the basic plane, and pairs of escapes, are two. */
export function unitsOfCharacter(bytes: number): number {
  return bytes === 4 || bytes === 12 ? 2 : 1;
}

function bytesOfEscape(text: Uint8Array, at: number): number {
  if (text[at + 1] !== 0x75) return 2;
  return isEscapeOf(text, at, /^\\ud[89ab]/i) && isEscapeOf(text, at + 6, /^\\ud[c-f]/i) ? 12 : 6;
}

function isEscapeOf(text: Uint8Array, at: number, half: RegExp): boolean {
  return half.test(textOf(text, at, at + 4));
}
