import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import type { Envelope } from "./envelope.js";

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG = { authTagLength: 16 };

/** What goes into an envelope beside the name of the key. */
export type Encrypted = Omit<Envelope, "keyId">;

/** A key of AES-256-GCM, which whoever prints it does not see. */
export class Key {
  readonly #secret: KeyObject;

  /** Copies the 32 bytes. */
  constructor(bytes: Uint8Array) {
    this.#secret = createSecretKey(bytes);
  }

  /** Encrypts a text under a fresh random iv, bound to what `boundTo` says. */
  encrypt(text: string, boundTo: string): Encrypted {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#secret, iv, TAG);
    cipher.setAAD(Buffer.from(boundTo));
    const data = cipher.update(text, "utf8").toString("base64");
    cipher.final(); // empty: this mode keeps nothing back
    return { iv: iv.toString("base64"), tag: cipher.getAuthTag().toString("base64"), data };
  }

  /** Makes the 32 bytes of a key for one purpose; others with the same salt and purpose make the same ones. */
  derive(salt: Uint8Array, purpose: string): Uint8Array {
    return new Uint8Array(hkdfSync("sha256", this.#secret, salt, purpose, KEY_BYTES));
  }

  /** The text, or `undefined` when it was encrypted with another key, or anything was changed. */
  decrypt({ iv, tag, data }: Encrypted, boundTo: string): string | undefined {
    const decipher = createDecipheriv(ALGORITHM, this.#secret, Buffer.from(iv, "base64"), TAG);
    decipher.setAAD(Buffer.from(boundTo));
    decipher.setAuthTag(Buffer.from(tag, "base64"));
    const text = decipher.update(Buffer.from(data, "base64"));
    return isAuthentic(decipher) ? text.toString("utf8") : undefined;
  }
}

/** Until `final` has agreed, what came out may be anybody's text. */
function isAuthentic(decipher: { final(): unknown }): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}
