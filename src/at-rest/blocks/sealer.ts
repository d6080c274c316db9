import { crc32 } from "node:zlib";
import type { AtRestNote, Entry, EntryHead } from "../../entry/entry.js";
import { canonicalHead } from "../canonical.js";
import { checksumOver } from "../checksum.js";
import type { Codec } from "../codecs.js";
import type { Keyring } from "../keyring.js";
import { BlockCipher, newSalt } from "./cipher.js";
import { BLOCK_BYTES, type BlockForm, NO_CODEC } from "./form.js";
import { BlockWriter } from "./writer.js";

/** Seals the text of one entry while it is written: in blocks, compressed, or encrypted, or both. */
export class BlockSealer {
  readonly #refId: string;
  readonly #head: () => EntryHead;
  readonly #writer: BlockWriter;
  readonly #isEncrypted: boolean;
  #checksum = 0;
  #storedSize = 0;

  /**
   * @param head what is known of the entry; asked at the end, its times in whole milliseconds.
   * @param codec by what it is compressed; `undefined` for not at all.
   */
  constructor(refId: string, head: () => EntryHead, codec: Codec | undefined, keyring: Keyring | undefined) {
    this.#refId = refId;
    this.#head = head;
    this.#isEncrypted = keyring !== undefined;
    const form: BlockForm = {
      codec: codec ?? NO_CODEC,
      blockBytes: BLOCK_BYTES,
      ...(keyring && { keyId: keyring.current, salt: newSalt() }),
    };
    const cipher = keyring && BlockCipher.ofBlocks(keyring.currentKey, form);
    this.#writer = new BlockWriter(form, cipher, () => canonicalHead(refId, head()));
  }

  /** Takes bytes of the text, in UTF-8. Gives what is ready to be stored. */
  push(bytes: Uint8Array): Uint8Array[] {
    return this.#counted(this.#writer.push(bytes));
  }

  /** Gives the rest. To be called once. */
  end(): Uint8Array[] {
    return this.#counted(this.#writer.end());
  }

  /** What the entry is to note of its text, once that is at its end. */
  note(): AtRestNote {
    const storedSize = this.#storedSize;
    if (this.#isEncrypted) return { storedSize };
    const refId = this.#refId;
    return { refId, checksum: checksumOver(refId, this.#head(), this.#checksum), storedSize };
  }

  #counted(written: Uint8Array[]): Uint8Array[] {
    for (const bytes of written) {
      this.#storedSize += bytes.length;
      if (!this.#isEncrypted) this.#checksum = crc32(bytes, this.#checksum);
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
  return { ...entry, json, metadata: { ...entry.metadata, atRest: sealer.note() } };
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
