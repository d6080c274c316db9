import type { Entry } from "../../entry/entry.js";
import { EntryUnreadableError } from "../../errors.js";
import { canonicalHead } from "../canonical.js";
import { mismatchOf } from "../checksum.js";
import { type Codec, isCodec, isSupported } from "../codecs.js";
import { lacks } from "../compression.js";
import type { Keyring } from "../keyring.js";
import { changedInStore, checkPlaintext, keyOf, wrongKeyOrChanged } from "../keys-of-entries.js";
import { BlockCipher } from "./cipher.js";
import { type BlockForm, isMarked, NO_CODEC, readBeginning } from "./form.js";
import { readBlocks } from "./reader.js";

/**
 * Tells whether what is stored of an entry is its text in blocks. A plain value may look alike: the entry then lacks the
 * note of what is stored, and where it has no note at all, being another writer's, is at least not encrypted.
 */
export function isInBlocks({ json, metadata }: Entry): boolean {
  const { checksum, storedSize } = metadata.atRest ?? {};
  if (storedSize !== undefined) return isMarked(json);
  return checksum === undefined && isMarked(json) && readBeginning(json)?.keyId !== undefined;
}

/** What the blocks of an entry are; `undefined` when that is not whole. */
export function formOf({ json }: Entry): BlockForm | undefined {
  return readBeginning(json);
}

/** By what the blocks of an entry are compressed, if at all. */
export function codecOf(stored: Entry): Codec | undefined {
  const codec = formOf(stored)?.codec ?? NO_CODEC;
  return isCodec(codec) ? codec : undefined;
}

/** What an entry in blocks is opened with. */
export interface Opening {
  readonly keyring: Keyring | undefined;
  /** Bytes that a compressed text may have. */
  readonly maxBytes: number;
}

/**
 * Opens an entry whose text is in blocks, pausing after each; a text tells what the store has done to one that is not
 * encrypted.
 * @throws {DecryptionError} when it cannot be decrypted, was changed, or should be encrypted and is not;
 * {EntryUnreadableError} when this server lacks the codec, or the text would be larger than it may.
 */
export function* openBlocks(
  refId: string,
  stored: Entry,
  { keyring, maxBytes }: Opening,
): Generator<void, Entry | string> {
  const form = readBeginning(stored.json);
  if (form === undefined) {
    if (stored.metadata.atRest?.checksum === undefined) throw changedInStore(refId);
    return "its blocks are not whole";
  }
  const cipher = cipherOf(refId, form, keyring);
  checkCodec(refId, form.codec);
  const bytes = stored.metadata.totalSize ?? 0;
  if (form.codec !== NO_CODEC && bytes > maxBytes)
    throw new EntryUnreadableError(refId, `it has ${bytes} bytes, above limits.maxValueBytes`);
  const seal = stored.metadata.atRest?.seal ?? "";
  const isGenuine = cipher?.isSealed(seal, canonicalHead(refId, stored)) !== false;
  const read = isGenuine ? yield* readBlocks(stored.json, { form, cipher, bytes }) : undefined;
  if (form.keyId !== undefined && read === undefined) throw wrongKeyOrChanged(refId, form.keyId);
  if (read === undefined) return "its blocks do not fit together";
  const mismatch = cipher === undefined ? mismatchOf(refId, stored, () => read.stored) : undefined;
  return mismatch ?? { ...stored, json: read.text };
}

/**
 * What decrypts blocks; `undefined` where they are not encrypted.
 * @throws {DecryptionError} when they should be, or the key is missing.
 */
function cipherOf(refId: string, form: BlockForm, keyring: Keyring | undefined): BlockCipher | undefined {
  if (form.keyId !== undefined) return BlockCipher.ofBlocks(keyOf(refId, form.keyId, keyring), form);
  checkPlaintext(refId, keyring);
  return undefined;
}

function checkCodec(refId: string, codec: string): void {
  if (codec === NO_CODEC || (isCodec(codec) && isSupported(codec))) return;
  const why = isCodec(codec) ? lacks(codec) : `this version does not know ${codec}`;
  throw new EntryUnreadableError(refId, `it is compressed, and ${why}`);
}
