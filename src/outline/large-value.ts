import { decodeValue } from "../entry/decode.js";
import { isExact, type SizeMeasure, sampleRanges, scaledSize } from "../preview/measure.js";
import type { RemoteContainer, RemoteText } from "../preview/remote.js";
import { lastNotAbove, type Outline, type OutlineNode } from "./outline.js";
import { RemoteNode } from "./remote-node.js";
import { RemoteString } from "./remote-string.js";
import { partStarts } from "./split.js";
import type { ByteRange, LargeText } from "./text.js";
import { textOf } from "./utf8.js";

/** Some parts of a large value that follow each other. */
export interface Run {
  /** JSON text of the parts, without brackets or quotes. */
  readonly text: string;
  /** The first part, and the one behind the last. */
  readonly from: number;
  readonly to: number;
}

/** A large value of which parts are read when they are asked for. */
export class LargeValue {
  readonly outline: Outline;
  /** The value as a preview sees it. */
  readonly root: RemoteContainer | RemoteText;
  readonly #text: LargeText;
  readonly #strictJson: boolean;

  /** @param strictJson see `EntryMetadata`. */
  constructor(outline: Outline, text: LargeText, strictJson = false) {
    this.outline = outline;
    this.#text = text;
    this.#strictJson = strictJson;
    this.root = this.remote(outline.root);
  }

  /** A list, object or text within, as a preview sees it. */
  remote(node: OutlineNode): RemoteContainer | RemoteText {
    return node.kind === "characters" ? new RemoteString(this, node) : new RemoteNode(this, node, node.kind);
  }

  /** Reads bytes of the text. */
  read(ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
    return this.#text.read(ranges);
  }

  /** The whole text. */
  async whole(): Promise<string> {
    const [bytes] = await this.#text.read([{ from: 0, to: this.outline.bytes }]);
    return textOf(bytes ?? NOTHING);
  }

  /** Its approximate size, in units of a measure. */
  async size(measure: SizeMeasure): Promise<number> {
    const { bytes, characters, tokens } = this.outline;
    if (isExact(measure)) return measure.unit === "tokens" ? tokens : characters;
    const samples = await this.#text.read(sampleRanges(bytes));
    return scaledSize(
      measure,
      samples.map((bytes) => textOf(bytes)),
      characters,
    );
  }

  /** The value of a JSON text that is part of this one. Throws `SyntaxError` where the store gave something else. */
  parse(json: string): unknown {
    return decodeValue(json, this.#strictJson);
  }

  /** The parts of the root that begin within some bytes. */
  async partsWithin(bytes: ByteRange): Promise<Run> {
    const { root } = this.outline;
    return this.#run(blocksWithin(root, bytes), ({ at }) => at >= bytes.from && at < bytes.to);
  }

  /** The parts of the root from one up to another. */
  async partsBetween(from: number, to: number): Promise<Run> {
    const { root } = this.outline;
    return this.#run(blocksOf(root, from, to), ({ part }) => part >= from && part < to);
  }

  async #run(
    { range, firstPart }: Blocks,
    isWanted: (start: { at: number; part: number }) => boolean,
  ): Promise<Run> {
    const { root } = this.outline;
    const [bytes = NOTHING] = await this.#text.read([range]);
    const starts = partStarts(root.kind, bytes, firstPart);
    const wanted = starts.filter(({ at, part }) => isWanted({ at: at + range.from, part }));
    const first = wanted[0];
    if (first === undefined) return { text: "", from: firstPart, to: firstPart };
    const next = starts[starts.indexOf(first) + wanted.length];
    const text = textOf(bytes, first.at, next?.at);
    const to = next?.part ?? endOfBlocks(root, range.to);
    return { text: root.kind === "characters" ? text : text.replace(/,\s*$/, ""), from: first.part, to };
  }
}

const NOTHING = new Uint8Array();

/** Whole blocks that follow each other. */
interface Blocks {
  readonly range: ByteRange;
  readonly firstPart: number;
}

function blocksWithin(node: OutlineNode, { from, to }: ByteRange): Blocks {
  return blocks(node, lastNotAbove(node.blockStarts, from), lastNotAbove(node.blockStarts, to - 1));
}

function blocksOf(node: OutlineNode, from: number, to: number): Blocks {
  return blocks(
    node,
    lastNotAbove(node.blockParts, from),
    lastNotAbove(node.blockParts, Math.max(from, to - 1)),
  );
}

function blocks({ blockStarts, blockParts, end }: OutlineNode, first: number, last: number): Blocks {
  return {
    range: { from: blockStarts[first] ?? end, to: blockStarts[last + 1] ?? end },
    firstPart: blockParts[first] ?? 0,
  };
}

function endOfBlocks({ blockStarts, blockParts, count }: OutlineNode, end: number): number {
  return blockParts[blockStarts.indexOf(end)] ?? count;
}
