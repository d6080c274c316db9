import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from "node:crypto";
import type { Envelope } from "./envelope.js";

const ALGORITHM = "aes-256-gcm";
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** What goes into an envelope beside the name of the key. */
export type Encrypted = Omit<Envelope, "keyId">;

/** Encrypts a text under a fresh random iv, bound to what `boundTo` says. */
export function encrypt(text: string, key: KeyObject, boundTo: string): Encrypted {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(boundTo));
  const data = cipher.update(text, "utf8").toString("base64");
  cipher.final(); // empty: this mode keeps nothing back
  return { iv: iv.toString("base64"), tag: cipher.getAuthTag().toString("base64"), data };
}

/** The text, or `undefined` when the key is another one, or anything was changed. */
export function decrypt(encrypted: Encrypted, key: KeyObject, boundTo: string): string | undefined {
  const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(encrypted.iv, "base64"), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(boundTo));
  decipher.setAuthTag(Buffer.from(encrypted.tag, "base64"));
  const text = decipher.update(Buffer.from(encrypted.data, "base64"));
  return isAuthentic(decipher) ? text.toString("utf8") : undefined;
}

/** Until `final` has agreed, what came out may be anybody's text. */
function isAuthentic(decipher: { final(): Buffer }): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}
