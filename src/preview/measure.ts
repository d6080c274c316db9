import type { Weigher } from "./weigher.js";
import { CHARACTERS, TOKENS } from "./weights.js";

export { tokenizer } from "./tokenizer.js";

/** Tells how large a text is. Must be deterministic. */
export interface SizeMeasure {
  /** What `count` counts. Previews plan by the built-in estimate of this unit, and check by `count`. */
  readonly unit: "tokens" | "characters";
  /** The size of the whole text, in units. */
  count(text: string): number;
}

/** Texts up to this many characters are counted in full where an approximate size would do. */
const SAMPLED_ABOVE = 65_536;
const SAMPLES = 16;
const SAMPLE_LENGTH = 4_096;

/**
 * Estimates the tokens of a text, erring on the high side: no tokenizer, no dependency, one pass. Up to about
 * twice the true count for English prose and JSON; some of that margin is what other tokenizers take.
 */
export function estimateTokens(text: string): number {
  return TOKENS.units(TOKENS.text(text));
}

/** Measures in tokens, by the built-in estimate. */
export const tokens: SizeMeasure = { unit: "tokens", count: estimateTokens };

/** Measures in characters: UTF-16 code units, as `length` counts them. */
export const characters: SizeMeasure = { unit: "characters", count: (text) => text.length };

/**
 * The size of a text in units of the measure, counted up to 65,536 characters and scaled up from 16 evenly
 * spread samples above. For telling how large something is, never for holding a limit.
 */
export function approximateSize(measure: SizeMeasure, text: string): number {
  if (text.length <= SAMPLED_ABOVE) return measure.count(text);
  const samples = sampleRanges(text.length).map(({ from, to }) => text.slice(from, to));
  return scaledSize(measure, samples, text.length);
}

/** Where the samples of a text of some length, above 65,536, are. */
export function sampleRanges(length: number): { from: number; to: number }[] {
  const stride = (length - SAMPLE_LENGTH) / (SAMPLES - 1);
  return Array.from({ length: SAMPLES }, (_, sample) => {
    const from = Math.round(sample * stride);
    return { from, to: from + SAMPLE_LENGTH };
  });
}

/** The size of a text, told by its samples. */
export function scaledSize(measure: SizeMeasure, samples: readonly string[], length: number): number {
  const counted = samples.reduce((sum, sample) => sum + measure.count(sample), 0);
  return Math.ceil((counted * length) / (SAMPLES * SAMPLE_LENGTH));
}

/** The weigher a preview is planned with; exact for the built-in measures, a good guess for others. */
export function weigherFor(measure: SizeMeasure): Weigher {
  return measure.unit === "characters" ? CHARACTERS : TOKENS;
}

/** Tells whether the weigher's figures are the measure's own, so that nothing is gained by counting again. */
export function isExact(measure: SizeMeasure): boolean {
  return measure === tokens || measure === characters;
}
