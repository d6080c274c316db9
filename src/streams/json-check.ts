import { InvalidJsonError, LimitExceededError } from "../errors.js";
import { Utf8Check } from "./utf8-check.js";

/** What may come next, or what is being read. Between values: */
const VALUE = 0;
const FIRST_ITEM = 1;
const FIRST_NAME = 2;
const NAME = 3;
const COLON = 4;
const BEHIND = 5;
/** Within a string: */
const STRING = 6;
const ESCAPE = 7;
const HEX = 8;
/** Within a number: */
const MINUS = 9;
const ZERO = 10;
const DIGITS = 11;
const POINT = 12;
const FRACTION = 13;
const E = 14;
const SIGN = 15;
const EXPONENT = 16;
/** Within `true`, `false` or `null`: */
const LITERAL = 17;

const LITERALS: Readonly<Record<number, Buffer>> = {
  116: Buffer.from("true"),
  102: Buffer.from("false"),
  110: Buffer.from("null"),
};

/** An integer of so many digits may be beyond 2^53. */
const LOSSY_DIGITS = 16;

/**
 * Checks that a text which passes by in pieces is JSON, as `JSON.parse` takes it: nothing of it is held, and no value is
 * made. Nothing is told of the text but where it is wrong.
 */
export class JsonCheck {
  /** Whether `JSON.parse` reads all so far without loss; may be `false` of some that it does. */
  strictJson = true;
  readonly #maxDepth: number;
  readonly #utf8 = new Utf8Check();
  /** Whether each level is an object. */
  readonly #levels: boolean[] = [];
  #state = VALUE;
  /** Whether the string is the name of a member. */
  #isName = false;
  /** Of an integer, of `\uXXXX`, or of a literal, those read so far. */
  #count = 0;
  #literal: Buffer = Buffer.alloc(0);
  #offset = 0;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  /**
   * Takes the next bytes.
   * @throws {InvalidJsonError} | {LimitExceededError}
   */
  push(piece: Uint8Array): void {
    const notText = this.#utf8.push(piece);
    if (notText !== undefined) throw new InvalidJsonError("is not UTF-8", notText);
    for (let at = 0; at < piece.length; at++) {
      if (this.#state === STRING) {
        at = plainEnd(piece, at);
        if (at === piece.length) break;
      }
      if (!this.#take(piece[at] as number)) throw wrong(this.#offset + at);
    }
    this.#offset += piece.length;
  }

  /** To be called once all has passed. @throws {InvalidJsonError} when something is missing. */
  end(): void {
    if (isNumberEnd(this.#state)) this.#endNumber();
    const isWhole = this.#state === BEHIND && this.#levels.length === 0;
    if (!isWhole || this.#utf8.end() !== undefined)
      throw new InvalidJsonError("ends too early", this.#offset);
  }

  /** @returns `false` where a byte does not fit. */
  #take(byte: number): boolean {
    const state = this.#state;
    if (state >= MINUS && state <= EXPONENT) return this.#inNumber(state, byte);
    switch (state) {
      case STRING:
        return this.#inString(byte);
      case ESCAPE:
        return this.#escape(byte);
      case HEX:
        if (++this.#count === 4) this.#state = STRING;
        return isHex(byte);
      case LITERAL:
        return this.#inLiteral(byte);
      default:
        return isBlank(byte) || this.#between(state, byte);
    }
  }

  #between(state: number, byte: number): boolean {
    if (state === BEHIND) return this.#behind(byte);
    if (state === COLON) {
      this.#state = VALUE;
      return byte === 0x3a;
    }
    if (byte === 0x5d && state === FIRST_ITEM) return this.#close();
    if (byte === 0x7d && state === FIRST_NAME) return this.#close();
    const wantsName = state === NAME || state === FIRST_NAME;
    if (wantsName && byte !== 0x22) return false;
    this.#isName = wantsName;
    return this.#begin(byte);
  }

  #begin(byte: number): boolean {
    if (byte === 0x22) this.#state = STRING;
    else if (byte === 0x5b || byte === 0x7b) this.#open(byte === 0x7b);
    else if (byte === 0x2d) this.#state = MINUS;
    else if (byte >= 0x30 && byte <= 0x39) this.#beginNumber(byte);
    else return this.#beginLiteral(byte);
    return true;
  }

  #open(isObject: boolean): void {
    if (this.#levels.length >= this.#maxDepth)
      throw new LimitExceededError(
        "limits.maxDepth",
        `The value is nested deeper than ${this.#maxDepth} levels`,
      );
    this.#levels.push(isObject);
    this.#state = isObject ? FIRST_NAME : FIRST_ITEM;
  }

  #close(): boolean {
    this.#levels.pop();
    this.#state = BEHIND;
    return true;
  }

  /** Behind a value. */
  #behind(byte: number): boolean {
    const isObject = this.#levels.at(-1);
    if (isObject === undefined) return false;
    if (byte === 0x2c) this.#state = isObject ? NAME : VALUE;
    else return byte === (isObject ? 0x7d : 0x5d) && this.#close();
    return true;
  }

  #inString(byte: number): boolean {
    if (byte === 0x22) this.#state = this.#isName ? COLON : BEHIND;
    else if (byte === 0x5c) this.#state = ESCAPE;
    return byte >= 0x20;
  }

  #escape(byte: number): boolean {
    this.#state = byte === 0x75 ? HEX : STRING;
    this.#count = 0;
    return byte === 0x75 || ESCAPED.has(byte);
  }

  #beginLiteral(byte: number): boolean {
    const literal = LITERALS[byte];
    if (literal === undefined) return false;
    this.#literal = literal;
    this.#count = 1;
    this.#state = LITERAL;
    return true;
  }

  #inLiteral(byte: number): boolean {
    const isRight = byte === this.#literal[this.#count++];
    if (this.#count === this.#literal.length) this.#state = BEHIND;
    return isRight;
  }

  #beginNumber(byte: number): void {
    this.#count = 1;
    this.#state = byte === 0x30 ? ZERO : DIGITS;
  }

  #inNumber(state: number, byte: number): boolean {
    const next = afterInNumber(state, byte);
    if (next !== undefined) {
      if (next === DIGITS) this.#count = state === MINUS ? 1 : this.#count + 1;
      this.#state = next;
      return true;
    }
    if (!isNumberEnd(state)) return false;
    this.#endNumber();
    return isBlank(byte) || this.#behind(byte);
  }

  #endNumber(): void {
    if (this.#state === DIGITS && this.#count >= LOSSY_DIGITS) this.strictJson = false;
    this.#state = BEHIND;
  }
}

/** Behind which states a number may end. */
function isNumberEnd(state: number): boolean {
  return state === ZERO || state === DIGITS || state === FRACTION || state === EXPONENT;
}

function afterInNumber(state: number, byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return afterDigit(state, byte);
  if (byte === 0x2e) return state === ZERO || state === DIGITS ? POINT : undefined;
  if (byte === 0x65 || byte === 0x45) return isNumberEnd(state) && state !== EXPONENT ? E : undefined;
  return (byte === 0x2b || byte === 0x2d) && state === E ? SIGN : undefined;
}

function afterDigit(state: number, byte: number): number | undefined {
  if (state === MINUS) return byte === 0x30 ? ZERO : DIGITS;
  if (state === ZERO) return undefined;
  if (state === DIGITS) return DIGITS;
  return state === POINT || state === FRACTION ? FRACTION : EXPONENT;
}

const ESCAPED = new Set(Buffer.from('"\\/bfnrt'));

function isHex(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Where the characters end that need no look. */
function plainEnd(piece: Uint8Array, from: number): number {
  let at = from;
  while (at < piece.length) {
    const byte = piece[at] as number;
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) break;
    at++;
  }
  return at;
}

function wrong(offset: number): InvalidJsonError {
  return new InvalidJsonError("is not JSON", offset);
}
