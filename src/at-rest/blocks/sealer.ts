import { crc32 } from "node:zlib";
import type { AtRestNote, Entry, EntryHead } from "../../entry/entry.js";
import type { BlockMap } from "../../outline/outline.js";
import { canonicalHead, wholeMs } from "../canonical.js";
import { headChecksum } from "../checksum.js";
import type { Codec } from "../codecs.js";
import type { Keyring } from "../keyring.js";
import type { Sealer } from "../sealer.js";
import { BlockCipher, newSalt } from "./cipher.js";
import { BLOCK_BYTES, type BlockForm, NO_CODEC } from "./form.js";
import { BlockWriter } from "./writer.js";

/** Seals the text of one entry while it is written: in blocks, compressed, or encrypted, or both. */
export class BlockSealer implements Sealer {
  readonly #refId: string;
  readonly #form: BlockForm;
  readonly #cipher: BlockCipher | undefined;
  readonly #writer: BlockWriter;
  #checksum = 0;
  #storedSize = 0;

  /** @param codec by what it is compressed; `undefined` for not at all. */
  constructor(refId: string, codec: Codec | undefined, keyring: Keyring | undefined) {
    this.#refId = refId;
    this.#form = {
      codec: codec ?? NO_CODEC,
      blockBytes: BLOCK_BYTES,
      ...(keyring && { keyId: keyring.current, salt: newSalt() }),
    };
    this.#cipher = keyring && BlockCipher.ofBlocks(keyring.currentKey, this.#form);
    this.#writer = new BlockWriter(this.#form, this.#cipher);
  }

  /** Takes bytes of the text, in UTF-8. Gives what is ready to be stored. */
  push(bytes: Uint8Array): Uint8Array[] {
    return this.#counted(this.#writer.push(bytes));
  }

  /** Gives the rest. To be called once. */
  end(): Uint8Array[] {
    return this.#counted(this.#writer.end());
  }

  /** The head as the store gets it, once the text is at its end. Its times become whole milliseconds. */
  seal<H extends EntryHead>(head: H): H {
    const { createdAt, expiresAt } = head;
    const whole = { ...head, createdAt: wholeMs(createdAt), expiresAt: wholeMs(expiresAt) };
    return { ...whole, metadata: { ...head.metadata, atRest: this.#note(whole) } };
  }

  /** Where the blocks lie, once the text is at its end. */
  map(): BlockMap {
    return { ...this.#form, starts: Uint32Array.from(this.#writer.starts) };
  }

  #note(head: EntryHead): AtRestNote {
    const refId = this.#refId;
    const storedSize = this.#storedSize;
    if (this.#cipher !== undefined)
      return { storedSize, seal: this.#cipher.seal(canonicalHead(refId, head)) };
    return { refId, checksum: headChecksum(refId, head, this.#checksum), storedSize };
  }

  #counted(written: Uint8Array[]): Uint8Array[] {
    for (const bytes of written) {
      this.#storedSize += bytes.length;
      if (this.#cipher === undefined) this.#checksum = crc32(bytes, this.#checksum);
    }
    return written;
  }
}

/** Seals a text that is at hand, pausing after each block. */
export function* sealText(entry: Entry, sealer: BlockSealer): Generator<void, Entry> {
  let json = "";
  const write = (pieces: readonly Uint8Array[]) => {
    for (const { buffer, byteOffset, length } of pieces)
      json += Buffer.from(buffer, byteOffset, length).toString("latin1");
  };
  for (const piece of piecesOf(entry.json)) {
    write(sealer.push(Buffer.from(piece)));
    yield;
  }
  write(sealer.end());
  return { ...sealer.seal(entry), json };
}

/** UTF-16 code units that are turned into bytes at a time. */
const PIECE = 32 * 1024;

function* piecesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length; ) {
    const isPairCut = (text.charCodeAt(from + PIECE - 1) & 0xfc00) === 0xd800;
    const to = from + (isPairCut ? PIECE - 1 : PIECE);
    yield text.slice(from, to);
    from = to;
  }
}
