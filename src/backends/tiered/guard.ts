import { StoreUnavailableError } from "../../errors.js";
import type { CacheBackend } from "../backend.js";
import { Breaker, isAway } from "./breaker.js";

/** Nothing is ever stored under it. */
const PROBED = "probe:00000000000000000000000000000000";

/** A store behind its breaker, and whether it is there. */
export class Guard {
  readonly store: CacheBackend;
  readonly #breaker: Breaker;
  readonly #onChange: () => void;
  #isAway = false;
  #isClosed = false;

  /** @param onChange called whenever `isAway` or `breaker` has changed. */
  constructor(store: CacheBackend, failuresToOpen: number, onChange: () => void) {
    this.store = store;
    this.#onChange = onChange;
    this.#breaker = new Breaker(failuresToOpen, onChange);
  }

  /** Whether the last call found the store away. */
  get isAway(): boolean {
    return this.#isAway;
  }

  get breaker(): Breaker["state"] {
    return this.#breaker.state;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether a call has failed since the store is away, not since this is closed. */
  isExcused(error: unknown): boolean {
    return !this.#isClosed && isAway(error);
  }

  /**
   * Asks the store.
   * @throws {StoreUnavailableError} at once when closed, or while the store is left alone; else what `call` throws.
   */
  async ask<T>(call: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    try {
      const result = await this.#breaker.run(call);
      this.#note(false);
      return result;
    } catch (error) {
      this.#note(isAway(error));
      throw error;
    }
  }

  /** Asks the store item by item. */
  async *each<T>(open: () => AsyncIterable<T>): AsyncGenerator<T, void> {
    this.#assertOpen();
    const iterator = open()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await this.ask(() => iterator.next());
        if (step.done) return;
        yield step.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  /** Tries a store that may be away; tells whether it answers. */
  async probe(): Promise<boolean> {
    const isThere = await this.#breaker.probe(() => this.store.exists(PROBED));
    this.#note(!isThere);
    return isThere;
  }

  /** Closes the store. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.store.close();
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new StoreUnavailableError("The tiered store is closed. Make a new backend.");
  }

  #note(isAway: boolean): void {
    if (isAway === this.#isAway) return;
    this.#isAway = isAway;
    this.#onChange();
  }
}
