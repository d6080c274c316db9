import type { OutlineNode } from "./outline.js";
import { bytesOfCharacter, unitsOfCharacter } from "./scan-characters.js";
import { CLASSES, CLOSE, COMMA, endOfString, OPEN, QUOTE } from "./tokens.js";

/** Where a part begins, and which it is. */
export interface PartStart {
  /** Offset in the bytes that were split. */
  readonly at: number;
  readonly part: number;
}

/** The parts that begin in the bytes of whole blocks, the first of which begins with part `first`. */
export function partStarts(kind: OutlineNode["kind"], bytes: Uint8Array, first: number): PartStart[] {
  return kind === "characters" ? characterStarts(bytes, first) : separatedStarts(bytes, first);
}

function separatedStarts(bytes: Uint8Array, first: number): PartStart[] {
  const starts: PartStart[] = bytes.length === 0 ? [] : [{ at: 0, part: first }];
  let level = 0;
  for (let at = 0; at < bytes.length; at++) {
    const token = CLASSES[bytes[at] as number];
    if (token === QUOTE) at = endOfString(bytes, at) - 1;
    else if (token === OPEN) level++;
    else if (token === CLOSE) level--;
    else if (token === COMMA && level === 0 && at + 1 < bytes.length)
      starts.push({ at: at + 1, part: first + starts.length });
  }
  return starts;
}

function characterStarts(bytes: Uint8Array, first: number): PartStart[] {
  const starts: PartStart[] = [];
  let part = first;
  for (let at = 0; at < bytes.length; ) {
    const length = bytesOfCharacter(bytes, at);
    starts.push({ at, part });
    part += unitsOfCharacter(length);
    at += length;
  }
  return starts;
}
