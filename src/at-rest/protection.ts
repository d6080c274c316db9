import type { Entry, EntryMetadata } from "../entry/entry.js";
import { EntryUnreadableError } from "../errors.js";
import { atOnce, inTurns } from "../in-turns.js";
import type { Logger } from "../logger.js";
import { maskReference } from "../mask.js";
import { LARGE_BYTES } from "../outline/outline.js";
import { codecOf, formOf, isInBlocks, openBlocks } from "./blocks/opening.js";
import { BlockSealer, sealText } from "./blocks/sealer.js";
import { canonicalHead, wholeMs } from "./canonical.js";
import { damageOf, withChecksum } from "./checksum.js";
import type { Codec } from "./codecs.js";
import type { Compression } from "./compression.js";
import { isEnvelope, readEnvelope, writeEnvelope } from "./envelope.js";
import type { Keyring } from "./keyring.js";
import { changedInStore, checkPlaintext, keyOf, wrongKeyOrChanged } from "./keys-of-entries.js";
import { Outlines } from "./outlines.js";
import { PlainSealer, type Sealer } from "./sealer.js";

/** How values are stored, beside the keys. */
export interface ProtectionOptions {
  /** Default: values are not compressed. */
  readonly compression?: Compression | undefined;
  /** Bytes that a compressed value may have when it is opened. Default: any number. */
  readonly maxBytes?: number | undefined;
}

/**
 * Stands between the cache and its store: an entry is sealed on its way in and opened on its way out. With keys,
 * values are encrypted and bound to their entry; without, a checksum tells accidents. Large ones are sealed in blocks, so
 * that parts of them can be read: at a stretch up to some size, above it in turns, of which a promise tells the end.
 */
export class Protection {
  /** What is kept beside large entries. */
  readonly outlines: Outlines;
  readonly #keyring: Keyring | undefined;
  readonly #logger: Logger;
  readonly #compression: Compression | undefined;
  readonly #maxBytes: number;

  constructor(keyring: Keyring | undefined, logger: Logger, options: ProtectionOptions = {}) {
    this.outlines = new Outlines(keyring);
    this.#keyring = keyring;
    this.#logger = logger;
    this.#compression = options.compression;
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY;
  }

  /** The entry as the store gets it. Its times become whole milliseconds, as they are bound to it. */
  seal(refId: string, entry: Entry): Entry | Promise<Entry> {
    return this.#seal(refId, entry, this.#codecFor(entry));
  }

  /**
   * Seals a text piece by piece, while it is written. Its size is not known beforehand, so all such texts are compressed
   * where any are.
   */
  sealer(refId: string): Sealer {
    const codec = this.#compression?.codec;
    const isPlain = codec === undefined && this.#keyring === undefined;
    return isPlain ? new PlainSealer(refId) : new BlockSealer(refId, codec, this.#keyring);
  }

  /**
   * The entry as it was before it was sealed; `undefined`, and a warning, for one that the store has damaged.
   * @throws {DecryptionError} when it cannot be decrypted, was changed, or should be encrypted and is not;
   * {EntryUnreadableError} when it is compressed by what this server lacks, or too large. Or the promise rejects.
   */
  open(refId: string, stored: Entry): Entry | undefined | Promise<Entry | undefined> {
    if (isInBlocks(stored)) return this.#run(this.#openBlocks(refId, stored), stored);
    if (isEncrypted(stored)) return decryptEntry(refId, stored, this.#keyring);
    checkPlaintext(refId, this.#keyring);
    const damage = damageOf(refId, stored);
    return damage === undefined ? withoutNote(stored) : this.#damaged(refId, damage);
  }

  /**
   * The entry sealed anew where the current key has not sealed it, compressed if it was; `undefined` where nothing is to
   * be done.
   * @param plaintext whether to encrypt what is not encrypted.
   * @throws {DecryptionError} when it cannot be decrypted; {EntryUnreadableError} when the store has damaged it.
   */
  async reseal(refId: string, stored: Entry, plaintext: boolean): Promise<Entry | undefined> {
    const keyId = keyIdOf(stored);
    if (keyId === undefined && !plaintext) return undefined;
    const entry = await this.#openForSealing(refId, stored); // also under the current key: it may be another by now
    if (keyId === this.#keyring?.current) return undefined;
    const kept = isInBlocks(stored) ? codecOf(stored) : undefined;
    return this.#seal(refId, entry, this.#codecFor(entry) ?? kept);
  }

  #seal(refId: string, entry: Entry, codec: Codec | undefined): Entry | Promise<Entry> {
    const { createdAt, expiresAt } = entry;
    const whole = { ...entry, createdAt: wholeMs(createdAt), expiresAt: wholeMs(expiresAt) };
    const keyring = this.#keyring;
    if (codec !== undefined || (keyring !== undefined && entry.json.length >= LARGE_BYTES))
      return this.#run(sealIfSmaller(refId, whole, codec, keyring), entry);
    return keyring === undefined ? withChecksum(refId, whole) : encryptEntry(refId, whole, keyring);
  }

  #codecFor({ json, metadata }: Entry): Codec | undefined {
    const compression = this.#compression;
    if (compression === undefined) return undefined;
    return (metadata.totalSize ?? json.length) < compression.minBytes ? undefined : compression.codec;
  }

  /** Small work is done at a stretch: a promise costs as much. */
  #run<T>(work: Generator<void, T>, { metadata, json }: Entry): T | Promise<T> {
    return Math.max(json.length, metadata.totalSize ?? 0) < LARGE_BYTES ? atOnce(work) : inTurns(work);
  }

  *#openBlocks(refId: string, stored: Entry): Generator<void, Entry | undefined> {
    const opened = yield* openBlocks(refId, stored, { keyring: this.#keyring, maxBytes: this.#maxBytes });
    return typeof opened === "string" ? this.#damaged(refId, opened) : withoutNote(opened);
  }

  async #openForSealing(refId: string, stored: Entry): Promise<Entry> {
    if (isEncrypted(stored)) return decryptEntry(refId, stored, this.#keyring);
    const keyring = this.#keyring && { ...this.#keyring, acceptPlaintext: true };
    const opened = isInBlocks(stored)
      ? await inTurns(openBlocks(refId, stored, { keyring, maxBytes: this.#maxBytes }))
      : (damageOf(refId, stored) ?? stored);
    if (typeof opened === "string") throw new EntryUnreadableError(refId, opened);
    return withoutNote(opened);
  }

  #damaged(refId: string, damage: string): undefined {
    this.#logger.warn(
      `The entry ${maskReference(refId)} was changed in the store: ${damage}. It counts as missing.`,
    );
  }
}

/** A plain value of ours may look like an envelope; its checksum tells that it is none. */
function isEncrypted({ json, metadata }: Entry): boolean {
  return metadata.atRest?.checksum === undefined && isEnvelope(json);
}

/** The name of the key that an entry was encrypted with; `undefined` where it is not, `""` where it has lost that. */
function keyIdOf(stored: Entry): string | undefined {
  if (isInBlocks(stored)) return (formOf(stored) ?? { keyId: "" }).keyId;
  return isEncrypted(stored) ? (readEnvelope(stored.json)?.keyId ?? "") : undefined;
}

/** What does not become smaller, and is not to be encrypted, stays as it is: every reader can read it. */
function* sealIfSmaller(
  refId: string,
  entry: Entry,
  codec: Codec | undefined,
  keyring: Keyring | undefined,
): Generator<void, Entry> {
  const sealed = yield* sealText(entry, new BlockSealer(refId, codec, keyring));
  const isSmaller = sealed.json.length < (entry.metadata.totalSize ?? entry.json.length);
  return isSmaller || keyring !== undefined ? sealed : withChecksum(refId, entry);
}

function encryptEntry(refId: string, entry: Entry, { current, currentKey }: Keyring): Entry {
  const encrypted = currentKey.encrypt(entry.json, canonicalHead(refId, entry));
  const json = writeEnvelope({ keyId: current, ...encrypted });
  return { ...entry, json, metadata: { ...entry.metadata, atRest: { storedSize: json.length } } };
}

function decryptEntry(refId: string, stored: Entry, keyring: Keyring | undefined): Entry {
  const envelope = readEnvelope(stored.json);
  if (envelope === undefined) throw changedInStore(refId);
  const key = keyOf(refId, envelope.keyId, keyring);
  const json = key.decrypt(envelope, canonicalHead(refId, stored));
  if (json === undefined) throw wrongKeyOrChanged(refId, envelope.keyId);
  return { ...withoutNote(stored), json };
}

/** What is noted for the store concerns nobody above it. */
function withoutNote(stored: Entry): Entry {
  if (stored.metadata.atRest === undefined) return stored;
  const { json, namespace, policy, createdAt, expiresAt, metadata } = stored;
  return { json, namespace, policy, createdAt, expiresAt, metadata: metadataWithoutNote(metadata) };
}

/** Member by member, as each entry that is read comes through here: a spread takes ten times as long. */
function metadataWithoutNote(stored: EntryMetadata): EntryMetadata {
  const { toolName, totalItems, totalSize, strictJson, tags, link, other } = stored;
  const metadata: { -readonly [M in keyof EntryMetadata]: EntryMetadata[M] } = {
    toolName,
    totalItems,
    totalSize,
  };
  if (strictJson !== undefined) metadata.strictJson = strictJson;
  if (tags !== undefined) metadata.tags = tags;
  if (link !== undefined) metadata.link = link;
  if (other !== undefined) metadata.other = other;
  return metadata;
}
