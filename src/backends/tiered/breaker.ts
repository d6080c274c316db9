import { StoreTimeoutError, StoreUnavailableError } from "../../errors.js";
import type { BackendHealth } from "../backend.js";

type State = BackendHealth["breaker"];

/**
 * Stands between calls and a store that hangs: after so many failures in a row the store is left alone, and calls fail
 * at once in place of waiting for their deadlines. Only a probe asks it then; no call pays for finding out.
 */
export class Breaker {
  readonly #failuresToOpen: number;
  readonly #onChange: (state: State) => void;
  #failures = 0;
  #state: State = "closed";
  #lastFailure: unknown;

  constructor(failuresToOpen: number, onChange: (state: State) => void) {
    this.#failuresToOpen = failuresToOpen;
    this.#onChange = onChange;
  }

  get state(): State {
    return this.#state;
  }

  /**
   * Asks the store.
   * @throws {StoreUnavailableError} at once, while it is left alone; else whatever `call` throws.
   */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#state !== "closed") throw leftAlone(this.#lastFailure);
    try {
      const result = await call();
      this.#failures = 0;
      return result;
    } catch (error) {
      this.#count(error);
      throw error;
    }
  }

  /** Tries a store that is left alone; any answer of its own closes the breaker. Tells whether there was one. */
  async probe(call: () => Promise<unknown>): Promise<boolean> {
    if (this.#state === "open") this.#become("half_open");
    try {
      await call();
    } catch (error) {
      if (isAway(error)) {
        this.#lastFailure = error;
        if (this.#state === "half_open") this.#become("open");
        return false;
      }
    }
    this.#failures = 0;
    this.#become("closed");
    return true;
  }

  #count(error: unknown): void {
    if (!isAway(error)) {
      this.#failures = 0; // it answered
      return;
    }
    this.#lastFailure = error;
    if (++this.#failures >= this.#failuresToOpen && this.#state === "closed") this.#become("open");
  }

  #become(state: State): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#onChange(state);
  }
}

/** Replies by which a server that is well refuses a user, not a call. */
const REFUSALS = new Set(["NOPERM", "NOAUTH", "WRONGPASS"]);

/**
 * Tells whether an error says that the store is away, and not that it is full, that an entry is broken, or that this
 * user may not do this.
 */
export function isAway(error: unknown): boolean {
  if (error instanceof StoreTimeoutError) return true;
  if (!(error instanceof StoreUnavailableError)) return false;
  const { code } = (error.cause ?? {}) as { code?: unknown };
  return !REFUSALS.has(String(code));
}

function leftAlone(cause: unknown): StoreUnavailableError {
  const why = cause instanceof Error ? ` ${cause.message}` : "";
  return new StoreUnavailableError(
    `The store has failed too often in a row and is left alone for now.${why}`,
    {
      cause,
    },
  );
}
