import { PartsMissing, RemoteContainer, type RemotePart } from "../preview/remote.js";
import type { LargeValue } from "./large-value.js";
import { lastNotAbove, type OutlineNode } from "./outline.js";
import { partStarts } from "./split.js";
import type { ByteRange } from "./text.js";

/** A large list or object, of which a preview sees the parts it asks for. */
export class RemoteNode extends RemoteContainer {
  readonly kind: "items" | "members";
  readonly count: number;
  readonly #value: LargeValue;
  readonly #node: OutlineNode;
  /** Parts at hand, each as its JSON text until it is looked at. */
  readonly #parts = new Map<number, string | RemotePart>();

  constructor(value: LargeValue, node: OutlineNode, kind: "items" | "members") {
    super();
    this.#value = value;
    this.#node = node;
    this.kind = kind;
    this.count = node.count;
  }

  /** See {@link RemoteContainer.want}. */
  want(indices: readonly number[]): void {
    const missing = indices.filter((index) => !this.#parts.has(index));
    if (missing.length > 0) throw new PartsMissing(() => this.#load(missing));
  }

  /** See {@link RemoteContainer.part}. */
  part(index: number): RemotePart {
    this.want([index]);
    const known = this.#parts.get(index);
    if (typeof known === "object") return known;
    const part = this.#parse(index, known ?? "null");
    this.#parts.set(index, part);
    return part;
  }

  async #load(indices: readonly number[]): Promise<void> {
    const { blockParts } = this.#node;
    const blocks = [...new Set(indices.map((index) => lastNotAbove(blockParts, index)))];
    const gaps = blocks.map((block) => this.#gaps(block));
    const bytes = await this.#value.read(gaps.flat());
    let taken = 0;
    for (const [n, block] of blocks.entries()) {
      const count = gaps[n]?.length ?? 0;
      this.#keep(block, Buffer.concat(bytes.slice(taken, taken + count)));
      taken += count;
    }
    for (const index of indices) if (!this.#parts.has(index)) throw new SyntaxError("a part is not there");
  }

  /** A block without what is inside its large parts, which are thus empty lists, objects and texts. */
  #gaps(block: number): ByteRange[] {
    const { blockStarts, end, children } = this.#node;
    const start = blockStarts[block] ?? end;
    const stop = blockStarts[block + 1] ?? end;
    const gaps: ByteRange[] = [];
    let from = start;
    for (const { node } of children.filter(({ node }) => node.start >= start && node.end <= stop)) {
      gaps.push({ from, to: node.start });
      from = node.end;
    }
    return [...gaps, { from, to: stop }];
  }

  #keep(block: number, bytes: Buffer): void {
    const starts = partStarts(this.kind, bytes, this.#node.blockParts[block] ?? 0);
    for (const [n, { at, part }] of starts.entries())
      this.#parts.set(part, bytes.toString("utf8", at, starts[n + 1]?.at).replace(/,\s*$/, ""));
  }

  #parse(index: number, text: string): RemotePart {
    const large = this.#node.children.find(({ part }) => part === index)?.node;
    const remote = large && this.#value.remote(large);
    if (this.kind === "items") return { key: undefined, value: remote ?? this.#value.parse(text) };
    const [[key, value] = ["", null]] = Object.entries(this.#value.parse(`{${text}}`) as object);
    return { key, value: remote ?? value };
  }
}
