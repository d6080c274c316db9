import { countCharacters } from "./characters.js";
import type { LargeValue } from "./large-value.js";
import { SEGMENT_BYTES } from "./outline.js";
import { textOf } from "./utf8.js";

/**
 * The text between two offsets in bytes, moved to the characters that begin there, and the UTF-16 code units before it.
 */
export async function textBetween(
  large: LargeValue,
  start: number,
  end: number,
): Promise<{ text: string; from: number }> {
  const { bytes: length, charactersBefore } = large.outline;
  const segment = Math.floor(start / SEGMENT_BYTES);
  const base = segment * SEGMENT_BYTES;
  const [bytes = new Uint8Array()] = await large.read([{ from: base, to: Math.min(length, end + 3) }]);
  const from = characterStart(bytes, start - base);
  const to = characterStart(bytes, end - base);
  const before =
    charactersBefore.length === 0
      ? start
      : (charactersBefore[segment] ?? 0) + countCharacters(bytes.subarray(0, from));
  return { text: textOf(bytes, from, to), from: before };
}

/** The first offset from one on at which a character begins. */
function characterStart(bytes: Uint8Array, from: number): number {
  let at = from;
  while (((bytes[at] ?? 0) & 0xc0) === 0x80) at++;
  return Math.min(at, bytes.length);
}
