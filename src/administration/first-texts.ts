/** The first few of any number of texts, in the order of their code units, in memory for twice as many. */
export class FirstTexts {
  readonly #most: number;
  readonly #after: string;
  #texts: string[] = [];
  #bound: string | undefined;

  /** @param after only texts behind this one. */
  constructor(most: number, after: string) {
    this.#most = most;
    this.#after = after;
  }

  /** The first ones of those added so far, sorted, each once. */
  get texts(): readonly string[] {
    this.#cut();
    return this.#texts;
  }

  /** Looks at one more. */
  add(text: string): void {
    if (text <= this.#after || (this.#bound !== undefined && text >= this.#bound)) return;
    this.#texts.push(text);
    if (this.#texts.length >= 2 * this.#most) this.#cut();
  }

  #cut(): void {
    this.#texts = [...new Set(this.#texts)].sort().slice(0, this.#most);
    if (this.#texts.length === this.#most) this.#bound = this.#texts.at(-1);
  }
}
