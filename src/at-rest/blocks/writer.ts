import type { BlockCipher } from "./cipher.js";
import { type BlockForm, SEPARATOR, writeBeginning, writeEnding } from "./form.js";
import { Packing } from "./packing.js";

/**
 * Writes a text in blocks, piece by piece, keeping no more than a block of it. What it gives, one after the other, is
 * the JSON object that stands in the value's place.
 */
export class BlockWriter {
  /** Where each block begins in what was written, and at the end where one behind the last would. */
  readonly starts: number[] = [];
  readonly #form: BlockForm;
  readonly #packing: Packing;
  readonly #block: Uint8Array;
  #filled = 0;
  #bytes = 0;
  #written = 0;

  constructor(form: BlockForm, cipher: BlockCipher | undefined) {
    this.#form = form;
    this.#packing = new Packing(form, cipher);
    this.#block = new Uint8Array(form.blockBytes);
  }

  /** Takes bytes of the text, in UTF-8; a character may be cut. Gives what is ready to be stored. */
  push(bytes: Uint8Array): Uint8Array[] {
    const written: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (this.#filled === this.#block.length) written.push(this.#write(false)); // only now is it not the last
      const taken = Math.min(this.#block.length - this.#filled, bytes.length - at);
      this.#block.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
    }
    return written;
  }

  /** Gives the rest. To be called once. */
  end(): Uint8Array[] {
    const last = this.#write(true);
    this.starts.push(this.#written + SEPARATOR.length);
    return [last, Buffer.from(writeEnding(this.#bytes), "latin1")];
  }

  #write(isLast: boolean): Uint8Array {
    const n = this.starts.length;
    const before = n === 0 ? writeBeginning(this.#form) : SEPARATOR;
    const packed = this.#packing.pack(this.#block.subarray(0, this.#filled), n, isLast);
    this.starts.push(this.#written + before.length);
    this.#written += before.length + packed.length;
    this.#bytes += this.#filled;
    this.#filled = 0;
    return Buffer.from(before + packed, "latin1");
  }
}
