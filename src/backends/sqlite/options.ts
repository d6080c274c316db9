import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { sqlitePathFromEnvironment } from "../../config.js";
import { ConfigurationError } from "../../errors.js";
import { checkInteger, LONGEST_TIMER } from "../options.js";

/** Options of {@link SqliteBackend}. */
export interface SqliteBackendOptions {
  /**
   * The file, or `:memory:`; a leading `~/` is the home folder. Default: `MCP_REFCACHE_DB_PATH`, else
   * `$XDG_CACHE_HOME/mcp-refcache/cache.db`, else `~/.cache/mcp-refcache/cache.db`.
   */
  readonly path?: string;
  /** Milliseconds a call waits for other processes' locks before `StoreTimeoutError`. Default 30,000. */
  readonly busyTimeout?: number;
  /** Milliseconds between two removals of expired rows; the first is at opening. Default 60,000. */
  readonly sweepInterval?: number;
}

/** The path of a database that lives in memory and goes with its connection. */
export const IN_MEMORY = ":memory:";

/**
 * Fills in defaults.
 * @throws {ConfigurationError} naming an option that is not acceptable.
 */
export function checkOptions(options: string | SqliteBackendOptions): Required<SqliteBackendOptions> {
  const given = typeof options === "string" ? { path: options } : options;
  return {
    path: absolutePath(given.path ?? sqlitePathFromEnvironment()),
    busyTimeout: checkInteger("busyTimeout", given.busyTimeout ?? 30_000, 0, LONGEST_TIMER),
    sweepInterval: checkInteger("sweepInterval", given.sweepInterval ?? 60_000, 1, LONGEST_TIMER),
  };
}

function absolutePath(path: string): string {
  if (path === "" || path.includes("\0")) {
    throw new ConfigurationError("path", 'must be the path of a file, or ":memory:"');
  }
  if (path === IN_MEMORY) return path;
  return path.startsWith("~/") ? join(homedir(), path.slice(2)) : resolve(path);
}
