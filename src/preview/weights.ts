import { Weigher } from "./weigher.js";

/** Every UTF-16 code unit weighs one character. */
export const CHARACTERS = new Weigher({
  perUnit: 1,
  typical: 1,
  lightest: 1,
  densest: 1,
  densestQuoted: 2, // a quote or a backslash, escaped
  states: 1,
  ascii: () => [1, 0],
  wide: () => 1,
});

/** States of the token estimate. Runs of lower-case letters count up from LOWER to LONG. */
const PUNCTUATION = 0;
const SPACE = 1;
const UPPER = 2;
const DIGIT = 3;
const LOWER = 4;
const LONG = LOWER + 9;

function asciiWeight(state: number, code: number): [weight: number, next: number] {
  if (code >= 0x61 && code <= 0x7a) return lowerWeight(state);
  if (code >= 0x41 && code <= 0x5a) return [state === UPPER ? 69 : 94, UPPER];
  // Digits go in groups of three, and a comma or point after them costs a token of its own.
  if (code >= 0x30 && code <= 0x39) return [state === DIGIT ? 36 : 132, DIGIT];
  if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) return [state === SPACE ? 36 : 26, SPACE];
  return [code < 0x20 || code === 0x7f ? 105 : 72, PUNCTUATION];
}

function lowerWeight(state: number): [weight: number, next: number] {
  if (state < LOWER) return [state === UPPER ? 66 : 82, LOWER];
  return state < LONG ? [28, state + 1] : [62, LONG];
}

/** Upper ends of ranges of code units and their weights; no code unit can take over 300. */
const WIDE: readonly (readonly [end: number, weight: number])[] = [
  [0x0250, 128], // Latin with marks
  [0x0380, 230], // phonetic letters, combining marks
  [0x0400, 118], // Greek
  [0x0580, 82], // Cyrillic
  [0x0600, 125], // Hebrew
  [0x0700, 105], // Arabic
  [0x0900, 220],
  [0x1000, 148], // Indic, Thai, Lao, Tibetan
  [0x1100, 225], // Burmese, Georgian
  [0x2000, 270],
  [0x2080, 150], // dashes, quotes, ellipsis
  [0x3000, 270], // symbols
  [0x3100, 128], // Japanese
  [0x4e00, 300],
  [0xa000, 158], // Chinese
  [0xac00, 300],
  [0xd800, 138], // Korean
  [0xe000, 200], // either half of a surrogate pair: emoji, rare Chinese
  [0xff00, 300],
  [0x10000, 200], // full width
];

function wideWeight(firstOfBlock: number): number {
  return WIDE.find(([end]) => firstOfBlock < end)?.[1] ?? 300;
}

/**
 * An estimate of tokens, in hundredths. Calibrated so that it is not below the counts of o200k_base and
 * cl100k_base on the corpora of the tests: a token begins at every change of class, words are cheap, and a
 * run too long to be a word is as dear as the random letters it probably is.
 */
export const TOKENS = new Weigher({
  perUnit: 100,
  typical: 45,
  lightest: 26,
  densest: 121, // a phonetic letter of two bytes and a digit, by turns: (230 + 132) / 3
  densestQuoted: 144, // quotes, escaped
  states: LONG + 1,
  ascii: asciiWeight,
  wide: wideWeight,
});
