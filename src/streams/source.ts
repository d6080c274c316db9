import { StreamStalledError } from "../errors.js";
import type { StreamParts } from "./value-stream.js";

/** How long a source gets to close, in milliseconds; it may then go on, unheeded. */
const CLOSING_MS = 1000;

/** What a source may take. */
export interface SourceOptions {
  /** Milliseconds in which a source must give something. */
  readonly maxPause: number;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

type Given<T> = IteratorResult<T> | Promise<IteratorResult<T>>;

/** Asks a source for one thing after the other, and waits for none longer than it may. */
export class Source {
  readonly #iterator: { next(): Given<unknown>; return?(): Given<unknown> };
  readonly #options: SourceOptions;
  readonly #watch: NodeJS.Timeout;
  readonly #onAbort = () => this.#refuse?.(this.#options.signal?.reason);
  /** Ends the present wait. */
  #refuse: ((reason: unknown) => void) | undefined;
  #since = performance.now();
  #isOver = false;

  constructor({ source }: StreamParts, options: SourceOptions) {
    this.#iterator = iteratorOf(source);
    this.#options = options;
    this.#watch = setInterval(() => this.#look(), Math.max(1, options.maxPause / 4));
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  /**
   * The next thing; nothing at the end.
   * @throws {StreamStalledError}, the signal's reason, and what the source throws.
   */
  next(): Promise<{ readonly given: unknown } | undefined> {
    this.#since = performance.now();
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      this.#options.signal?.throwIfAborted();
      const fail = (error: unknown) => {
        this.#isOver = true;
        reject(error);
      };
      Promise.resolve(this.#iterator.next()).then(({ done, value }) => {
        this.#isOver ||= done === true;
        resolve(done ? undefined : { given: value });
      }, fail);
    });
  }

  /** Closes the source, unless it has come to its end. Never rejects. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    if (this.#isOver) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSING_MS);
    });
    await Promise.race([late, this.#return()]);
    clearTimeout(timer);
  }

  async #return(): Promise<void> {
    try {
      await this.#iterator.return?.();
    } catch {
      // Why it is closed is what the caller hears.
    }
  }

  #look(): void {
    const { maxPause } = this.#options;
    if (performance.now() - this.#since >= maxPause) this.#refuse?.(new StreamStalledError(maxPause));
  }
}

function iteratorOf(source: StreamParts["source"]): { next(): Given<unknown>; return?(): Given<unknown> } {
  if (typeof source === "string" || source instanceof Uint8Array) return [source][Symbol.iterator]();
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  return source[Symbol.iterator]();
}
