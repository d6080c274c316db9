import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { loadDriver } from "../../src/backends/sqlite/driver.js";
import { toStoreError } from "../../src/backends/sqlite/errors.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import {
  PeerDependencyError,
  StoreFullError,
  StoreTimeoutError,
  StoreUnavailableError,
  StoreUnusableError,
} from "../../src/errors.js";
import { all, entry, reference } from "../helpers/entries.js";
import { temporaryFolder } from "../helpers/folders.js";
import { canMount } from "../helpers/mounts.js";
import { sqlite } from "../helpers/sqlite.js";
import { longestTurn } from "../helpers/turns.js";
import { childResult } from "./sqlite-children/run.js";

afterEach(() => vi.restoreAllMocks());

/** The one error that every method gives; checks that none is raw and that the path is named. */
async function failureOf(backend: SqliteBackend): Promise<Error> {
  const calls = [
    () => backend.get(reference(1)),
    () => backend.set(reference(1), entry()),
    () => backend.delete(reference(1)),
    () => backend.exists(reference(1)),
    () => backend.clear(),
    () => all(backend.keys()),
    () => backend.head(reference(1)),
    () => all(backend.heads("a")),
    () => backend.getLink("a"),
    () => backend.setLinked(reference(1), entry(), "a"),
  ];
  const failures: Error[] = [];
  for (const call of calls)
    failures.push(
      await call().then(
        () => new Error("it works"),
        (error: Error) => error,
      ),
    );
  expect(new Set(failures.map(({ name, message }) => `${name}: ${message}`)).size).toBe(1);
  const [failure] = failures;
  expect(failure?.message).toContain(backend.path);
  return failure as Error;
}

describe("a file that is no store", () => {
  test("something else than a database", async () => {
    const path = join(temporaryFolder(), "notes.txt");
    writeFileSync(path, "This is not a database. ".repeat(1000));
    const failure = await failureOf(sqlite(path));
    expect(failure).toBeInstanceOf(StoreUnusableError);
    expect(failure.message).toMatch(/not an SQLite database; choose another path/);
    expect(failure.cause).toMatchObject({ code: "SQLITE_NOTADB" });
    expect(readFileSync(path, "utf8")).toContain("This is not a database.");
  });

  test("the database of another program, which is left as it was", async () => {
    const path = join(temporaryFolder(), "app.db");
    const other = new Database(path);
    other.exec("CREATE TABLE bookmarks (url TEXT)");
    other.close();
    const before = readFileSync(path);
    const failure = await failureOf(sqlite(path));
    expect(failure).toBeInstanceOf(StoreUnusableError);
    expect(failure.message).toMatch(/another program/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test("a table of our name with other columns", async () => {
    const path = join(temporaryFolder(), "app.db");
    const other = new Database(path);
    other.exec("CREATE TABLE cache_entries (key TEXT, namespace TEXT, expires_at REAL, blob BLOB)");
    other.close();
    const failure = await failureOf(sqlite(path));
    expect(failure).toBeInstanceOf(StoreUnusableError);
    expect(failure.message).toMatch(/another layout/);
  });

  test("a damaged store, until it is moved away", async () => {
    const backend = sqlite();
    for (let n = 0; n < 50; n++) await backend.set(reference(n), entry({ value: "x".repeat(3000) }));
    await backend.close();
    const file = readFileSync(backend.path);
    writeFileSync(backend.path, file.fill(0x5a, 4096 * 2, 4096 * 20));

    const damaged = sqlite(backend.path);
    const failure = await damaged.get(reference(1)).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(StoreUnusableError);
    expect((failure as Error).message).toMatch(/is damaged; move it/);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(backend.path + suffix, { force: true });
    await damaged.set(reference(1), entry());
    expect(await damaged.exists(reference(1))).toBe(true);
  });

  test.each([
    ["a folder", (folder: string) => folder],
    [
      "a path below a file",
      (folder: string) => {
        writeFileSync(join(folder, "file"), "");
        return join(folder, "file", "cache.db");
      },
    ],
    ["a place where no file can be", () => "/proc/refcache/cache.db"],
  ])("%s", async (_, make) => {
    const failure = await failureOf(sqlite(make(temporaryFolder())));
    expect(failure).toBeInstanceOf(StoreUnusableError);
    expect(failure.message).toMatch(/cannot be opened; see that its folder/);
    expect(failure.cause).toBeInstanceOf(Error);
  });
});

describe("rights", () => {
  /** A store that others may reach; what is below the folder of a test is open to all but where said. */
  async function storeIn(name: string): Promise<string> {
    const folder = join(temporaryFolder(), name);
    chmodSync(join(folder, ".."), 0o755);
    mkdirSync(folder);
    const backend = sqlite(join(folder, "cache.db"));
    await backend.set(reference(1), entry());
    await backend.close();
    return backend.path;
  }

  test("a read-only folder, a read-only file and a closed file each give one clear error", async () => {
    const readOnlyFolder = await storeIn("read-only-folder");
    chmodSync(readOnlyFolder, 0o444);
    chmodSync(join(readOnlyFolder, ".."), 0o555);
    const newFileThere = join(readOnlyFolder, "..", "new.db");
    const closedFile = await storeIn("closed-file");
    chmodSync(closedFile, 0o000);
    const readOnlyFile = await storeIn("read-only-file");
    chmodSync(readOnlyFile, 0o444);
    chmodSync(join(readOnlyFile, ".."), 0o777);

    const [folder, file, closed, readable] = await childResult<{ write: string; read: string }[]>(
      "unprivileged.ts",
      ...[readOnlyFolder, newFileThere, closedFile, readOnlyFile],
    );
    for (const path of [readOnlyFolder, readOnlyFile]) chmodSync(join(path, ".."), 0o755);
    for (const result of [folder, file, closed]) {
      expect(result?.write).toMatch(/^StoreUnusableError: The SQLite store .* cannot be (opened|written); /);
      expect(result?.read).toMatch(/^StoreUnusableError: The SQLite store .* cannot be (opened|written); /);
    }
    expect(readable?.write).toMatch(/^StoreUnusableError: .* cannot be written; give this user the right/);
  });
});

describe("a full disk", () => {
  test("is told as such, and the store works again once there is room", async () => {
    const prepare = vi.spyOn(Database.prototype, "prepare");
    const backend = sqlite();
    await backend.set(reference(0), entry());
    const connection = prepare.mock.contexts[0] as Database.Database;
    connection.pragma("max_page_count = 100");

    const failure = await fill(backend).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(StoreFullError);
    expect((failure as Error).message).toMatch(
      /There is no room left for the SQLite store .*\. Free disk space/,
    );
    expect((failure as Error).cause).toMatchObject({ code: "SQLITE_FULL" });
    expect(await backend.exists(reference(0))).toBe(true);
    await backend.clear();
    await backend.set(reference(1), entry());
  });

  test.runIf(canMount())("is told as such on a real, small file system", async () => {
    const folder = temporaryFolder();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder]);
    const backend = new SqliteBackend(join(folder, "cache.db"));
    try {
      await expect(fill(backend)).rejects.toThrow(StoreFullError);
      expect(await backend.exists(reference(1))).toBe(true);
    } finally {
      await backend.close();
      execFileSync("umount", ["-l", folder]);
    }
  });

  test.runIf(canMount())("is told as such when not even an empty store fits", async () => {
    const folder = temporaryFolder();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "none", folder]);
    try {
      const failure = await failureOf(new SqliteBackend(join(folder, "cache.db")));
      expect(failure).toBeInstanceOf(StoreFullError);
    } finally {
      execFileSync("umount", ["-l", folder]);
    }
  });

  test("is recognised in a file system error", () => {
    const cause = Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    expect(toStoreError(cause, "/x/cache.db")).toBeInstanceOf(StoreFullError);
  });

  async function fill(backend: SqliteBackend): Promise<void> {
    for (let n = 1; n < 1000; n++) await backend.set(reference(n), entry({ value: "x".repeat(10_000) }));
  }
});

describe("another process in the way", () => {
  function locker(path: string): Database.Database {
    const database = new Database(path);
    onTestFinished(() => void database.close());
    return database;
  }

  test("a call waits without blocking the event loop, and goes through when the lock is gone", async () => {
    const backend = sqlite();
    await backend.exists(reference(1));
    const other = locker(backend.path);
    other.exec("BEGIN IMMEDIATE");
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const write = backend.set(reference(1), entry());
    await sleep(200);
    expect(turns).toBeGreaterThan(5);
    expect(await backend.exists(reference(1))).toBe(false);
    other.exec("COMMIT");
    await write;
    clearInterval(timer);
    expect(await backend.exists(reference(1))).toBe(true);
  });

  test("a lock that stays is a timeout within the bound", async () => {
    const backend = sqlite(undefined, { busyTimeout: 150 });
    await backend.exists(reference(1));
    const other = locker(backend.path);
    other.exec("BEGIN IMMEDIATE");
    const start = performance.now();
    const failure = await backend.set(reference(1), entry()).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(StoreTimeoutError);
    expect((failure as Error).message).toMatch(/was locked by another process for 150 ms/);
    expect((failure as Error).cause).toMatchObject({ code: "SQLITE_BUSY" });
    expect(performance.now() - start).toBeGreaterThan(140);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test("opening waits as well", async () => {
    const path = join(temporaryFolder(), "cache.db");
    const other = locker(path);
    other.exec("BEGIN EXCLUSIVE");
    const backend = sqlite(path);
    const writes = [1, 2, 3].map((n) => backend.set(reference(n), entry()));
    await sleep(100);
    other.exec("COMMIT");
    await Promise.all(writes);
    expect((await all(backend.keys())).length).toBe(3);
  });

  test("a thousand calls that wait leave the event loop free", async () => {
    const backend = sqlite();
    await backend.exists(reference(1));
    const other = locker(backend.path);
    other.exec("BEGIN IMMEDIATE");
    const writes = Array.from({ length: 1000 }, (_, n) => backend.set(reference(n), entry()));
    const longest = await longestTurn(() => sleep(300));
    other.exec("COMMIT");
    await Promise.all(writes);

    expect(longest).toBeLessThan(100);
  });

  test("closing ends the wait", async () => {
    const backend = sqlite();
    await backend.exists(reference(1));
    locker(backend.path).exec("BEGIN IMMEDIATE");
    const write = backend.set(reference(1), entry());
    await backend.close();
    await expect(write).rejects.toThrow(StoreUnavailableError);
  });
});

describe("better-sqlite3", () => {
  const installed = (version: string) => (id: string) => {
    if (id.endsWith("package.json")) return { version };
    throw new Error("the binary was loaded");
  };

  test("missing: says what to install", () => {
    const nothing = (id: string) => {
      throw Object.assign(new Error(`Cannot find module '${id}'`), { code: "MODULE_NOT_FOUND" });
    };
    expect(() => loadDriver(nothing)).toThrow(PeerDependencyError);
    expect(() => loadDriver(nothing)).toThrow("npm install better-sqlite3@12");
  });

  test("13 on a Node it would crash: refused before it is loaded", () => {
    expect(() => loadDriver(installed("13.0.1"), 9)).toThrow(/13\.0\.1 needs Node 22\.14 or later/);
    expect(() => loadDriver(installed("14.1.0"), Number.NaN)).toThrow(PeerDependencyError);
  });

  test.each([
    ["13.0.1", 10],
    ["12.11.1", 9],
  ])("%s with Node-API %d is loaded", (version, nodeApi) => {
    expect(() => loadDriver(installed(version), nodeApi)).toThrow(`better-sqlite3 ${version} does not load`);
  });
});
