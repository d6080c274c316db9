import { encodeValue, type ValueLimits } from "../entry/encode.js";
import { ValueNotStorableError } from "../errors.js";
import { JsonCheck } from "./json-check.js";
import type { StreamParts } from "./value-stream.js";

/** Writes the JSON text of a value that comes piece by piece. */
export interface Scribe {
  /** Whether `JSON.parse` reads the text without loss. */
  readonly strictJson: boolean;
  /** The text for what came, piece by piece. */
  write(given: unknown): Iterable<string | Uint8Array>;
  /** What ends the text. */
  end(): string;
}

/** The one for a kind of stream. */
export function scribeFor(kind: StreamParts["kind"], limits: ValueLimits): Scribe {
  if (kind === "items") return new ListScribe(limits);
  return kind === "json" ? new JsonScribe(limits) : new TextScribe();
}

/** A list, item by item. */
class ListScribe implements Scribe {
  strictJson = true;
  readonly #limits: ValueLimits;
  #count = 0;

  constructor(limits: ValueLimits) {
    this.#limits = limits;
  }

  *write(item: unknown): Generator<string> {
    const { json, strictJson } = encodeValue(item, this.#limits, [this.#count]);
    this.strictJson &&= strictJson;
    yield this.#count++ === 0 ? "[" : ",";
    yield json;
  }

  end(): string {
    return this.#count === 0 ? "[]" : "]";
  }
}

/** What is JSON already. */
class JsonScribe implements Scribe {
  readonly #check: JsonCheck;

  constructor({ maxDepth }: ValueLimits) {
    this.#check = new JsonCheck(maxDepth);
  }

  get strictJson(): boolean {
    return this.#check.strictJson;
  }

  *write(given: unknown): Generator<Uint8Array> {
    for (const piece of pieces(given)) {
      const bytes = typeof piece === "string" ? Buffer.from(escapedHalves(piece)) : piece;
      this.#check.push(bytes);
      yield bytes;
    }
  }

  end(): string {
    this.#check.end();
    return "";
  }
}

/** One text, as a string of JSON. */
class TextScribe implements Scribe {
  readonly strictJson = true;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #hasBegun = false;
  /** The first half of a surrogate pair, whose second one may come. */
  #half = "";

  *write(given: unknown): Generator<string> {
    for (const piece of pieces(given)) {
      const text = this.#half + (typeof piece === "string" ? piece : this.#decoded(piece));
      const isCut = FIRST_HALF.test(text);
      this.#half = isCut ? text.slice(-1) : "";
      yield this.#beginning() + JSON.stringify(isCut ? text.slice(0, -1) : text).slice(1, -1);
    }
  }

  end(): string {
    const rest = JSON.stringify(this.#half + this.#decoded(undefined)).slice(1);
    return this.#beginning() + rest;
  }

  #beginning(): string {
    if (this.#hasBegun) return "";
    this.#hasBegun = true;
    return '"';
  }

  #decoded(bytes: Uint8Array | undefined): string {
    try {
      return bytes === undefined ? this.#decoder.decode() : this.#decoder.decode(bytes, { stream: true });
    } catch {
      throw new ValueNotStorableError("$", "its bytes are not UTF-8");
    }
  }
}

const FIRST_HALF = /[\ud800-\udbff]$/;

/** Characters or bytes that are written at a time. */
const PIECE = 64 * 1024;

/** What came, in pieces of bounded length, none of which cuts a surrogate pair. */
function* pieces(given: unknown): Generator<string | Uint8Array> {
  if (typeof given === "string") yield* textPieces(given);
  else if (given instanceof Uint8Array)
    for (let at = 0; at < given.length; at += PIECE) yield given.subarray(at, at + PIECE);
  else throw new ValueNotStorableError("$", "a piece of it is neither a text nor a Uint8Array");
}

function* textPieces(text: string): Generator<string> {
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + PIECE);
    if (end < text.length && FIRST_HALF.test(text[end - 1] ?? "")) end--;
    yield text.slice(at, end);
    at = end;
  }
}

/** Half of a surrogate pair has no bytes; within a string of JSON, an escape says the same. */
function escapedHalves(text: string): string {
  return text.replace(/\p{Surrogate}/gu, (half) => `\\u${half.charCodeAt(0).toString(16)}`);
}
