import type { OutlineChild, OutlineNode } from "./outline.js";

/** What was counted of a list or object when its last bracket is met. */
export interface Counted {
  readonly kind: "items" | "members";
  /** Whether there is nothing between the brackets. */
  readonly isEmpty: boolean;
  /** Where that bracket is. */
  readonly end: number;
  /** Where the last part begins. */
  readonly last: number;
  /** Parts that a separator ended: all but the last. */
  readonly separated: number;
  readonly smallest: number;
  readonly largest: number;
}

/** Blocks and large parts of a list or object that has become worth a node. */
export class NodeDetails {
  readonly start: number;
  readonly children: OutlineChild[] = [];
  readonly #blockStarts: number[];
  readonly #blockParts = [0];

  /** @param start behind the opening bracket. */
  constructor(start: number) {
    this.start = start;
    this.#blockStarts = [start];
  }

  /** A block begins with a part. */
  beginBlock(at: number, part: number): void {
    this.#blockStarts.push(at);
    this.#blockParts.push(part);
  }

  /** The node, once all is known. */
  finish({ kind, isEmpty, end, last, separated, smallest, largest }: Counted): OutlineNode {
    const { start, children } = this;
    const bytes = end - last;
    return {
      kind,
      start,
      end,
      count: isEmpty ? 0 : separated + 1,
      smallest: isEmpty ? 0 : Math.min(smallest, bytes),
      largest: isEmpty ? 0 : Math.max(largest, bytes),
      last,
      lastPart: separated,
      blockStarts: Uint32Array.from(this.#blockStarts),
      blockParts: Uint32Array.from(this.#blockParts),
      children,
    };
  }
}
