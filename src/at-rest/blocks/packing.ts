import { compress, decompress, isCodec } from "../codecs.js";
import type { BlockCipher } from "./cipher.js";
import type { BlockForm } from "./form.js";

/** The first byte of a block tells what the others are. */
const AS_IT_IS = 0;
const COMPRESSED = 1;

/** Makes of each block of a text what is stored, and back. */
export class Packing {
  readonly #form: BlockForm;
  readonly #cipher: BlockCipher | undefined;

  /** @param cipher what encrypts, where the form names a key. */
  constructor(form: BlockForm, cipher: BlockCipher | undefined) {
    this.#form = form;
    this.#cipher = cipher;
  }

  /** A block as it is stored, in base64. */
  pack(bytes: Uint8Array, n: number, isLast: boolean): string {
    const { codec } = this.#form;
    const made = isCodec(codec) ? compress(codec, bytes) : bytes;
    const block =
      made.length < bytes.length
        ? Buffer.concat([Buffer.of(COMPRESSED), made])
        : Buffer.concat([Buffer.of(AS_IT_IS), bytes]);
    return (this.#cipher?.encrypt(block, n, isLast) ?? block).toString("base64");
  }

  /** The bytes of a block; `undefined` where it is not one that was stored there, or would be too large. */
  unpack(packed: string, n: number, isLast: boolean): Uint8Array | undefined {
    const block = this.#decrypted(Buffer.from(packed, "base64"), n, isLast);
    const bytes = block && this.#plain(block);
    const { blockBytes } = this.#form;
    const isWhole =
      bytes !== undefined && (isLast ? bytes.length <= blockBytes : bytes.length === blockBytes);
    return isWhole ? bytes : undefined;
  }

  #decrypted(block: Uint8Array, n: number, isLast: boolean): Uint8Array | undefined {
    return this.#cipher === undefined ? block : this.#cipher.decrypt(block, n, isLast);
  }

  #plain(block: Uint8Array): Uint8Array | undefined {
    const { codec, blockBytes } = this.#form;
    const bytes = block.subarray(1);
    if (block[0] === AS_IT_IS) return bytes;
    return block[0] === COMPRESSED && isCodec(codec) ? decompress(codec, bytes, blockBytes) : undefined;
  }
}
