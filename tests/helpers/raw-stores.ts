import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, describe, onTestFinished } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { decodeRow, type EntryRow, encodeRow } from "../../src/entry/wire.js";
import { type CacheBackend, MemoryBackend } from "../../src/index.js";
import { describeRedisServer } from "./describe-redis.js";
import { all } from "./entries.js";
import { temporaryFolder } from "./folders.js";
import { type RedisServer, startRedis } from "./redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** A store as somebody sees it who has access to it, and not to the keys. */
export interface RawStore {
  readonly kind: "memory" | "sqlite" | "redis";
  /** A backend on it, as one server has. */
  connect(): CacheBackend;
  /** Everything in it, as text of one byte a character. */
  bytes(): Promise<string>;
  /** An entry's members, in the form of an SQLite row. */
  read(refId: string): Promise<EntryRow>;
  /** Puts an entry in, or over another one. */
  write(refId: string, row: EntryRow): Promise<void>;
  /** Where the command finds it. */
  readonly location: { readonly path?: string; readonly url?: string };
}

/** Runs tests on each kind of store; `make` gives an empty one that goes when the running test is over. */
export function onEveryStore(tests: (make: () => Promise<RawStore>) => void): void {
  describe("memory", () => tests(async () => memoryStore()));
  describe("sqlite", () => tests(async () => sqliteStore()));
  describeRedisServer("redis", () => tests(redisStore));
}

/** A memory backend as a store, which all who connect share. */
export function memoryStore(): RawStore {
  const backend = new MemoryBackend();
  onTestFinished(() => backend.close());
  const read = async (refId: string) => encodeRow(known(await backend.get(refId)));
  return {
    kind: "memory",
    location: {},
    connect: () => backend,
    read,
    write: (refId, row) => backend.set(refId, decodeRow(refId, row)),
    bytes: async () => {
      const rows = (await all(backend.keys())).map(async (refId) => JSON.stringify(await read(refId)));
      return Buffer.from((await Promise.all(rows)).join("\n")).toString("latin1");
    },
  };
}

const COLUMNS = ["value_json", "namespace", "policy_json", "created_at", "expires_at", "metadata_json"];

/** A file of SQLite. */
export function sqliteStore(): RawStore {
  const path = join(temporaryFolder(), "cache.db");
  const files = [path, `${path}-wal`, `${path}-shm`];
  const open = <T>(use: (database: Database.Database) => T): T => {
    const database = new Database(path);
    try {
      return use(database);
    } finally {
      database.close();
    }
  };
  return {
    kind: "sqlite",
    location: { path },
    connect: () => closing(new SqliteBackend({ path })),
    read: async (refId) =>
      known(
        open((database) =>
          database.prepare(`SELECT ${COLUMNS} FROM cache_entries WHERE key = ?`).get(refId),
        ) as EntryRow | undefined,
      ),
    write: async (refId, row) =>
      open((database) => {
        const columns = COLUMNS.map((name) => row[name as keyof EntryRow]);
        const sql = `INSERT OR REPLACE INTO cache_entries (key, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)`;
        database.prepare(sql).run(refId, ...columns);
      }),
    bytes: async () =>
      files
        .filter(existsSync)
        .map((file) => readFileSync(file, "latin1"))
        .join("\n"),
  };
}

let server: Promise<RedisServer> | undefined;
afterAll(async () => (await server)?.stop());

/** A server of Redis or Valkey, one for all tests of a file; emptied when asked for. */
export async function redisStore(): Promise<RawStore> {
  server ??= startRedis();
  const { url } = await server;
  const raw = new Redis(url);
  onTestFinished(() => raw.disconnect());
  await raw.flushall();
  const keyOf = (refId: string) => `mcp-refcache:entry:${refId}`;
  return {
    kind: "redis",
    location: { url },
    connect: () => closing(new RedisBackend({ url })),
    read: async (refId) => {
      const { value, policy, metadata, ...times } = JSON.parse(known(await raw.get(keyOf(refId))));
      return {
        ...times,
        value_json: JSON.stringify(value),
        policy_json: JSON.stringify(policy),
        metadata_json: JSON.stringify(metadata),
      };
    },
    write: async (refId, { value_json, policy_json, metadata_json, ...row }) => {
      const head = { ...row, policy: JSON.parse(policy_json), metadata: JSON.parse(metadata_json) };
      await raw.set(keyOf(refId), `{"value":${value_json},${JSON.stringify(head).slice(1)}`);
    },
    bytes: async () => {
      const contentOf = async (key: string) =>
        (await raw.type(key)) === "zset" ? raw.zrange(key, "0", "-1") : raw.getBuffer(key);
      const texts = (await raw.keys("*")).map(async (key) => `${key}\n${await contentOf(key)}`);
      return (await Promise.all(texts)).join("\n");
    },
  };
}

/** The members of an entry whose value is an object, metadata among them. */
export function membersOf(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

function closing<B extends CacheBackend>(backend: B): B {
  onTestFinished(() => backend.close());
  return backend;
}

function known<T>(found: T | undefined | null): T {
  if (found === undefined || found === null) throw new Error("there is no such entry");
  return found;
}
