import { estimateTokens } from "../preview/measure.js";
import { textOf } from "./utf8.js";

/** Bytes of one sample; one begins at every so many segments. */
export const SAMPLE_BYTES = 4096;
const MOST_SAMPLES = 32;

/**
 * Estimates the tokens of a text that passes by, and whose length is not known before its end: from samples of which
 * every second one is dropped whenever there are too many. The same text always gives the same estimate.
 */
export class TokenSamples {
  readonly #samples: { readonly bytes: number; readonly tokens: number }[] = [];
  /** Segments from one sample to the next. */
  #stride = 1;

  /** Tells whether the beginning of a segment is to be given to {@link TokenSamples.add}. */
  wants(segment: number): boolean {
    return segment % this.#stride === 0;
  }

  /** Takes the first bytes of a segment that is wanted, in order. */
  add(sample: Uint8Array): void {
    this.#samples.push({ bytes: sample.length, tokens: estimateTokens(textOf(sample)) });
    if (this.#samples.length <= MOST_SAMPLES) return;
    this.#stride *= 2;
    const kept = this.#samples.filter((_, n) => n % 2 === 0);
    this.#samples.splice(0, this.#samples.length, ...kept);
  }

  /** The estimate for a text of some length. */
  total(bytes: number): number {
    const sampled = this.#samples.reduce((sum, sample) => sum + sample.bytes, 0);
    const counted = this.#samples.reduce((sum, sample) => sum + sample.tokens, 0);
    return sampled === 0 ? 0 : Math.ceil((counted * bytes) / sampled);
  }
}
