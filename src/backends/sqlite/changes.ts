import type { ChangeListener, ChangeWatch, CopiedKey } from "../backend.js";
import type { Statements } from "./statements.js";

/**
 * Asks the file, whenever it wants to know, whether another connection has changed it since: a few microseconds. What
 * this connection itself changes is not told.
 */
export class SqliteWatch implements ChangeWatch {
  readonly #statementsNow: () => Statements | undefined;
  readonly #listener: ChangeListener;
  /** Those of the connection that was asked last: the numbers of two connections say nothing of each other. */
  #statements: Statements | undefined;
  #version: number | undefined;
  #isStopped = false;

  /** @param statementsNow the statements of the connection, while there is one. */
  constructor(statementsNow: () => Statements | undefined, listener: ChangeListener) {
    this.#statementsNow = statementsNow;
    this.#listener = listener;
  }

  /** See {@link ChangeWatch.isCurrent}. Every change that is committed is known when this returns. */
  isCurrent(): boolean {
    if (this.#isStopped) return false;
    const statements = this.#statementsNow();
    const version = statements && versionOf(statements);
    if (version !== this.#version || statements !== this.#statements) this.#listener.changedAll();
    this.#statements = statements;
    this.#version = version;
    return version !== undefined;
  }

  /** See {@link ChangeWatch.settle}. Nothing is ever on its way. */
  async settle(): Promise<void> {}

  /** See {@link ChangeWatch.stop}. */
  stop(): void {
    this.#isStopped = true;
  }
}

/** See `ChangeFeed.endsOf`. */
export function endOf(statements: Statements, { kind, name }: CopiedKey): number | null | undefined {
  const row = (kind === "entry" ? statements.entryEnd : statements.linkEnd).get(name);
  return row && (row.expires_at === null ? null : row.expires_at * 1000);
}

/** A number that changes with every commit of another connection; nothing while a lock is in the way. */
function versionOf({ dataVersion }: Statements): number | undefined {
  try {
    return dataVersion.get()?.data_version;
  } catch {
    return undefined;
  }
}
