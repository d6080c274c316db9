import { BlockCipher, newSalt } from "./blocks/cipher.js";
import type { Key } from "./cipher.js";
import { isKeyId } from "./envelope.js";
import type { Keyring } from "./keyring.js";

/** Begins an encrypted outline; another one begins with the length of its header, which is never that. */
const MAGIC = "rco1";

/** Encrypts an outline, bound to what `boundTo` says: it would tell sizes, structure and checksums of the value. */
export function sealOutline(written: Uint8Array, keyId: string, key: Key, boundTo: string): Uint8Array {
  const salt = newSalt();
  const head = Buffer.from(`${MAGIC}${JSON.stringify({ key_id: keyId, salt })}\n`, "latin1");
  return Buffer.concat([head, BlockCipher.ofOutline(key, salt).encryptOutline(written, boundTo)]);
}

/** Tells by its beginning whether an outline is encrypted. */
export function isSealedOutline(written: Uint8Array): boolean {
  return Buffer.from(written.subarray(0, MAGIC.length)).toString("latin1") === MAGIC;
}

/** Decrypts an outline; `undefined` where that cannot be done, or it is another entry's. */
export function openOutline(
  sealed: Uint8Array,
  keyring: Keyring | undefined,
  boundTo: string,
): Uint8Array | undefined {
  const end = sealed.indexOf(0x0a);
  const { keyId, salt } = readHead(Buffer.from(sealed.subarray(MAGIC.length, end)).toString("latin1"));
  const key = keyId === undefined ? undefined : keyring?.find(keyId);
  return key && BlockCipher.ofOutline(key, salt).decryptOutline(sealed.subarray(end + 1), boundTo);
}

function readHead(text: string): { keyId?: string; salt: string } {
  const [, keyId = "", salt = ""] = /^\{"key_id":"([^"]*)","salt":"([^"]*)"\}$/.exec(text) ?? [];
  return isKeyId(keyId) ? { keyId, salt } : { salt };
}
