import type { Entry, EntryHead, EntryMetadata } from "../entry/entry.js";
import { DecryptionError, EntryUnreadableError } from "../errors.js";
import type { Logger } from "../logger.js";
import { maskReference } from "../mask.js";
import { canonicalHead, wholeMs } from "./canonical.js";
import { damageOf, withChecksum } from "./checksum.js";
import { isEnvelope, readEnvelope, writeEnvelope } from "./envelope.js";
import type { Keyring } from "./keyring.js";
import { PlainSealer, type Sealer } from "./sealer.js";

/**
 * Stands between the cache and its store: an entry is sealed on its way in and opened on its way out. With keys,
 * values are encrypted and bound to their entry; without, a checksum tells accidents.
 */
export class Protection {
  readonly #keyring: Keyring | undefined;
  readonly #logger: Logger;

  constructor(keyring: Keyring | undefined, logger: Logger) {
    this.#keyring = keyring;
    this.#logger = logger;
  }

  /** The entry as the store gets it. Its times become whole milliseconds, as they are bound to it. */
  seal(refId: string, entry: Entry): Entry {
    const { createdAt, expiresAt } = entry;
    const whole = { ...entry, createdAt: wholeMs(createdAt), expiresAt: wholeMs(expiresAt) };
    return this.#keyring === undefined
      ? withChecksum(refId, whole)
      : encryptEntry(refId, whole, this.#keyring);
  }

  /** Seals a text piece by piece; `undefined` where values are encrypted, which is done to the whole. */
  sealer(refId: string): Sealer | undefined {
    return this.#keyring === undefined ? new PlainSealer(refId) : undefined;
  }

  /**
   * The entry as it was before it was sealed; `undefined`, and a warning, for one that the store has damaged.
   * @throws {DecryptionError} when it cannot be decrypted, was changed, or should be encrypted and is not.
   */
  open(refId: string, stored: Entry): Entry | undefined {
    if (isEncrypted(stored)) return decryptEntry(refId, stored, this.#keyring);
    if (this.#keyring?.acceptPlaintext === false) throw new DecryptionError(refId, NOT_ENCRYPTED);
    const damage = damageOf(refId, stored);
    if (damage === undefined) return withoutNote(stored);
    this.#logger.warn(
      `The entry ${maskReference(refId)} was changed in the store: ${damage}. It counts as missing.`,
    );
    return undefined;
  }

  /** Tells whether parts of a stored entry may be taken as they are, without opening the whole. */
  admitsParts(refId: string, { metadata }: EntryHead): boolean {
    const { refId: storedAs = refId, storedSize } = metadata.atRest ?? {};
    return this.#keyring?.acceptPlaintext !== false && storedAs === refId && storedSize === undefined;
  }

  /**
   * The entry sealed anew where the current key has not sealed it; `undefined` where nothing is to be done.
   * @param plaintext whether to encrypt what is not encrypted.
   * @throws {DecryptionError} when it cannot be decrypted; {EntryUnreadableError} when the store has damaged it.
   */
  reseal(refId: string, stored: Entry, plaintext: boolean): Entry | undefined {
    if (isEncrypted(stored)) {
      const entry = decryptEntry(refId, stored, this.#keyring); // also under the current key: it may be another by now
      const isCurrent = readEnvelope(stored.json)?.keyId === this.#keyring?.current;
      return isCurrent ? undefined : this.seal(refId, entry);
    }
    if (!plaintext) return undefined;
    const damage = damageOf(refId, stored);
    if (damage !== undefined) throw new EntryUnreadableError(refId, damage);
    return this.seal(refId, withoutNote(stored));
  }
}

const NOT_ENCRYPTED =
  "it is not encrypted. Set encryption.acceptPlaintext to read such entries, or encrypt them by re-encrypting the store.";

/** A plain value of ours may look like an envelope; its checksum tells that it is none. */
function isEncrypted({ json, metadata }: Entry): boolean {
  return metadata.atRest?.checksum === undefined && isEnvelope(json);
}

function encryptEntry(refId: string, entry: Entry, { current, currentKey }: Keyring): Entry {
  const encrypted = currentKey.encrypt(entry.json, canonicalHead(refId, entry));
  const json = writeEnvelope({ keyId: current, ...encrypted });
  return { ...entry, json, metadata: { ...entry.metadata, atRest: { storedSize: json.length } } };
}

function decryptEntry(refId: string, stored: Entry, keyring: Keyring | undefined): Entry {
  const envelope = readEnvelope(stored.json);
  if (envelope === undefined)
    throw new DecryptionError(refId, "its encrypted value was changed in the store.");
  const key = keyring?.find(envelope.keyId);
  if (key === undefined) throw new DecryptionError(refId, missingKey(envelope.keyId, keyring));
  const json = key.decrypt(envelope, canonicalHead(refId, stored));
  if (json === undefined) throw new DecryptionError(refId, wrongKeyOrChanged(envelope.keyId));
  return { ...withoutNote(stored), json };
}

function missingKey(keyId: string, keyring: Keyring | undefined): string {
  return keyring === undefined
    ? `it is encrypted with the key "${keyId}", and this cache has no encryption. Give it that key in encryption.keys.`
    : `the key "${keyId}" is missing. Add it to encryption.keys, or store the value again.`;
}

function wrongKeyOrChanged(keyId: string): string {
  return `the entry was changed in the store, or the key "${keyId}" is not the one it was encrypted with. Check encryption.keys, or store the value again.`;
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
