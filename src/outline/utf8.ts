/** The same bytes, with what a `Buffer` can do. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The text that some bytes are in UTF-8. */
export function textOf(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return asBuffer(bytes).toString("utf8", from, to);
}
