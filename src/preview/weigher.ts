/** What a text costs, character by character, as integer weights. */
export interface WeightRules {
  /** Weight that makes one unit of the measure. */
  readonly perUnit: number;
  /** Weight of an ordinary character in an ordinary text; for deciding how much room a part deserves. */
  readonly typical: number;
  /** Number of states of `ascii`; state 0 is the one after punctuation, and at the beginning of a text. */
  readonly states: number;
  /** The least a character can weigh. */
  readonly lightest: number;
  /** The most that a byte of UTF-8 adds to the weight of a JSON text: an upper bound of the mean over any text. */
  readonly densest: number;
  /** The same where that text is written inside a JSON string. */
  readonly densestQuoted: number;
  /** Weight of an ASCII character in a state, and the state after it. Punctuation must not look at the state. */
  ascii(state: number, code: number): readonly [weight: number, next: number];
  /** Weight of any other UTF-16 code unit, alike for all of a block of 128. The state after it is 0. */
  wide(firstOfBlock: number): number;
}

/** A text longer than this is read through a buffer: several times faster than `charCodeAt`. */
const BUFFERED = 1024;
const CHUNK = 16_384;
const buffer = Buffer.alloc(CHUNK * 2);
const units = new Uint16Array(buffer.buffer, buffer.byteOffset, CHUNK);

/**
 * Adds up the weight of texts and of the JSON they become, in one pass and without writing that JSON.
 *
 * Weights are additive over JSON: every value in it begins after punctuation, where the state is 0, and
 * punctuation weighs the same wherever it stands. So the weight of a list is that of its brackets, its
 * commas and its items.
 */
export class Weigher {
  /** Weight that makes one unit of the measure. */
  readonly perUnit: number;
  /** Weight of an ordinary character. */
  readonly typical: number;
  /** See {@link WeightRules}. */
  readonly lightest: number;
  /** See {@link WeightRules}. */
  readonly densest: number;
  /** See {@link WeightRules}. */
  readonly densestQuoted: number;
  /** Weight of the two brackets of a list or object, or of the two quotes of a string. */
  readonly brackets: number;
  /** Weight of the comma between two parts. */
  readonly comma: number;
  /** Weight of the colon between a key and its value. */
  readonly colon: number;

  /** By state and ASCII code: weight in the upper 16 bits, below it the next state, times 128. */
  readonly #plain: Int32Array;
  /** The same for characters inside a JSON string, where some are written as an escape. */
  readonly #escaped: Int32Array;
  readonly #wide: Int32Array;

  constructor(rules: WeightRules) {
    this.perUnit = rules.perUnit;
    this.typical = rules.typical;
    this.lightest = rules.lightest;
    this.densest = rules.densest;
    this.densestQuoted = rules.densestQuoted;
    this.#plain = table(rules.states, (state, code) => rules.ascii(state, code));
    this.#wide = Int32Array.from({ length: 512 }, (_, block) => rules.wide(block * 128));
    this.#escaped = table(rules.states, (state, code) => this.#escape(state, String.fromCharCode(code)));
    this.brackets = this.text("[]");
    this.comma = this.text(",");
    this.colon = this.text(":");
  }

  /** The number of whole units of the measure that a weight takes. */
  units(weight: number): number {
    return Math.ceil(weight / this.perUnit);
  }

  /** The weight of a text as it stands. */
  text(text: string): number {
    return text.length > BUFFERED ? this.#longText(text) : this.#run(0, text)[0];
  }

  /** The weight of a text as a JSON string, quotes included; `Infinity` when that is above the limit. */
  string(text: string, limit = Number.POSITIVE_INFINITY): number {
    const { end, weight } = this.#scan(text, 0, limit - this.brackets);
    return end === text.length && weight + this.brackets <= limit
      ? weight + this.brackets
      : Number.POSITIVE_INFINITY;
  }

  /**
   * The index up to which a text, from an index on, fits a weight when written inside a JSON string. Never
   * between the two halves of a surrogate pair.
   */
  fit(text: string, from: number, weight: number): number {
    return this.#scan(text, from, weight).end;
  }

  #scan(text: string, from: number, limit: number): { end: number; weight: number } {
    let weight = 0;
    let state = 0;
    let end = from;
    while (end < text.length) {
      const code = text.charCodeAt(end);
      let width = 1;
      let step: number;
      if (code < 128) {
        step = this.#escaped[state | code] ?? 0;
      } else if (code >= 0xd800 && code <= 0xdfff) {
        width = isPair(text, end) ? 2 : 1;
        step = width === 2 ? this.#wideStep(code) * 2 : this.#loneSurrogate(state, code);
      } else {
        step = this.#wideStep(code);
      }
      if (weight + (step >>> 16) > limit) break;
      weight += step >>> 16;
      state = step & 0xffff;
      end += width;
    }
    return { end, weight };
  }

  #longText(text: string): number {
    let weight = 0;
    let state = 0;
    for (let from = 0; from < text.length; from += CHUNK) {
      const length = buffer.write(text.slice(from, from + CHUNK), "utf16le") / 2;
      for (let index = 0; index < length; index++) {
        const code = units[index] ?? 0;
        const step = code < 128 ? (this.#plain[state | code] ?? 0) : this.#wideStep(code);
        weight += step >>> 16;
        state = step & 0xffff;
      }
    }
    return weight;
  }

  #run(from: number, text: string): [weight: number, state: number] {
    let weight = 0;
    let state = from;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      const step = code < 128 ? (this.#plain[state | code] ?? 0) : this.#wideStep(code);
      weight += step >>> 16;
      state = step & 0xffff;
    }
    return [weight, state];
  }

  #wideStep(code: number): number {
    return (this.#wide[code >>> 7] ?? 0) << 16;
  }

  /** Half a surrogate pair is written as an escape by `JSON.stringify`. */
  #loneSurrogate(state: number, code: number): number {
    const [weight, next] = this.#escape(state >>> 7, String.fromCharCode(code));
    return pack(weight, next);
  }

  #escape(state: number, character: string): [weight: number, next: number] {
    const [weight, next] = this.#run(state << 7, JSON.stringify(character).slice(1, -1));
    return [weight, next >>> 7];
  }
}

/** Tells whether the code unit at an index is the first of a surrogate pair. */
export function isPair(text: string, index: number): boolean {
  return (text.codePointAt(index) ?? 0) > 0xffff;
}

function table(states: number, step: WeightRules["ascii"]): Int32Array {
  return Int32Array.from({ length: states * 128 }, (_, index) => pack(...step(index >>> 7, index & 127)));
}

function pack(weight: number, next: number): number {
  return (weight << 16) | (next << 7);
}
