import { NodeDetails } from "./node-details.js";
import { GRAIN, type Grain, type OutlineNode } from "./outline.js";
import { PassingString } from "./passing-string.js";
import { MOST_LEVELS } from "./scan.js";
import { isBlank } from "./tokens.js";

const BLANK = 0;
const QUOTE = 1;
const COMMA = 2;
const OPEN = 3;
const CLOSE = 4;
/** A colon, or part of a number or literal. */
const OTHER = 5;

const TOKENS = new Uint8Array(256).fill(OTHER);
for (const [characters, token] of [
  [" \n\r\t", BLANK],
  ['"', QUOTE],
  [",", COMMA],
  ["[{", OPEN],
  ["]}", CLOSE],
] as const)
  for (const character of characters) TOKENS[character.charCodeAt(0)] = token;

/**
 * Finds the parts of a JSON text that passes by in pieces: what `scanOutline` finds in one that is at hand. What is held
 * of the text is less than a block of a string.
 */
export class PassingText {
  readonly #grain: Grain;
  readonly #kinds = new Uint8Array(MOST_LEVELS);
  readonly #starts = new Uint32Array(MOST_LEVELS);
  readonly #parts = new Uint32Array(MOST_LEVELS);
  readonly #blocks = new Uint32Array(MOST_LEVELS);
  readonly #counts = new Uint32Array(MOST_LEVELS);
  readonly #smallest = new Uint32Array(MOST_LEVELS);
  readonly #largest = new Uint32Array(MOST_LEVELS);
  readonly #details: (NodeDetails | undefined)[] = [];
  #root: OutlineNode | undefined;
  /** Of the text, before the present piece. */
  #base = 0;
  #level = -1;
  #isDone = false;
  /** Whether something stands before this place in the list or object that was opened last. */
  #isFilled = false;
  /** Whether the next string is the name of a member. */
  #isName = false;
  /** The string that the last piece ended in. */
  #string: PassingString | undefined;
  #isEscaped = false;

  constructor(grain: Grain = GRAIN) {
    this.#grain = grain;
  }

  /** Takes the next bytes of the text. */
  push(piece: Buffer): void {
    let at = this.#string === undefined ? 0 : this.#goOnInString(piece, 0);
    if (this.#level < 0 && !this.#isDone && this.#string === undefined) at = this.#begin(piece, at);
    if (!this.#isDone) this.#scan(piece, at);
    this.#base += piece.length;
  }

  /** The root's node, once all has passed; `undefined` for a number or a literal. */
  end(): OutlineNode | undefined {
    return this.#root;
  }

  /** Tells by the first byte what the root is. */
  #begin(piece: Buffer, from: number): number {
    let at = from;
    while (at < piece.length && isBlank(piece[at])) at++;
    if (at === piece.length) return at;
    const token = TOKENS[piece[at] as number];
    if (token === QUOTE) return this.#beginString(piece, at);
    this.#isDone = token !== OPEN;
    return at;
  }

  #scan(piece: Buffer, from: number): void {
    for (let at = from; at < piece.length && !this.#isDone; at++) {
      const token = TOKENS[piece[at] as number];
      if (token === BLANK) continue;
      if (token === OTHER) this.#isFilled = true;
      else if (token === QUOTE) at = this.#beginString(piece, at) - 1;
      else if (token === COMMA) this.#endPart(this.#base + at + 1);
      else if (token === OPEN) this.#open(piece[at] as number, this.#base + at + 1);
      else this.#close(this.#base + at);
    }
  }

  #open(bracket: number, at: number): void {
    const level = ++this.#level;
    this.#isFilled = false;
    if (level >= MOST_LEVELS) return;
    this.#kinds[level] = bracket;
    this.#isName = bracket === 0x7b;
    this.#starts[level] = this.#parts[level] = this.#blocks[level] = at;
    this.#counts[level] = this.#largest[level] = 0;
    this.#smallest[level] = 0xffffffff;
  }

  /** @param at behind the comma. */
  #endPart(at: number): void {
    const level = this.#level;
    if (level >= MOST_LEVELS) return;
    const bytes = at - (this.#parts[level] as number);
    if (bytes < (this.#smallest[level] as number)) this.#smallest[level] = bytes;
    if (bytes > (this.#largest[level] as number)) this.#largest[level] = bytes;
    (this.#counts[level] as number)++;
    this.#parts[level] = at;
    this.#isName = this.#kinds[level] === 0x7b;
    if (at - (this.#blocks[level] as number) < this.#grain.block) return;
    this.#detailsOf(level).beginBlock(at, this.#counts[level] as number);
    this.#blocks[level] = at;
  }

  #close(end: number): void {
    const level = this.#level--;
    if (level < MOST_LEVELS && (level === 0 || end - (this.#starts[level] as number) >= this.#grain.node))
      this.#endNode(level, end);
    this.#isFilled = true;
    this.#isDone = level === 0;
  }

  #endNode(level: number, end: number): void {
    const separated = this.#counts[level] as number;
    const node = this.#detailsOf(level).finish({
      kind: this.#kinds[level] === 0x5b ? "items" : "members",
      isEmpty: separated === 0 && !this.#isFilled,
      end,
      last: this.#parts[level] as number,
      separated,
      smallest: this.#smallest[level] as number,
      largest: this.#largest[level] as number,
    });
    this.#details[level] = undefined;
    if (level === 0) this.#root = node;
    else this.#addChild(level - 1, node);
  }

  /** @returns where to go on. */
  #beginString(piece: Buffer, quote: number): number {
    this.#isFilled = true;
    const end = endOfShortString(piece, quote + 1, this.#level < 0 ? 0 : this.#grain.node);
    if (end !== undefined) {
      this.#isName = false;
      return end;
    }
    this.#string = new PassingString(this.#base + quote + 1, this.#grain);
    return this.#goOnInString(piece, quote + 1);
  }

  /** @returns where to go on: behind the closing quote, or at the end of the piece. */
  #goOnInString(piece: Buffer, from: number): number {
    const string = this.#string;
    const end = this.#closingQuote(piece, from);
    string?.push(piece.subarray(from, end));
    if (string === undefined || end === undefined) return piece.length;
    this.#string = undefined;
    this.#endString(string);
    return end + 1;
  }

  #endString(string: PassingString): void {
    const isName = this.#isName;
    this.#isName = false;
    if (this.#level < 0) {
      this.#root = string.finish();
      this.#isDone = true;
    } else if (!isName && string.bytes + 2 >= this.#grain.node && this.#level < MOST_LEVELS) {
      this.#addChild(this.#level, string.finish());
    }
  }

  #closingQuote(piece: Buffer, from: number): number | undefined {
    let at = from;
    if (this.#isEscaped && at < piece.length) {
      at++;
      this.#isEscaped = false;
    }
    for (; at < piece.length; at++) {
      const byte = piece[at];
      if (byte === 0x22) return at;
      if (byte === 0x5c) at++;
    }
    this.#isEscaped ||= at > piece.length;
    return undefined;
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

/** Where a string ends that is at hand and too short for a node, behind its quote; `undefined` for any other. */
function endOfShortString(piece: Buffer, from: number, node: number): number | undefined {
  const far = Math.min(piece.length, from + node - 2);
  for (let at = from; at < far; at++) {
    const byte = piece[at];
    if (byte === 0x22) return at + 1;
    if (byte === 0x5c) at++;
  }
  return undefined;
}
