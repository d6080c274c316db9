import { constants } from "node:buffer";
import { setImmediate as nextTurn } from "node:timers/promises";
import { tooLarge, type ValueLimits } from "../entry/encode.js";
import { LARGE_BYTES, type Outline } from "../outline/outline.js";
import { PassingOutline } from "../outline/passing-outline.js";
import { type Scribe, scribeFor } from "./scribe.js";
import { Source, type SourceOptions } from "./source.js";
import type { StreamParts } from "./value-stream.js";
import type { WrittenText } from "./written-text.js";

/** Bytes that are written at a time, at least and at most. */
const WRITE_BYTES = 256 * 1024;
const MOST_WRITTEN = 2 * WRITE_BYTES;
/** Milliseconds after which what there is is written, so that the store does not take the writer for dead. */
const WRITE_MS = 30_000;
/** Milliseconds of work after which other work gets its turn. */
const TURN_MS = 5;

/** A stream that has come to its end. */
export interface Received {
  readonly bytes: number;
  readonly strictJson: boolean;
  /** `undefined` of a number, `true`, `false` and `null`. */
  readonly outline: Outline | undefined;
  /** The JSON text: at hand, or written to the store. */
  readonly text: Uint8Array | WrittenText;
}

/** How to receive a stream. */
export interface Receiving extends SourceOptions {
  readonly limits: ValueLimits;
  /** Begins to write to the store; absent where the text is to be at hand. */
  readonly open?: (() => Promise<WrittenText>) | undefined;
}

/**
 * Takes a stream in, piece by piece, and never asks for more than it is writing. A small one is at hand in the end; of a
 * large one, nothing but the outline.
 * @throws what the source throws; {StreamStalledError} | {InvalidJsonError} | {ValueNotStorableError} |
 * {LimitExceededError} | {WritingFailure}. The source is closed then, and nothing is left in the store.
 */
export async function receive(parts: StreamParts, receiving: Receiving): Promise<Received> {
  const reception = new Reception(receiving);
  const source = new Source(parts, receiving);
  try {
    const scribe = scribeFor(parts.kind, receiving.limits);
    for (let next = await source.next(); next !== undefined; next = await source.next())
      for (const text of scribe.write(next.given)) await reception.take(text);
    await reception.take(scribe.end());
    return await reception.end(scribe);
  } catch (error) {
    await reception.abort();
    throw error;
  } finally {
    await source.close();
  }
}

/** Offsets in an outline have 32 bits. */
const MOST_BYTES = 2 ** 32 - 1;

class Reception {
  readonly #receiving: Receiving;
  readonly #most: number;
  readonly #outline = new PassingOutline();
  /** What came and has not passed on yet; the text behind the pieces. */
  #pieces: Uint8Array[] = [];
  #text = "";
  #size = 0;
  /** What is at hand, until something is written. */
  #gathered: Buffer[] = [];
  #written: WrittenText | undefined;
  #writtenAt = performance.now();
  #due = performance.now() + TURN_MS;

  constructor(receiving: Receiving) {
    const { limits, open } = receiving;
    this.#receiving = receiving;
    this.#most = Math.min(limits.maxValueBytes, open ? MOST_BYTES : constants.MAX_STRING_LENGTH);
  }

  async take(text: string | Uint8Array): Promise<void> {
    if (typeof text === "string") this.#text += text;
    else this.#add(Uint8Array.from(text)); // a copy: who gave it may use its memory again
    this.#size += text.length;
    const now = performance.now();
    if (this.#size >= WRITE_BYTES || now - this.#writtenAt > WRITE_MS) await this.#passOn();
    else if (now > this.#due) await this.#rest();
  }

  async end({ strictJson }: Scribe): Promise<Received> {
    await this.#passOn();
    await this.#written?.end();
    const text = this.#written ?? (await this.#whole());
    return { bytes: this.#outline.bytes, strictJson, outline: this.#outline.end(), text };
  }

  async abort(): Promise<void> {
    await this.#written?.abort();
  }

  /** What was gathered, as one. A large one takes its time, before and after which others get their turn. */
  async #whole(): Promise<Buffer> {
    if (this.#outline.bytes < LARGE_BYTES) return Buffer.concat(this.#gathered);
    const whole = Buffer.allocUnsafe(this.#outline.bytes);
    let at = 0;
    for (const piece of this.#gathered) {
      at += piece.copy(whole, at);
      if (performance.now() > this.#due) await this.#rest();
    }
    this.#gathered = [];
    await this.#rest();
    return whole;
  }

  #add(piece: Uint8Array): void {
    if (this.#text !== "") this.#pieces.push(Buffer.from(this.#text));
    this.#text = "";
    if (piece.length > 0) this.#pieces.push(piece);
  }

  async #passOn(): Promise<void> {
    this.#add(new Uint8Array());
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    for (let at = 0; at < bytes.length; at += MOST_WRITTEN) {
      await this.#pass(bytes.subarray(at, at + MOST_WRITTEN));
      if (performance.now() > this.#due) await this.#rest();
    }
    this.#writtenAt = performance.now();
  }

  async #pass(bytes: Buffer): Promise<void> {
    this.#outline.push(bytes);
    if (this.#outline.bytes > this.#most) throw tooLarge(this.#most);
    if (this.#written !== undefined) return this.#written.write(bytes);
    this.#gathered.push(bytes);
    if (this.#outline.bytes < LARGE_BYTES || this.#receiving.open === undefined) return;
    this.#written = await this.#receiving.open();
    for (const gathered of this.#gathered) await this.#written.write(gathered);
    this.#gathered = [];
  }

  async #rest(): Promise<void> {
    await nextTurn();
    this.#due = performance.now() + TURN_MS;
  }
}
