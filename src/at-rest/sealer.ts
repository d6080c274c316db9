import { crc32 } from "node:zlib";
import type { EntryHead } from "../entry/entry.js";
import type { BlockMap } from "../outline/outline.js";
import { wholeMs } from "./canonical.js";
import { headChecksum } from "./checksum.js";

/** Makes of a value's text, piece by piece, the one that the store gets. Everything that is streamed passes here. */
export interface Sealer {
  /** What is to be written for the next bytes of the text. */
  push(bytes: Uint8Array): Uint8Array[];
  /** What is to be written behind all of it. */
  end(): Uint8Array[];
  /** The head as the store gets it, once the end is reached. */
  seal(head: EntryHead): EntryHead;
  /** Where the blocks lie of a text that is written in blocks, once the end is reached. */
  map(): BlockMap | undefined;
}

/** Leaves the text as it is, and notes the checksum that {@link Protection.seal} would note. */
export class PlainSealer implements Sealer {
  readonly #refId: string;
  #checksum = 0;

  constructor(refId: string) {
    this.#refId = refId;
  }

  push(bytes: Uint8Array): Uint8Array[] {
    this.#checksum = crc32(bytes, this.#checksum);
    return [bytes];
  }

  end(): Uint8Array[] {
    return [];
  }

  map(): undefined {}

  seal(head: EntryHead): EntryHead {
    const { createdAt, expiresAt } = head;
    const whole = { ...head, createdAt: wholeMs(createdAt), expiresAt: wholeMs(expiresAt) };
    const checksum = headChecksum(this.#refId, whole, this.#checksum);
    return { ...whole, metadata: { ...whole.metadata, atRest: { refId: this.#refId, checksum } } };
  }
}
