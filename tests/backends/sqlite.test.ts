import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { backendChecks } from "../../src/backends/conformance.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { sqlitePathFromEnvironment } from "../../src/config.js";
import { ConfigurationError, EntryUnreadableError } from "../../src/errors.js";
import { all, entry, expiredEntry, reference } from "../helpers/entries.js";
import { temporaryFolder } from "../helpers/folders.js";
import { sqlite } from "../helpers/sqlite.js";
import { longestTurn } from "../helpers/turns.js";

describe("conformance, in a file", () => {
  const create = async () => new SqliteBackend(join(temporaryFolder(), "cache.db"));
  for (const check of backendChecks(create)) test(check.name, check.run);
});

describe("conformance, in memory", () => {
  for (const check of backendChecks(async () => new SqliteBackend(":memory:"))) test(check.name, check.run);
});

/** The file as another program sees it. */
function raw(path: string): Database.Database {
  const database = new Database(path);
  onTestFinished(() => void database.close());
  return database;
}

/** The schema as the Python implementation makes it. */
const PYTHON_SCHEMA = `
  CREATE TABLE IF NOT EXISTS cache_entries (
    key TEXT PRIMARY KEY, value_json TEXT NOT NULL, namespace TEXT NOT NULL, policy_json TEXT NOT NULL,
    created_at REAL NOT NULL, expires_at REAL, metadata_json TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS idx_namespace ON cache_entries(namespace);
  CREATE INDEX IF NOT EXISTS idx_expires_at ON cache_entries(expires_at);`;
const PYTHON_INSERT = `
  INSERT OR REPLACE INTO cache_entries
    (key, value_json, namespace, policy_json, created_at, expires_at, metadata_json)
  VALUES (@key, @value_json, @namespace, @policy_json, @created_at, @expires_at, @metadata_json)`;

interface Row {
  key: string;
  value_json: string;
  namespace: string;
  policy_json: string;
  created_at: number;
  expires_at: number | null;
  metadata_json: string;
}
const golden = JSON.parse(readFileSync(new URL("../golden/entries.json", import.meta.url), "utf8")) as {
  title: string;
  sqlite_row: Row;
}[];

describe("a file shared with Python", () => {
  test.each(golden)("an entry of Python's is read: $title", async ({ sqlite_row: row }) => {
    const path = join(temporaryFolder(), "cache.db");
    const python = raw(path);
    python.exec(PYTHON_SCHEMA);
    python.prepare(PYTHON_INSERT).run(row);

    const read = await sqlite(path).get(row.key);
    const policy = JSON.parse(row.policy_json) as Record<string, unknown>;
    const metadata = JSON.parse(row.metadata_json) as Record<string, unknown>;
    expect(read).toMatchObject({
      json: row.value_json,
      namespace: row.namespace,
      createdAt: row.created_at * 1000,
      expiresAt: row.expires_at === null ? null : row.expires_at * 1000,
      policy: {
        userPermissions: policy.user_permissions,
        agentPermissions: policy.agent_permissions,
        owner: policy.owner,
        ownerPermissions: policy.owner_permissions,
        allowedActors: policy.allowed_actors,
        deniedActors: policy.denied_actors,
        boundSession: policy.bound_session,
      },
      metadata: {
        toolName: metadata.tool_name,
        totalItems: metadata.total_items,
        totalSize: metadata.total_size,
      },
    });
  });

  test.each(golden)("an entry of Python's goes back as it came: $title", async ({ sqlite_row: row }) => {
    const path = join(temporaryFolder(), "cache.db");
    const python = raw(path);
    python.exec(PYTHON_SCHEMA);
    python.prepare(PYTHON_INSERT).run(row);
    const backend = sqlite(path);
    const read = await backend.get(row.key);
    if (read === undefined) throw new Error("missing");
    await backend.delete(row.key);
    await backend.set(row.key, read);

    const written = python.prepare<[string], Row>("SELECT * FROM cache_entries WHERE key = ?").get(row.key);
    expect(parsed(written)).toEqual(parsed(row));
  });

  function parsed(row: Row | undefined) {
    return (
      row && {
        ...row,
        policy_json: JSON.parse(row.policy_json) as unknown,
        metadata_json: JSON.parse(row.metadata_json) as unknown,
      }
    );
  }

  test("every column has the type of the wire format, and the table its name and indexes", async () => {
    const backend = sqlite();
    await backend.set(reference(1), entry({ value: 1, expiresIn: 1000 }));
    await backend.set(reference(2), entry({ value: 1 }));
    const database = raw(backend.path);
    const types = database
      .prepare(
        "SELECT typeof(key), typeof(value_json), typeof(namespace), typeof(policy_json), typeof(created_at), typeof(expires_at), typeof(metadata_json) FROM cache_entries",
      )
      .raw()
      .all();
    expect(types).toEqual([
      ["text", "text", "text", "text", "real", "real", "text"],
      ["text", "text", "text", "text", "real", "null", "text"],
    ]);
    const columns = database.pragma("table_info(cache_entries)") as {
      name: string;
      type: string;
      notnull: number;
      pk: number;
    }[];
    expect(columns.map(({ name, type, notnull, pk }) => `${name} ${type} ${notnull} ${pk}`)).toEqual([
      "key TEXT 0 1",
      "value_json TEXT 1 0",
      "namespace TEXT 1 0",
      "policy_json TEXT 1 0",
      "created_at REAL 1 0",
      "expires_at REAL 0 0",
      "metadata_json TEXT 1 0",
    ]);
    const indexes = database.pragma("index_list(cache_entries)") as { name: string }[];
    expect(indexes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["idx_namespace", "idx_expires_at"]),
    );
    expect(database.pragma("journal_mode", { simple: true })).toBe("wal");
  });

  test("Python writes into a file of ours, also over an entry of ours", async () => {
    const backend = sqlite();
    const row = golden[0]?.sqlite_row;
    await backend.set(reference(1), entry({ namespace: "ours" }));
    const python = raw(backend.path);
    python.exec(PYTHON_SCHEMA);
    python.prepare(PYTHON_INSERT).run({ ...row, key: reference(1) });
    expect((await backend.get(reference(1)))?.namespace).toBe(row?.namespace);
    expect(await all(backend.keys("ours"))).toEqual([]);
  });

  test("an unreadable row is a clear error and does not break listing", async () => {
    const backend = sqlite();
    await backend.set(reference(1), entry());
    raw(backend.path)
      .prepare(PYTHON_INSERT)
      .run({ ...golden[0]?.sqlite_row, key: "bad:00000001", policy_json: "{}" });
    await expect(backend.get("bad:00000001")).rejects.toThrow(EntryUnreadableError);
    await expect(backend.head("bad:00000001")).rejects.toThrow(EntryUnreadableError);
    expect((await all(backend.heads())).map(([refId]) => refId)).toEqual([reference(1)]);
    expect(await all(backend.keys())).toContain(reference(1));
    expect(await backend.exists(reference(1))).toBe(true);
    expect(await backend.delete("bad:00000001")).toBe(true);
  });
});

describe("the file", () => {
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  test("entries and links survive closing and opening again", async () => {
    const first = sqlite();
    const written = entry({ value: "日本", expiresIn: 60_000 });
    await first.setLinked(reference(1), written, "memo");
    await first.close();
    const second = sqlite(first.path);
    expect(await second.get(reference(1))).toEqual(written);
    expect(await second.getLink("memo")).toBe(reference(1));
  });

  test("what is made is for this user only", async () => {
    const folder = join(temporaryFolder(), "deep", "er");
    const backend = sqlite(join(folder, "cache.db"));
    await backend.set(reference(1), entry());
    expect(mode(folder)).toBe("700");
    expect(mode(join(folder, ".."))).toBe("700");
    for (const suffix of ["", "-wal", "-shm"]) expect(mode(backend.path + suffix)).toBe("600");
  });

  test("the rights of what exists are left alone", async () => {
    const folder = join(temporaryFolder(), "shared");
    mkdirSync(folder);
    chmodSync(folder, 0o775);
    const path = join(folder, "cache.db");
    writeFileSync(path, "");
    chmodSync(path, 0o664);
    await sqlite(path).set(reference(1), entry());
    expect([mode(folder), mode(path)]).toEqual(["775", "664"]);
  });

  test("nothing is made before the first call", async () => {
    const backend = sqlite();
    expect(existsSync(backend.path)).toBe(false);
    await backend.exists(reference(1));
    expect(existsSync(backend.path)).toBe(true);
  });

  test("in memory, nothing is shared and nothing is left", async () => {
    const [one, other] = [sqlite(":memory:"), sqlite(":memory:")];
    await one.set(reference(1), entry());
    expect(await other.exists(reference(1))).toBe(false);
    expect(existsSync(":memory:")).toBe(false);
  });

  test("the path may be given alone, relative, or from the home folder", () => {
    expect(new SqliteBackend("some.db").path).toBe(join(process.cwd(), "some.db"));
    expect(new SqliteBackend({ path: "~/some.db" }).path).toBe(join(homedir(), "some.db"));
    expect(new SqliteBackend(":memory:").path).toBe(":memory:");
  });

  test("the path comes from the environment where none is given", () => {
    expect(sqlitePathFromEnvironment({ MCP_REFCACHE_DB_PATH: "/a/b.db", XDG_CACHE_HOME: "/c" })).toBe(
      "/a/b.db",
    );
    expect(sqlitePathFromEnvironment({ XDG_CACHE_HOME: "/c" })).toBe("/c/mcp-refcache/cache.db");
    const home = join(homedir(), ".cache/mcp-refcache/cache.db");
    expect(sqlitePathFromEnvironment({})).toBe(home);
    expect(sqlitePathFromEnvironment({ MCP_REFCACHE_DB_PATH: "", XDG_CACHE_HOME: "" })).toBe(home);
  });

  test.each([
    ["path", ""],
    ["path", "a\0b"],
    ["busyTimeout", -1],
    ["busyTimeout", Number.POSITIVE_INFINITY],
    ["sweepInterval", 0],
    ["sweepInterval", 2 ** 31],
  ])("the option %s cannot be %j", (option, value) => {
    expect(() => new SqliteBackend({ [option]: value })).toThrow(ConfigurationError);
    expect(() => new SqliteBackend({ [option]: value })).toThrow(option);
  });
});

describe("expired rows", () => {
  const count = (path: string, table: string) =>
    raw(path).prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();

  async function filled(rows: number): Promise<string> {
    const backend = sqlite(undefined, { sweepInterval: 1_000_000 });
    await backend.exists(reference(0));
    await sleep(20);
    for (let n = 0; n < rows; n++) await backend.set(reference(n), expiredEntry());
    await backend.setLinked(reference(1), expiredEntry(), "old");
    await backend.set(reference(rows), entry({ expiresIn: 60_000 }));
    await backend.set(reference(rows + 1), entry());
    await backend.close();
    return backend.path;
  }

  test("are removed at opening, links too", async () => {
    const path = await filled(10);
    expect(count(path, "cache_entries")).toBe(12);
    await sqlite(path).exists(reference(0));
    await vi.waitFor(() => expect(count(path, "refcache_links")).toBe(0), 5000);
    expect(count(path, "cache_entries")).toBe(2);
  });

  test("are removed at an interval", async () => {
    const backend = sqlite(undefined, { sweepInterval: 20 });
    await backend.exists(reference(0));
    await sleep(10);
    await backend.set(reference(1), expiredEntry());
    await backend.setLinked(reference(1), expiredEntry(), "old");
    await vi.waitFor(() => expect(count(backend.path, "refcache_links")).toBe(0), 5000);
    expect(count(backend.path, "cache_entries")).toBe(0);
  });

  test("are removed in steps that block nobody", async () => {
    const path = join(temporaryFolder(), "cache.db");
    await manyRows(path, 100_000, 1);
    const backend = sqlite(path);
    await backend.exists(reference(0));
    expect(
      await longestTurn(async () => {
        while (count(path, "cache_entries") !== 0) await sleep(20);
      }),
    ).toBeLessThan(200);
  });

  test("clearing and listing a large namespace block nobody", async () => {
    const path = join(temporaryFolder(), "cache.db");
    await manyRows(path, 50_000, null);
    const backend = sqlite(path);
    await backend.exists(reference(0));
    expect(
      await longestTurn(async () => {
        expect((await all(backend.heads("many"))).length).toBe(50_000);
        expect(await backend.clear("many")).toBe(50_000);
      }),
    ).toBeLessThan(200);
  });

  test("listing large values blocks nobody", async () => {
    const backend = sqlite();
    for (let n = 0; n < 40; n++) await backend.set(reference(n), entry({ value: "x".repeat(4_000_000) }));
    expect(
      await longestTurn(async () => {
        expect((await all(backend.heads())).length).toBe(40);
        expect(await backend.clear()).toBe(40);
      }),
    ).toBeLessThan(200);
  }, 60_000);

  async function manyRows(path: string, rows: number, expiresAt: number | null): Promise<void> {
    await sqlite(path).exists(reference(0));
    const database = raw(path);
    const insert = database.prepare(PYTHON_INSERT);
    const row = { ...golden[0]?.sqlite_row, namespace: "many", expires_at: expiresAt };
    database.transaction(() => {
      for (let n = 0; n < rows; n++) insert.run({ ...row, key: reference(n) });
    })();
  }
});
