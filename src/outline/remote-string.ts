import { PartsMissing, RemoteText } from "../preview/remote.js";
import type { LargeValue } from "./large-value.js";
import { lastNotAbove, type OutlineNode } from "./outline.js";
import { textOf } from "./utf8.js";

/** A large text, of which a preview sees the beginning. */
export class RemoteString extends RemoteText {
  readonly length: number;
  readonly #value: LargeValue;
  readonly #node: OutlineNode;
  #beginning = "";

  constructor(value: LargeValue, node: OutlineNode) {
    super();
    this.#value = value;
    this.#node = node;
    this.length = node.count;
  }

  /** See {@link RemoteText.beginning}. */
  beginning(characters: number): string {
    if (this.#beginning.length < Math.min(characters, this.length))
      throw new PartsMissing(() => this.#load(characters));
    return this.#beginning;
  }

  async #load(characters: number): Promise<void> {
    const { start, end, blockStarts, blockParts } = this.#node;
    const behind = lastNotAbove(blockParts, characters) + 1;
    const [bytes] = await this.#value.read([{ from: start, to: blockStarts[behind] ?? end }]);
    this.#beginning = this.#value.parse(`"${textOf(bytes ?? new Uint8Array())}"`) as string;
  }
}
