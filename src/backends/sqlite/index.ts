/** The SQLite store, apart from the core because it needs better-sqlite3. */
export { SqliteBackend } from "./backend.js";
export type { SqliteBackendOptions } from "./options.js";
