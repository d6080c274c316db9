import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { closeServer, serverOn } from "./operations.js";
import type { Scene } from "./run-fault.js";

/** How long the server waits for a lock. */
const BUSY_TIMEOUT_MS = 300;

/** A store in a file, in a folder of its own. */
export interface SqliteRig {
  readonly folder: string;
  /** The database. */
  readonly path: string;
  /** The database and what SQLite puts beside it. */
  readonly files: readonly string[];
  /** A connection of another program. */
  open(): Database.Database;
}

/** A scene on it, and how to end it. */
export interface SqliteScene extends Scene<SqliteRig> {
  close(): Promise<void>;
}

/** Makes a store; on a file system of so many bytes, where it is said and this process may mount one. */
export function sqliteScene(size?: string): SqliteScene {
  const folder = mkdtempSync(join(tmpdir(), "refcache-faults-"));
  if (size !== undefined) execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", folder]);
  const path = join(folder, "cache.db");
  const files = [path, `${path}-wal`, `${path}-shm`];
  const server = serverOn(() => new SqliteBackend({ path, busyTimeout: BUSY_TIMEOUT_MS }));
  const joinStore = () => serverOn(() => new SqliteBackend({ path }));
  const observer = joinStore();
  const close = async () => {
    await Promise.all([closeServer(server), closeServer(observer)]);
    if (size !== undefined) execFileSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true, force: true });
  };
  const rig = { folder, path, files, open: () => new Database(path) };
  return { rig, server, observer, join: joinStore, deadline: BUSY_TIMEOUT_MS, close };
}
