import { z } from "zod";
import { ConfigurationError } from "../errors.js";
import { type KeyMaterial, type Keyring, readKeys } from "./keyring.js";

/** How values are encrypted in the store. */
export interface EncryptionOptions {
  /** Keys by name (1 to 64 characters of `A-Z a-z 0-9 . _ -`): each reads, so that keys can be changed. */
  readonly keys: Readonly<Record<string, KeyMaterial>>;
  /** The name of the key that writes. */
  readonly current: string;
  /**
   * Whether entries that are not encrypted are read: older ones, and those of servers without a key. Off by
   * default, as anybody who can write to the store could put one in.
   */
  readonly acceptPlaintext?: boolean | undefined;
}

/** The form of {@link EncryptionOptions}; the keys themselves are checked by {@link makeKeyring}. */
export const encryptionShape = z.strictObject({
  keys: z.record(z.string(), z.unknown()),
  current: z.string(),
  acceptPlaintext: z.boolean().optional(),
});

/**
 * Takes keys over from options of the right form.
 * @throws {ConfigurationError} naming the option at fault; quotes no key.
 */
export function makeKeyring(options: EncryptionOptions): Keyring {
  const { current, acceptPlaintext = false } = options;
  const keys = readKeys(Object.entries(options.keys), "encryption.keys");
  const currentKey = keys.get(current);
  if (currentKey === undefined) {
    throw new ConfigurationError("encryption.current", "must be the name of one of encryption.keys");
  }
  return { current, currentKey, acceptPlaintext, find: (keyId) => keys.get(keyId) };
}
