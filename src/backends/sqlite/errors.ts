import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { RefCacheError, type StoreError, StoreFullError, StoreUnusableError } from "../../errors.js";

/** Tells whether another connection holds the lock that a statement needed, so that trying again helps. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(codeOf(error));
}

/** The typed error for anything that went wrong at the store; what is typed already stays as it is. */
export function toStoreError(cause: unknown, path: string): RefCacheError {
  return cause instanceof RefCacheError ? cause : describe(codeOf(cause), path, { cause });
}

function describe(code: string, path: string, options: ErrorOptions): StoreError {
  if (isFull(code, path)) {
    return new StoreFullError(
      `There is no room left for the SQLite store ${path}. Free disk space, or clear namespaces no longer needed.`,
      options,
    );
  }
  const problem = PROBLEMS.find(([pattern]) => pattern.test(code))?.[1] ?? `cannot be used (${code})`;
  return new StoreUnusableError(`The SQLite store ${path} ${problem}.`, options);
}

const OTHER_PATH = "choose another path (option path, or MCP_REFCACHE_DB_PATH)";

/** What to tell and to advise, by the code of SQLite or of the file system. */
const PROBLEMS: readonly (readonly [RegExp, string])[] = [
  [/^SQLITE_NOTADB/, `is not an SQLite database; ${OTHER_PATH}`],
  [
    /^SQLITE_CORRUPT/,
    "is damaged; move it and the -wal and -shm beside it away, and a new one is made at the next call",
  ],
  [/^(SQLITE_READONLY|EROFS)/, `cannot be written; give this user the right to write it, or ${OTHER_PATH}`],
  [
    /^(SQLITE_CANTOPEN|SQLITE_PERM|SQLITE_AUTH|E[A-Z]+$)/,
    `cannot be opened; see that its folder can be made and written by this user, or ${OTHER_PATH}`,
  ],
  [/^SQLITE_IOERR/, "cannot be read or written; see to its disk, or choose another path"],
  [/^SQLITE_ERROR/, `has another layout than a cache; ${OTHER_PATH}`],
];

/** A full disk shows as more than one code: the shared-memory file cannot grow, or a read fails. */
function isFull(code: string, path: string): boolean {
  if (/^(SQLITE_FULL|SQLITE_TOOBIG|ENOSPC|EDQUOT)/.test(code)) return true;
  return /^SQLITE_(IOERR|CANTOPEN)/.test(code) && hasNoSpace(dirname(path));
}

function hasNoSpace(folder: string): boolean {
  try {
    return statfsSync(folder).bavail === 0;
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "unknown";
}
