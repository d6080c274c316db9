import type { BlockCipher } from "./cipher.js";
import { type BlockForm, writeBeginning, writeBetween, writeEnding } from "./form.js";
import { Packing } from "./packing.js";

/**
 * Writes a text in blocks, piece by piece, keeping no more than a block of it. What it gives, one after the other, is
 * the JSON object that stands in the value's place.
 */
export class BlockWriter {
  readonly #form: BlockForm;
  readonly #cipher: BlockCipher | undefined;
  readonly #packing: Packing;
  readonly #boundTo: () => string;
  readonly #block: Uint8Array;
  #filled = 0;
  #blocks = 0;
  #bytes = 0;

  /** @param boundTo what an encrypted text is bound to; asked at the end, when everything is known of it. */
  constructor(form: BlockForm, cipher: BlockCipher | undefined, boundTo: () => string) {
    this.#form = form;
    this.#cipher = cipher;
    this.#packing = new Packing(form, cipher);
    this.#boundTo = boundTo;
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
    const seal = this.#cipher?.seal(sealedText(this.#boundTo(), this.#blocks, this.#bytes));
    return [last, Buffer.from(writeEnding({ bytes: this.#bytes, seal }), "latin1")];
  }

  #write(isLast: boolean): Uint8Array {
    const n = this.#blocks++;
    const before = n === 0 ? writeBeginning(this.#form) : writeBetween();
    const packed = this.#packing.pack(this.#block.subarray(0, this.#filled), n, isLast);
    this.#bytes += this.#filled;
    this.#filled = 0;
    return Buffer.from(before + packed, "latin1");
  }
}

/** What the seal of an encrypted text says. */
export function sealedText(boundTo: string, blocks: number, bytes: number): string {
  return `${blocks},${bytes},${boundTo}`;
}
