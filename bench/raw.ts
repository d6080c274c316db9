import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { Redis } from "ioredis";
import type { CacheBackend } from "mcp-refcache";
import { startRedis } from "../tests/helpers/redis-server.js";
import { MemoryBackend, RedisBackend, SqliteBackend } from "./built.js";

/** A backend of ours and, beside it, the same store used with nothing in between. */
export interface Pair {
  readonly name: string;
  /** What reading and writing a value the raw way is. */
  readonly rawRead: string;
  readonly rawWrite: string;
  readonly backend: CacheBackend;
  /** Reads a text and parses it. */
  read(key: string): unknown;
  /** Writes a text as it is. */
  write(key: string, text: string): unknown;
  /** Throws away what was written the raw way. */
  reset(): unknown;
  close(): Promise<void>;
}

/** What the memory of both sides may hold, so that they leave equal work to the garbage collector. */
const KEPT = 16;
const HOUR_MS = 3_600_000;

/** Memory, SQLite and Redis, in this order, each open until the next one is asked for. */
export async function* pairs(): AsyncGenerator<Pair, void> {
  for (const open of [memoryPair, sqlitePair, redisPair]) {
    const pair = await open();
    try {
      yield pair;
    } finally {
      await pair.close();
    }
  }
}

/** `MemoryBackend` beside a `Map` of texts. */
export function memoryPair(): Pair {
  const texts = new Map<string, string>();
  const backend = new MemoryBackend({ maxEntries: KEPT });
  return {
    name: "memory",
    rawRead: "`JSON.parse` of a `Map`'s text",
    rawWrite: "`JSON.stringify` into a `Map`",
    backend,
    read: (key) => JSON.parse(texts.get(key) ?? ""),
    write: (key, text) => {
      if (texts.size >= KEPT) texts.clear();
      texts.set(key, text);
    },
    reset: () => texts.clear(),
    close: () => backend.close(),
  };
}

function sqlitePair(): Pair {
  const folder = mkdtempSync(join(tmpdir(), "refcache-bench-"));
  const backend = new SqliteBackend(join(folder, "ours.db"));
  const database = new Database(join(folder, "raw.db"));
  database.pragma("journal_mode = WAL");
  database.pragma("synchronous = NORMAL");
  database.exec("CREATE TABLE texts (key TEXT PRIMARY KEY, text TEXT NOT NULL)");
  const get = database.prepare<[string], string>("SELECT text FROM texts WHERE key = ?").pluck();
  const set = database.prepare(
    "INSERT INTO texts VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET text = excluded.text",
  );
  return {
    name: "SQLite",
    rawRead: "better-sqlite3 `SELECT`, `JSON.parse`",
    rawWrite: "`JSON.stringify`, better-sqlite3 `INSERT`",
    backend,
    read: (key) => JSON.parse(get.get(key) ?? ""),
    write: (key, text) => set.run(key, text),
    reset: () => database.exec("DELETE FROM texts"),
    close: async () => {
      await backend.close();
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function redisPair(): Promise<Pair> {
  const server = await startRedis();
  const backend = new RedisBackend({ url: server.url });
  const client = new Redis(server.url);
  return {
    name: "Redis",
    rawRead: "ioredis `GET`, `JSON.parse`",
    rawWrite: "`JSON.stringify`, ioredis `SET PX`",
    backend,
    read: async (key) => JSON.parse((await client.get(key)) ?? ""),
    write: (key, text) => client.set(key, text, "PX", HOUR_MS),
    reset: () => client.flushdb(),
    close: async () => {
      await backend.close();
      await client.quit();
      await server.stop();
    },
  };
}
