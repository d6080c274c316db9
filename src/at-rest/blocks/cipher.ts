import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import type { Key } from "../cipher.js";
import type { BlockForm } from "./form.js";

const ALGORITHM = "aes-256-gcm";
const TAG_BYTES = 16;
const SALT_BYTES = 32;

/** Every key encrypts under each nonce once: it is made for one text, and each part of that has its own. */
const PARTS = { block: 0, lastBlock: 1, outline: 2 } as const;

/** 256 fresh random bits in base64, of which the keys of one text are made. */
export function newSalt(): string {
  return randomBytes(SALT_BYTES).toString("base64");
}

/**
 * Encrypts the blocks of one text under a key of its own. By the nonce, which is never stored, each block is bound to its
 * place and to whether it is the last; by the key to the text; by {@link BlockCipher.seal}, the text to its entry.
 */
export class BlockCipher {
  readonly #key: KeyObject;
  readonly #sealKey: KeyObject;

  /** The cipher of a text in blocks of this form, under a key and the form's salt. */
  static ofBlocks(key: Key, { codec, blockBytes, salt = "" }: BlockForm): BlockCipher {
    return new BlockCipher(key, salt, `mcp-refcache blocks 1 ${codec} ${blockBytes}`);
  }

  /** The cipher of an outline. */
  static ofOutline(key: Key, salt: string): BlockCipher {
    return new BlockCipher(key, salt, "mcp-refcache outline 1");
  }

  private constructor(key: Key, salt: string, purpose: string) {
    const bits = Buffer.from(salt, "base64");
    this.#key = createSecretKey(key.derive(bits, purpose));
    this.#sealKey = createSecretKey(key.derive(bits, `${purpose} seal`));
  }

  /** Encrypts a block. To be called once for each number. */
  encrypt(bytes: Uint8Array, n: number, isLast: boolean): Buffer {
    return this.#encrypt(bytes, nonce(isLast ? PARTS.lastBlock : PARTS.block, n), "");
  }

  /** The block, or `undefined` when it is not the one that was encrypted there. */
  decrypt(bytes: Uint8Array, n: number, isLast: boolean): Uint8Array | undefined {
    return this.#decrypt(bytes, nonce(isLast ? PARTS.lastBlock : PARTS.block, n), "");
  }

  /** What binds the text to what `boundTo` says, in base64. */
  seal(boundTo: string): string {
    return this.#hmac(boundTo).toString("base64");
  }

  /** Tells whether a seal is the one of this text, bound to what `boundTo` says. */
  isSealed(seal: string, boundTo: string): boolean {
    const [given, right] = [Buffer.from(seal, "base64"), this.#hmac(boundTo)];
    return given.length === right.length && timingSafeEqual(given, right);
  }

  /** Encrypts an outline, bound to what `boundTo` says. To be called once. */
  encryptOutline(bytes: Uint8Array, boundTo: string): Buffer {
    return this.#encrypt(bytes, nonce(PARTS.outline), boundTo);
  }

  /** The outline, or `undefined` when it is not the one that was encrypted. */
  decryptOutline(bytes: Uint8Array, boundTo: string): Uint8Array | undefined {
    return this.#decrypt(bytes, nonce(PARTS.outline), boundTo);
  }

  /** May be asked for any number of heads, unlike a cipher whose nonces must differ. */
  #hmac(text: string): Buffer {
    return createHmac("sha256", this.#sealKey).update(text).digest();
  }

  #encrypt(bytes: Uint8Array, iv: Uint8Array, boundTo: string): Buffer {
    const cipher = createCipheriv(ALGORITHM, this.#key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(boundTo));
    return Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }

  #decrypt(bytes: Uint8Array, iv: Uint8Array, boundTo: string): Uint8Array | undefined {
    if (bytes.length < TAG_BYTES) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.#key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(boundTo));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    const text = decipher.update(bytes.subarray(0, -TAG_BYTES));
    try {
      decipher.final();
      return text;
    } catch {
      return undefined; // what came out may be anybody's
    }
  }
}

function nonce(part: number, n = 0): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes[0] = part;
  bytes.writeUInt32BE(n, 8);
  return bytes;
}
