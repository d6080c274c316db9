/** Where the cache reports what its users should know. Never receives a value, a reference or a secret. */
export interface Logger {
  debug(message: string, details?: unknown): void;
  info(message: string, details?: unknown): void;
  warn(message: string, details?: unknown): void;
  error(message: string, details?: unknown): void;
}

const silent = (): void => {};

/** Warnings and errors on stderr; stdout belongs to the stdio transport. */
export const stderrLogger: Logger = {
  debug: silent,
  info: silent,
  warn: (message) => console.error(`[mcp-refcache] ${message}`),
  error: (message) => console.error(`[mcp-refcache] ${message}`),
};
