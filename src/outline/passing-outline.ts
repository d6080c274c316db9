import type { Grain, Outline } from "./outline.js";
import { PassingText } from "./passing-text.js";
import { Segments } from "./segments.js";

/** Makes the outline of a JSON text that passes by in pieces, the one that `buildOutline` makes of it whole. */
export class PassingOutline {
  readonly #segments = new Segments();
  readonly #text: PassingText;

  constructor(grain?: Grain) {
    this.#text = new PassingText(grain);
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#segments.bytes;
  }

  /** Takes the next bytes of the text, which must be JSON. Nothing of them is held. */
  push(piece: Buffer): void {
    this.#segments.push(piece);
    this.#text.push(piece);
  }

  /** The outline, once all has passed; `undefined` where the text has no parts, being a number or a literal. */
  end(): Outline | undefined {
    const root = this.#text.end();
    return root && { ...this.#segments.end(), root };
  }
}
