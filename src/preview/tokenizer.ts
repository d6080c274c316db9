import type { SizeMeasure } from "./measure.js";

/** Tokenizers take time quadratic in the length of one run, so a longer one is cut. Costs under 0.1 %. */
const LONGEST_RUN = 512;
/** Anchored to the beginning of a run: unanchored it would itself be quadratic in long runs. */
const LONG_RUN = new RegExp(`(?:^|\\s)\\S{${LONGEST_RUN + 1}}|(?:^|\\S)\\s{${LONGEST_RUN + 1}}`);
/** Runs within the limit, or the beginning of a special token such as `<|endoftext|>`. */
const SAFE_RUN = new RegExp(`<(?=\\|)|(?:(?!<\\|)\\S){1,${LONGEST_RUN}}|\\s{1,${LONGEST_RUN}}`, "gu");

/**
 * Measures in tokens by a tokenizer of your own.
 *
 * Runs without white space (and runs of white space) are cut at 512 characters, because tokenizers are
 * quadratic in them, and `<|` is taken apart, because tokenizers throw on special tokens or count them as one.
 *
 * @param encode turns a text into tokens; only their number is used.
 */
export function tokenizer(encode: (text: string) => ArrayLike<unknown>): SizeMeasure {
  return { unit: "tokens", count: (text) => countSafely(text, encode) };
}

function countSafely(text: string, encode: (text: string) => ArrayLike<unknown>): number {
  let count = 0;
  for (const piece of safePieces(text)) count += encode(piece).length;
  return count;
}

/** Pieces that add up to the text, none of which a tokenizer chokes on. One piece for ordinary text. */
function safePieces(text: string): string[] {
  if (!LONG_RUN.test(text) && !text.includes("<|")) return [text];
  const pieces: string[] = [];
  let piece = "";
  for (const [run] of text.matchAll(SAFE_RUN)) {
    const cut = run.length >= LONGEST_RUN || run === "<";
    piece += run;
    if (!cut) continue;
    pieces.push(piece);
    piece = "";
  }
  if (piece !== "") pieces.push(piece);
  return pieces;
}
