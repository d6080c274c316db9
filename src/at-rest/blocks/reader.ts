import { StringDecoder } from "node:string_decoder";
import { crc32 } from "node:zlib";
import type { BlockCipher } from "./cipher.js";
import { type BlockForm, readEnding, spansOf } from "./form.js";
import { Packing } from "./packing.js";

/** What a text in blocks is read with. */
export interface BlockReading {
  readonly form: BlockForm & { readonly at: number };
  readonly cipher: BlockCipher | undefined;
  /** Bytes that the text has; nothing more is made of it. */
  readonly bytes: number;
}

/** A text that was read, and the CRC-32 of what was stored, where that is not encrypted. */
export interface ReadText {
  readonly text: string;
  readonly stored: number;
}

/** Reads a whole text, pausing after each block; `undefined` where anything of it was changed. */
export function* readBlocks(json: string, reading: BlockReading): Generator<void, ReadText | undefined> {
  const { form, cipher, bytes: expected } = reading;
  const packing = new Packing(form, cipher);
  const decoder = new StringDecoder("utf8");
  const spans = spansOf(json, form.at);
  let [text, stored, bytes, blocks, checked] = ["", 0, 0, 0, 0];
  let span = spans.next();
  while (!span.done) {
    const { from, to } = span.value;
    span = spans.next();
    const block = packing.unpack(json.slice(from, to), blocks++, span.done === true);
    bytes += block?.length ?? 0;
    if (block === undefined || bytes > expected) return undefined;
    text += decoder.write(Buffer.from(block.buffer, block.byteOffset, block.length));
    if (cipher === undefined) stored = crc32(json.slice(checked, to), stored);
    checked = to;
    yield;
  }
  if (readEnding(span.value) !== bytes || bytes !== expected) return undefined;
  return { text, stored: crc32(json.slice(checked), stored) };
}
