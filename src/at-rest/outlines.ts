import type { Entry, EntryHead } from "../entry/entry.js";
import type { BlockMap, Outline } from "../outline/outline.js";
import type { ReadRanges } from "../outline/stored-text.js";
import { readOutline, writeOutline } from "../outline/wire.js";
import { BlockCipher } from "./blocks/cipher.js";
import { MOST_BLOCK_BYTES, mapBlocks, NO_CODEC, readBeginning } from "./blocks/form.js";
import { isInBlocks } from "./blocks/opening.js";
import { readingBlocks } from "./blocks/ranges.js";
import { canonicalHead } from "./canonical.js";
import { isCodec, isSupported } from "./codecs.js";
import type { Keyring } from "./keyring.js";
import { isSealedOutline, openOutline, sealOutline } from "./sealed-outline.js";

/** An outline of a stored text, and how ranges of that text are read. */
export interface ReadableOutline {
  readonly outline: Outline;
  /** Makes of reading what is stored reading the text. */
  over(stored: ReadRanges): ReadRanges;
}

/** Writes outlines to be kept beside large entries, and reads them. Those of encrypted entries are encrypted. */
export class Outlines {
  readonly #keyring: Keyring | undefined;

  constructor(keyring: Keyring | undefined) {
    this.#keyring = keyring;
  }

  /** Tells whether parts of what is stored of an entry can be read. */
  isDivisible(entry: Entry, sealed: Entry): boolean {
    return sealed.json === entry.json || isInBlocks(sealed);
  }

  /** Writes an outline, pausing every now and then; `undefined` where what is stored has no parts to be read. */
  *write(refId: string, sealed: Entry, outline: Outline): Generator<void, Uint8Array | undefined> {
    if (!isInBlocks(sealed)) return this.writeMapped(refId, sealed, outline);
    const beginning = readBeginning(sealed.json);
    const starts = beginning && (yield* mapBlocks(sealed.json, beginning.at));
    if (beginning === undefined || starts === undefined) return undefined;
    const { at: _, ...form } = beginning;
    return this.writeMapped(refId, sealed, { ...outline, blocks: { ...form, starts } });
  }

  /** Writes an outline that tells where the blocks lie, if there are any; `undefined` where its key is missing. */
  writeMapped(refId: string, sealed: EntryHead, outline: Outline): Uint8Array | undefined {
    const written = writeOutline(outline, identityOf(sealed));
    const keyId = outline.blocks?.keyId;
    if (keyId === undefined) return written;
    const key = this.#keyring?.find(keyId);
    return key && sealOutline(written, keyId, key, canonicalHead(refId, sealed));
  }

  /** Reads what was written of the same entry; `undefined` for anything else, and where the whole must be opened. */
  read(refId: string, head: EntryHead, written: Uint8Array): ReadableOutline | undefined {
    const isSealed = isSealedOutline(written);
    const bytes = isSealed ? openOutline(written, this.#keyring, canonicalHead(refId, head)) : written;
    const outline = bytes && readOutline(bytes, identityOf(head));
    if (outline === undefined) return undefined;
    const { blocks } = outline;
    if (isSealed !== (blocks?.keyId !== undefined)) return undefined;
    if (!isSealed && !this.#admitsPlain(refId, head, blocks)) return undefined;
    if (blocks === undefined) return { outline, over: (stored) => stored };
    const cipher = this.#cipherOf(blocks);
    if (!isReadable(blocks) || (blocks.keyId !== undefined && cipher === undefined)) return undefined;
    return { outline, over: (stored) => readingBlocks(blocks, cipher, stored) };
  }

  #admitsPlain(refId: string, { metadata }: EntryHead, blocks: BlockMap | undefined): boolean {
    const { refId: storedAs = refId, storedSize } = metadata.atRest ?? {};
    const isOfForm = (storedSize !== undefined) === (blocks !== undefined);
    return this.#keyring?.acceptPlaintext !== false && storedAs === refId && isOfForm;
  }

  #cipherOf(blocks: BlockMap): BlockCipher | undefined {
    const key = blocks.keyId === undefined ? undefined : this.#keyring?.find(blocks.keyId);
    return key && BlockCipher.ofBlocks(key, blocks);
  }
}

/** What is not, an opening of the whole tells. */
function isReadable({ codec, blockBytes }: BlockMap): boolean {
  const isKnown = isCodec(codec) ? isSupported(codec) : codec === NO_CODEC;
  return isKnown && blockBytes <= MOST_BLOCK_BYTES;
}

/** Tells an entry from an earlier one under the same reference. */
function identityOf({ createdAt, metadata }: EntryHead): string {
  const { checksum, seal } = metadata.atRest ?? {};
  return [Math.round(createdAt), metadata.totalSize, checksum ?? seal].join(" ");
}
