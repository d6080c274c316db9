/** Bytes `from` (included) to `to` (excluded) of a text. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** A JSON text in UTF-8 of which parts can be read. */
export interface LargeText {
  /** The bytes of each range, in order. */
  read(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]>;
}

/** A text that is at hand. */
export class HeldText implements LargeText {
  readonly #text: Uint8Array;

  constructor(text: Uint8Array) {
    this.#text = text;
  }

  /** See {@link LargeText.read}. */
  async read(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    return ranges.map(({ from, to }) => this.#text.subarray(from, to));
  }
}
