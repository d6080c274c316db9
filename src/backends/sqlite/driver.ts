import { createRequire } from "node:module";
import { PeerDependencyError } from "../../errors.js";

/**
 * What is used of better-sqlite3. Written down here, and not imported, so that programs without the package
 * and its types compile.
 */
export interface Database {
  prepare<Row>(sql: string): Statement<Row>;
  exec(sql: string): unknown;
  pragma(source: string): unknown;
  transaction(run: (work: () => void) => void): { immediate(work: () => void): void };
  close(): unknown;
}

/** A prepared statement; `Row` is what it reads. */
export interface Statement<Row = unknown> {
  run(...parameters: readonly unknown[]): { readonly changes: number };
  get(...parameters: readonly unknown[]): Row | undefined;
  all(...parameters: readonly unknown[]): Row[];
  iterate(...parameters: readonly unknown[]): Iterable<Row>;
}

/** better-sqlite3's class; `timeout` is how long a call blocks on a lock, in milliseconds. */
export type DatabaseClass = new (path: string, options: { readonly timeout: number }) => Database;

const INSTALL = "npm install better-sqlite3@12";
/** better-sqlite3 13 is built for it and ends the whole process on a Node that lacks it. */
const NODE_API_OF_13 = 10;

/**
 * Loads better-sqlite3, after a look at its version: the wrong one cannot be caught once it is loaded.
 * @throws {PeerDependencyError} when it is missing, unusable, or too new for this Node.
 */
export function loadDriver(
  load: (id: string) => unknown = createRequire(import.meta.url),
  nodeApi = Number(process.versions.napi),
): DatabaseClass {
  const version = installedVersion(load);
  if (Number.parseInt(version, 10) >= 13 && !(nodeApi >= NODE_API_OF_13)) {
    throw new PeerDependencyError(
      `better-sqlite3 ${version} needs Node 22.14 or later, this is ${process.versions.node}. Run: ${INSTALL}`,
    );
  }
  try {
    return load("better-sqlite3") as DatabaseClass;
  } catch (cause) {
    throw new PeerDependencyError(`better-sqlite3 ${version} does not load. Run: ${INSTALL}`, { cause });
  }
}

function installedVersion(load: (id: string) => unknown): string {
  try {
    return String((load("better-sqlite3/package.json") as { version?: unknown }).version);
  } catch (cause) {
    throw new PeerDependencyError(`The SQLite store needs better-sqlite3. Run: ${INSTALL}`, { cause });
  }
}
