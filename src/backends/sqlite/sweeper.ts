import { setImmediate as nextTurn } from "node:timers/promises";
import type { Statement } from "./driver.js";
import { removeInBatches } from "./pace.js";
import type { Statements } from "./statements.js";

/** Removes expired rows of an open store: at once, then at an interval. Keeps no process alive. */
export class Sweeper {
  readonly #statements: readonly Statement[];
  readonly #timer: NodeJS.Timeout;
  #sweeping = false;
  #stopped = false;

  /** @param interval milliseconds between two rounds. */
  constructor(
    { removeExpired, removeExpiredLinks, removeOldLeases, labels, tasks, writing }: Statements,
    interval: number,
  ) {
    const { disownSilent, removeRows, removeDisowned } = writing;
    const unfinished = [disownSilent, removeRows, removeDisowned];
    this.#statements = [
      ...[removeExpired, removeExpiredLinks, removeOldLeases, labels.removeExpired, tasks.removeExpired],
      ...unfinished,
    ];
    this.#timer = setInterval(() => void this.#sweep(), interval).unref();
    void this.#sweep();
  }

  /** Ends the sweeping. To be called before the database is closed. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return;
    this.#sweeping = true;
    try {
      // The call that opened the store goes first.
      await nextTurn(undefined, { ref: false });
      for (const statement of this.#statements)
        await removeInBatches((limit) => this.#remove(statement, limit));
    } catch {
      // Nobody waits for this. A store in trouble tells its callers, and a busy one is swept the next time.
    } finally {
      this.#sweeping = false;
    }
  }

  #remove(statement: Statement, limit: number): number {
    return this.#stopped ? 0 : statement.run({ limit, now: Date.now() / 1000 }).changes;
  }
}
