import { isAscii } from "node:buffer";
import { crc32 } from "node:zlib";
import { countCharacters } from "./characters.js";
import { type Outline, SEGMENT_BYTES } from "./outline.js";
import { SAMPLE_BYTES, TokenSamples } from "./token-samples.js";

/** What an outline says of a text apart from its parts, found out while the text passes by. */
export class Segments {
  bytes = 0;
  readonly #checksums: number[] = [];
  readonly #lengths: number[] = [];
  readonly #tokens = new TokenSamples();
  #sample: Buffer[] = [];
  #checksum = 0;
  #length = 0;

  /** Takes the next bytes of the text. */
  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const offset = this.bytes % SEGMENT_BYTES;
      const piece = chunk.subarray(at, at + SEGMENT_BYTES - offset);
      this.#take(piece, offset);
      at += piece.length;
      this.bytes += piece.length;
      if (this.bytes % SEGMENT_BYTES === 0) this.#endSegment();
    }
  }

  /** What is known once all of the text has passed. */
  end(): Omit<Outline, "root"> {
    if (this.bytes % SEGMENT_BYTES > 0) this.#endSegment();
    const characters = this.#lengths.reduce((sum, length) => sum + length, 0);
    const isPlain = characters === this.bytes;
    return {
      bytes: this.bytes,
      characters,
      tokens: this.#tokens.total(this.bytes),
      checksums: Uint32Array.from(this.#checksums),
      charactersBefore: Uint32Array.from(isPlain ? [] : runningTotals(this.#lengths)),
    };
  }

  #take(piece: Buffer, offset: number): void {
    this.#checksum = crc32(piece, this.#checksum);
    this.#length += isAscii(piece) ? piece.length : countCharacters(piece);
    // A copy, as who gives the chunk may use its memory again.
    if (offset < SAMPLE_BYTES && this.#tokens.wants(this.#checksums.length))
      this.#sample.push(Buffer.from(piece.subarray(0, SAMPLE_BYTES - offset)));
  }

  #endSegment(): void {
    if (this.#sample.length > 0) this.#tokens.add(Buffer.concat(this.#sample));
    this.#checksums.push(this.#checksum);
    this.#lengths.push(this.#length);
    this.#sample = [];
    this.#checksum = this.#length = 0;
  }
}

function* runningTotals(counts: readonly number[]): Generator<number> {
  let total = 0;
  for (const count of counts) {
    yield total;
    total += count;
  }
}
