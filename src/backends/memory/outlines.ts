import type { ByteRange } from "../../outline/text.js";

/** What is kept beside a large text. */
interface Kept {
  readonly outline: Uint8Array;
  /** The text in UTF-8, where its offsets there are others than those of the text in memory. */
  readonly bytes: Uint8Array | undefined;
}

/** Outlines of large texts by slot. They go with what is in the slot. */
export class Outlines {
  readonly #kept = new Map<number, Kept>();
  #bytes = 0;

  /** What they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps the outline of the text in a slot; unless that takes more than `room` bytes. */
  keep(slot: number, json: string, outline: Uint8Array, room: number): void {
    this.forget(slot);
    const bytes = isAscii(json) ? undefined : new TextEncoder().encode(json);
    const size = sizeOf({ outline, bytes });
    if (size > room) return;
    this.#kept.set(slot, { outline, bytes });
    this.#bytes += size;
  }

  /** The outline of the text in a slot, if there is one. */
  of(slot: number): Uint8Array | undefined {
    return this.#kept.get(slot)?.outline;
  }

  /** Parts of the text in a slot, in UTF-8. */
  read(slot: number, json: string, ranges: readonly ByteRange[]): Uint8Array[] {
    const kept = this.#kept.get(slot);
    if (kept !== undefined && kept.bytes === undefined)
      return ranges.map(({ from, to }) => Buffer.from(json.slice(from, to), "latin1"));
    const bytes = kept?.bytes ?? Buffer.from(json);
    return ranges.map(({ from, to }) => bytes.subarray(from, to));
  }

  /** Forgets what is kept of a slot. */
  forget(slot: number): void {
    const kept = this.#kept.get(slot);
    if (kept === undefined) return;
    this.#kept.delete(slot);
    this.#bytes -= sizeOf(kept);
  }
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}

function sizeOf({ outline, bytes }: Kept): number {
  return outline.length + (bytes?.length ?? 0);
}
