import { DecryptionError } from "../errors.js";
import type { Key } from "./cipher.js";
import type { Keyring } from "./keyring.js";

/**
 * The key that an entry names.
 * @throws {DecryptionError} when it is not there.
 */
export function keyOf(refId: string, keyId: string, keyring: Keyring | undefined): Key {
  const key = keyring?.find(keyId);
  if (key !== undefined) return key;
  throw new DecryptionError(
    refId,
    keyring === undefined
      ? `it is encrypted with the key "${keyId}", and this cache has no encryption. Give it that key in encryption.keys.`
      : `the key "${keyId}" is missing. Add it to encryption.keys, or store the value again.`,
  );
}

/** The error for an entry that its key does not open. */
export function wrongKeyOrChanged(refId: string, keyId: string): DecryptionError {
  return new DecryptionError(
    refId,
    `the entry was changed in the store, or the key "${keyId}" is not the one it was encrypted with. Check encryption.keys, or store the value again.`,
  );
}

/** The error for an entry that has lost what tells how it was encrypted. */
export function changedInStore(refId: string): DecryptionError {
  return new DecryptionError(refId, "its encrypted value was changed in the store.");
}

/**
 * Makes sure that what is not encrypted is accepted.
 * @throws {DecryptionError}
 */
export function checkPlaintext(refId: string, keyring: Keyring | undefined): void {
  if (keyring?.acceptPlaintext !== false) return;
  throw new DecryptionError(
    refId,
    "it is not encrypted. Set encryption.acceptPlaintext to read such entries, or encrypt them by re-encrypting the store.",
  );
}
