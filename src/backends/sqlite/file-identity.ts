import { statSync } from "node:fs";

/** How often it is looked, in milliseconds; a look costs some microseconds. */
const INTERVAL_MS = 500;

/**
 * Tells whether a path still leads to the file that it led to at first. SQLite would go on with one that was deleted
 * or replaced, apart from every server that opens the path later.
 */
export class FileIdentity {
  readonly #path: string;
  readonly #first: string;
  #lookedAt = performance.now();

  constructor(path: string) {
    this.#path = path;
    this.#first = identityOf(path);
  }

  /** Whether the path leads elsewhere by now, or nowhere. Looks twice a second at most. */
  hasChanged(): boolean {
    const now = performance.now();
    if (now - this.#lookedAt < INTERVAL_MS) return false;
    this.#lookedAt = now;
    return identityOf(this.#path) !== this.#first;
  }
}

function identityOf(path: string): string {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? "none" : `${found.dev} ${found.ino}`;
}
