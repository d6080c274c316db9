import { gptTokens } from "../../src/preview/gpt-tokens.js";
import { characters, type SizeMeasure, tokens } from "../../src/preview/measure.js";

/** A measure that adds up in no way: a longer text may be smaller. */
const silly: SizeMeasure = { unit: "characters", count: (text) => (text.length * 7919) % 101 };
/** A measure in which one more character costs more, the longer the text. */
const steep: SizeMeasure = { unit: "tokens", count: (text) => Math.ceil(text.length ** 1.5 / 10) };

/** Measures built in, plugged, and unreasonable. */
export const measures: Readonly<Record<string, SizeMeasure>> = {
  characters,
  tokens,
  "gpt-tokenizer": await gptTokens(),
  silly,
  steep,
};
