/** What a byte of JSON text outside strings is. Everything else belongs to a number or a literal, or is blank. */
export const QUOTE = 1;
/** Separates parts. */
export const COMMA = 2;
/** Begins a list or an object. */
export const OPEN = 3;
/** Ends a list or an object. */
export const CLOSE = 4;

const BACKSLASH = 0x5c;
/** The class of each byte; 0 for the rest. */
export const CLASSES = new Uint8Array(256);
for (const [characters, token] of [
  ['"', QUOTE],
  [",", COMMA],
  ["[{", OPEN],
  ["]}", CLOSE],
] as const)
  for (const character of characters) CLASSES[character.charCodeAt(0)] = token;

/** Tells a blank of JSON. */
export function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** A string longer than this is searched natively. */
const SHORT = 64;

/** Where the string that begins at an offset ends, behind its quote; the end of the text where it does not. */
export function endOfString(text: Uint8Array, start: number): number {
  const far = Math.min(text.length, start + SHORT);
  let at = start + 1;
  for (; at < far; at++) {
    const byte = text[at];
    if (byte === 0x22) return at + 1;
    if (byte === BACKSLASH) at++;
  }
  return endOfLongString(text, start, at);
}

function endOfLongString(text: Uint8Array, start: number, from: number): number {
  let quote = text.indexOf(0x22, from);
  while (quote !== -1 && isEscaped(text, quote, start)) quote = text.indexOf(0x22, quote + 1);
  return quote === -1 ? text.length : quote + 1;
}

function isEscaped(text: Uint8Array, at: number, start: number): boolean {
  let before = at - 1;
  while (before > start && text[before] === BACKSLASH) before--;
  return (at - 1 - before) % 2 === 1;
}
