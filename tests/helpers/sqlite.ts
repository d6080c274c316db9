import { join } from "node:path";
import { onTestFinished } from "vitest";
import { SqliteBackend, type SqliteBackendOptions } from "../../src/backends/sqlite/index.js";
import { temporaryFolder } from "./folders.js";

/** A backend on a file, by default a new one, that is closed when the running test is over. */
export function sqlite(
  path = join(temporaryFolder(), "cache.db"),
  options: SqliteBackendOptions = {},
): SqliteBackend {
  const backend = new SqliteBackend({ ...options, path });
  onTestFinished(() => backend.close());
  return backend;
}
