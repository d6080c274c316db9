import { crc32 } from "node:zlib";
import { type Outline, SEGMENT_BYTES } from "./outline.js";
import type { ByteRange, LargeText } from "./text.js";

/** The text in the store is not, or no longer, the one that the outline was made of. Never leaves the cache. */
export class TextChangedError extends Error {}

/** Reads ranges of a stored text; `undefined` when there is none any more. */
export type ReadRanges = (ranges: readonly ByteRange[]) => Promise<readonly Uint8Array[] | undefined>;

/** A text in the store. It is read by whole segments, whose checksums tell whether it is still the same. */
export class StoredText implements LargeText {
  readonly #read: ReadRanges;
  readonly #outline: Outline;

  constructor(read: ReadRanges, outline: Outline) {
    this.#read = read;
    this.#outline = outline;
  }

  /**
   * See {@link LargeText.read}. One round trip.
   * @throws {TextChangedError}
   */
  async read(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    const spans = joined(ranges.map((range) => this.#aligned(range)));
    const found = await this.#read(spans);
    if (found === undefined) throw new TextChangedError();
    for (const [n, span] of spans.entries()) this.#check(span, found[n]);
    return ranges.map(({ from, to }) => {
      const n = spans.findIndex((span) => span.from <= from && to <= span.to);
      const offset = spans[n]?.from ?? 0;
      return (found[n] ?? NOTHING).subarray(from - offset, to - offset);
    });
  }

  #aligned({ from, to }: ByteRange): ByteRange {
    const end = Math.ceil(to / SEGMENT_BYTES) * SEGMENT_BYTES;
    return { from: from - (from % SEGMENT_BYTES), to: Math.min(end, this.#outline.bytes) };
  }

  #check({ from, to }: ByteRange, bytes: Uint8Array = NOTHING): void {
    if (bytes.length !== to - from) throw new TextChangedError();
    for (let at = from; at < to; at += SEGMENT_BYTES) {
      const segment = bytes.subarray(at - from, at - from + SEGMENT_BYTES);
      if (crc32(segment) !== this.#outline.checksums[at / SEGMENT_BYTES]) throw new TextChangedError();
    }
  }
}

const NOTHING = new Uint8Array();

/** Ranges in ascending order, those that touch made one. */
function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const ascending = [...ranges].sort((a, b) => a.from - b.from || a.to - b.to);
  const spans: { from: number; to: number }[] = [];
  for (const { from, to } of ascending) {
    const last = spans.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else spans.push({ from, to });
  }
  return spans;
}
