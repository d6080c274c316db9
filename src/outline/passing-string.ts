import type { Grain, OutlineNode } from "./outline.js";
import { CharacterWalk } from "./scan-characters.js";

/** Bytes that must follow for a block to end: the longest escape is a pair of surrogates. */
const LOOK_AHEAD = 12;

/** Finds blocks of whole characters in a JSON string that passes by in pieces, as `scanCharacters` does at once. */
export class PassingString {
  /** Bytes so far. */
  bytes = 0;
  readonly #start: number;
  readonly #block: number;
  readonly #walk: CharacterWalk;
  readonly #starts: number[] = [];
  readonly #counts: number[] = [];
  /** What no block is made of yet, and where that is in the whole text. */
  #left: Buffer = Buffer.alloc(0);
  #base: number;

  /** @param start behind the opening quote. */
  constructor(start: number, { block }: Grain) {
    this.#start = start;
    this.#base = start;
    this.#block = block;
    this.#walk = new CharacterWalk(this.#left, 0, 0, block);
  }

  /** Takes the next bytes between the quotes. */
  push(piece: Buffer): void {
    this.bytes += piece.length;
    this.#left = Buffer.concat([this.#left, piece]);
    if (this.#left.length < this.#block + LOOK_AHEAD) return;
    this.#moveTo(this.#left);
    while (this.#walk.at + this.#block + LOOK_AHEAD <= this.#left.length) this.#endBlock();
    const done = this.#walk.at;
    this.#left = Buffer.from(this.#left.subarray(done));
    this.#walk.moveTo(this.#left, this.#walk.last - done);
    this.#base += done;
  }

  /** The node, once all has passed. */
  finish(): OutlineNode {
    const walk = this.#walk;
    this.#moveTo(this.#left);
    if (this.#starts.length === 0 || this.#left.length > 0) {
      do this.#endBlock();
      while (walk.at < walk.end);
    }
    return {
      kind: "characters",
      start: this.#start,
      end: this.#start + this.bytes,
      count: walk.count,
      smallest: 1,
      largest: walk.largest,
      last: this.#base + walk.last,
      lastPart: walk.lastPart,
      blockStarts: Uint32Array.from(this.#starts),
      blockParts: Uint32Array.from(this.#counts),
      children: [],
    };
  }

  #moveTo(text: Buffer): void {
    this.#walk.moveTo(text, this.#walk.last);
  }

  #endBlock(): void {
    this.#starts.push(this.#base + this.#walk.at);
    this.#counts.push(this.#walk.count);
    this.#walk.block();
  }
}
