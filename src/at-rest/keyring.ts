import { ConfigurationError } from "../errors.js";
import { Key } from "./cipher.js";
import { isKeyId } from "./envelope.js";

/** A key: 32 bytes, or the base64 text of 32 bytes. */
export type KeyMaterial = Uint8Array | string;

/** Keys by name: each reads, the current one writes. Shows none of them, whoever prints it. */
export interface Keyring {
  readonly current: string;
  readonly currentKey: Key;
  /** Whether entries that are not encrypted are read as well. */
  readonly acceptPlaintext: boolean;
  /** The key of a name, or `undefined`. */
  find(keyId: string): Key | undefined;
}

/**
 * Checks keys and takes copies of them.
 * @param option what the keys are called in errors.
 * @throws {ConfigurationError} for a name or a key of the wrong form; quotes no key, and no name that may be one.
 */
export function readKeys(
  keys: Iterable<readonly [keyId: string, key: unknown]>,
  option: string,
): Map<string, Key> {
  const read = new Map<string, Key>();
  for (const [keyId, key] of keys) {
    if (!isKeyId(keyId))
      throw new ConfigurationError(
        option,
        "the name of a key must be 1 to 64 characters of A-Z a-z 0-9 . _ -",
      );
    const bytes = bytesOf(key);
    if (bytes === undefined)
      throw new ConfigurationError(
        `${option}["${shorten(keyId)}"]`,
        "must be 32 bytes, or base64 of 32 bytes",
      );
    read.set(keyId, new Key(bytes));
  }
  return read;
}

const KEY_BYTES = 32;
/** Standard or URL-safe, padded or not. */
const BASE64_OF_32_BYTES = /^[A-Za-z0-9+/_-]{43}=?$/;

function bytesOf(key: unknown): Uint8Array | undefined {
  if (key instanceof Uint8Array) return key.length === KEY_BYTES ? key : undefined;
  return typeof key === "string" && BASE64_OF_32_BYTES.test(key) ? Buffer.from(key, "base64") : undefined;
}

/** Somebody may have put name and key the wrong way round. */
function shorten(keyId: string): string {
  return keyId.length > KEY_BYTES ? `${keyId.slice(0, 4)}…` : keyId;
}
