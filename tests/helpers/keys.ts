import type { EncryptionOptions } from "../../src/index.js";

/** A key of 32 equal bytes, as nobody should use. */
export function key(n: number): Uint8Array {
  return new Uint8Array(32).fill(n);
}

/** Encryption under key `k1`, unless wished otherwise. */
export function encryption(wish: Partial<EncryptionOptions> = {}): EncryptionOptions {
  return { keys: { k1: key(1) }, current: "k1", ...wish };
}
