import { NodeDetails } from "./node-details.js";
import { GRAIN, type Grain, type OutlineNode } from "./outline.js";
import { scanCharacters } from "./scan-characters.js";
import { CLASSES, COMMA, endOfString, isBlank, OPEN, QUOTE } from "./tokens.js";

/** Bytes between two places where the work may be interrupted: some 100 µs. */
export const STRIDE = 64 * 1024;

/** Levels whose parts are counted; what lies deeper gets no node of its own. */
export const MOST_LEVELS = 512;

/**
 * Finds the parts of a JSON text in one pass over its bytes. Yields where it may be interrupted.
 * @returns the root's node; `undefined` for a number, a literal, or what is not JSON.
 */
export function* scanOutline(
  text: Buffer,
  grain: Grain = GRAIN,
): Generator<void, OutlineNode | undefined, void> {
  let start = 0;
  while (isBlank(text[start])) start++;
  if (text[start] === 0x22) return yield* scanCharacters(text, start, endOfString(text, start), grain);
  const scanner = new ContainerScanner(text, start, grain);
  while (!scanner.isDone) {
    scanner.run();
    if (scanner.longString !== undefined) yield* scanner.scanLongString(scanner.longString);
    yield;
  }
  return scanner.root;
}

/** Written for speed: numbers by level in typed arrays, as most lists and objects are small and soon over. */
class ContainerScanner {
  root: OutlineNode | undefined;
  isDone: boolean;
  /** Begin and end of the string at which the last run stopped. */
  longString: readonly [start: number, end: number] | undefined;
  readonly #text: Buffer;
  readonly #grain: Grain;
  readonly #starts = new Uint32Array(MOST_LEVELS);
  readonly #parts = new Uint32Array(MOST_LEVELS);
  readonly #blocks = new Uint32Array(MOST_LEVELS);
  readonly #counts = new Uint32Array(MOST_LEVELS);
  readonly #smallest = new Uint32Array(MOST_LEVELS);
  readonly #largest = new Uint32Array(MOST_LEVELS);
  readonly #details: (NodeDetails | undefined)[] = [];
  #at: number;
  #level = -1;

  constructor(text: Buffer, start: number, grain: Grain) {
    this.#text = text;
    this.#grain = grain;
    this.#at = start;
    this.isDone = CLASSES[text[start] ?? 0] !== OPEN;
  }

  /** Goes on for some 100 µs, or up to a long string. */
  run(): void {
    const text = this.#text;
    const starts = this.#starts;
    const parts = this.#parts;
    const blocks = this.#blocks;
    const counts = this.#counts;
    const smallest = this.#smallest;
    const largest = this.#largest;
    const { node: nodeBytes, block: blockBytes } = this.#grain;
    const stop = Math.min(text.length, this.#at + STRIDE);
    let level = this.#level;
    let at = this.#at;
    this.longString = undefined;
    for (; at < stop; at++) {
      const token = CLASSES[text[at] as number];
      if (token === 0) continue;
      if (token === QUOTE) {
        const end = endOfString(text, at);
        if (end - at >= nodeBytes) {
          this.longString = [at, end];
          at = end;
          break;
        }
        at = end - 1;
      } else if (token === COMMA) {
        if (level >= MOST_LEVELS) continue;
        const bytes = at + 1 - (parts[level] as number);
        if (bytes < (smallest[level] as number)) smallest[level] = bytes;
        if (bytes > (largest[level] as number)) largest[level] = bytes;
        (counts[level] as number)++;
        parts[level] = at + 1;
        if (at + 1 - (blocks[level] as number) >= blockBytes) this.#beginBlock(level, at + 1);
      } else if (token === OPEN) {
        level++;
        if (level >= MOST_LEVELS) continue;
        starts[level] = parts[level] = blocks[level] = at + 1;
        counts[level] = largest[level] = 0;
        smallest[level] = 0xffffffff;
      } else {
        if (level < MOST_LEVELS && (level === 0 || at - (starts[level] as number) >= nodeBytes))
          this.#endNode(level, at);
        level--;
        if (level < 0) break;
      }
    }
    this.#at = at;
    this.#level = level;
    this.isDone = level < 0 || at >= text.length;
  }

  /** Gives a long string a node of its own, unless it is the name of a member. */
  *scanLongString([start, end]: readonly [number, number]): Generator<void, void, void> {
    let behind = end;
    while (isBlank(this.#text[behind])) behind++;
    if (this.#text[behind] === 0x3a || this.#level >= MOST_LEVELS) return;
    this.#addChild(this.#level, yield* scanCharacters(this.#text, start, end, this.#grain));
  }

  #beginBlock(level: number, at: number): void {
    this.#detailsOf(level).beginBlock(at, this.#counts[level] as number);
    this.#blocks[level] = at;
  }

  #endNode(level: number, end: number): void {
    const start = this.#starts[level] as number;
    const separated = this.#counts[level] as number;
    const node = this.#detailsOf(level).finish({
      kind: this.#text[start - 1] === 0x5b ? "items" : "members",
      isEmpty: separated === 0 && isBlankBetween(this.#text, start, end),
      end,
      last: this.#parts[level] as number,
      separated,
      smallest: this.#smallest[level] as number,
      largest: this.#largest[level] as number,
    });
    this.#details[level] = undefined;
    if (level === 0) this.root = node;
    else this.#addChild(level - 1, node);
  }

  #addChild(level: number, node: OutlineNode): void {
    this.#detailsOf(level).children.push({ part: this.#counts[level] as number, node });
  }

  /** A level is used by one list or object after the other. */
  #detailsOf(level: number): NodeDetails {
    const start = this.#starts[level] as number;
    const known = this.#details[level];
    if (known?.start === start) return known;
    const details = new NodeDetails(start);
    this.#details[level] = details;
    return details;
  }
}

function isBlankBetween(text: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at < to && isBlank(text[at])) at++;
  return at === to;
}
