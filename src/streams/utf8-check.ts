import { isUtf8 } from "node:buffer";

/** Checks that what passes by in pieces is UTF-8; a character may be cut by the end of a piece. */
export class Utf8Check {
  #cut = new Uint8Array();
  #before = 0;

  /** @returns the offset of the first bytes that are no character, if any are known to be. */
  push(piece: Uint8Array): number | undefined {
    const text = this.#cut.length === 0 ? piece : Buffer.concat([this.#cut, piece]);
    const from = this.#before;
    const end = text.length - cutAtEnd(text);
    this.#cut = Uint8Array.from(text.subarray(end));
    this.#before += end;
    const whole = text.subarray(0, end);
    return isUtf8(whole) ? undefined : from + firstWrong(whole);
  }

  /** @returns the offset of a character that is cut by the end of the text. */
  end(): number | undefined {
    return this.#cut.length > 0 ? this.#before : undefined;
  }
}

/** Bytes at the end that may begin a character which goes on in the next piece. */
function cutAtEnd(text: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, text.length); back++) {
    const byte = text[text.length - back] as number;
    if (byte >= 0xc0) return lengthOf(byte) > back ? back : 0;
    if (byte < 0x80) return 0;
  }
  return 0;
}

function firstWrong(text: Uint8Array): number {
  let at = 0;
  while (at < text.length) {
    const end = at + lengthOf(text[at] as number);
    if (!isUtf8(text.subarray(at, end))) return at;
    at = end;
  }
  return at;
}

function lengthOf(byte: number): number {
  if (byte < 0xc0) return 1;
  if (byte < 0xe0) return 2;
  return byte < 0xf0 ? 3 : 4;
}
