import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { StoreUnusableError } from "../../errors.js";
import type { Database, DatabaseClass } from "./driver.js";
import { IN_MEMORY } from "./options.js";
import { createSchema, isForeign } from "./schema.js";
import { prepareStatements, type Statements } from "./statements.js";

/** An open database with its statements. */
export interface Connection {
  readonly database: Database;
  readonly statements: Statements;
}

/**
 * Opens a store, making folder, file and schema where they are missing. Throws what SQLite or the file system
 * throw; leaves nothing open then.
 */
export function openConnection(Driver: DatabaseClass, path: string): Connection {
  if (path !== IN_MEMORY) createPrivateFile(path);
  // SQLite would block the event loop while it waits for a lock; waiting is done outside.
  const database = new Driver(path, { timeout: 0 });
  try {
    return { database, statements: prepare(database, path) };
  } catch (error) {
    database.close();
    throw error;
  }
}

function prepare(database: Database, path: string): Statements {
  if (isForeign(database)) {
    throw new StoreUnusableError(
      `The SQLite store ${path} is the database of another program; choose another path (option path, or MCP_REFCACHE_DB_PATH).`,
    );
  }
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  database.pragma("secure_delete = FAST"); // leaves no copies of rows beside those that re-encryption overwrites
  createSchema(database);
  return prepareStatements(database);
}

/**
 * SQLite makes its file readable by everybody; made empty beforehand it keeps the rights it has, and so do the
 * `-wal` and `-shm` beside it. What exists is not touched: opening and closing it would drop SQLite's locks.
 */
function createPrivateFile(path: string): void {
  makeFolder(dirname(path));
  unlessItExists(() => closeSync(openSync(path, "wx", 0o600)));
}

/** By steps, as Node's own recursion never ends where the system says that a folder which exists does not. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  unlessItExists(() => mkdirSync(path, { mode: 0o700 }));
}

/** Another process may make the same thing at the same moment. */
function unlessItExists(make: () => void): void {
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
