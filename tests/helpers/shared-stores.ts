import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { encodeEntry, encodeRow } from "../../src/entry/wire.js";
import type { CacheBackend, Entry, HeadStore, LinkStore, ReplaceStore } from "../../src/index.js";
import { storeForTests } from "./redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** A program in another language, that knows the wire format and nothing of servers like ours. */
export interface ForeignWriter {
  set(refId: string, entry: Entry): Promise<unknown>;
  delete(refId: string): Promise<unknown>;
  /** Lets an entry expire now, whatever it says itself. */
  expire(refId: string): Promise<unknown>;
  /** Points a name elsewhere. */
  link(name: string, refId: string): Promise<unknown>;
  /** Empties the store. */
  flush(): Promise<unknown>;
  /** Breaks what servers hear of changes by, where that is something apart. */
  interrupt(): Promise<unknown>;
}

/** A store of a test's own, which several servers use. */
export interface SharedStore {
  connect(): CacheBackend & HeadStore & LinkStore & ReplaceStore;
  readonly foreign: ForeignWriter;
  stop(): Promise<void>;
}

export async function sharedRedis(): Promise<SharedStore> {
  const server = await storeForTests();
  const { url } = server;
  const client = new Redis(url);
  const entryKey = (refId: string) => `mcp-refcache:entry:${refId}`;
  return {
    connect: () => new RedisBackend({ url }),
    foreign: {
      set: (refId, entry) => client.set(entryKey(refId), encodeEntry(entry)),
      delete: (refId) => client.del(entryKey(refId)),
      expire: async (refId) => {
        await client.pexpire(entryKey(refId), 1);
        await new Promise((resolve) => setTimeout(resolve, 3));
      },
      link: (name, refId) => client.set(`mcp-refcache:link:${name}`, refId),
      flush: () => client.flushall(),
      interrupt: () => client.call("client", "kill", "type", "pubsub"),
    },
    stop: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

export async function sharedSqlite(): Promise<SharedStore> {
  const folder = mkdtempSync(join(tmpdir(), "refcache-test-"));
  const path = join(folder, "cache.db");
  const first = new SqliteBackend(path);
  await first.exists("none");
  await first.close();
  const database = new Database(path);
  const run = async (sql: string, ...values: unknown[]) => database.prepare(sql).run(...values);
  return {
    connect: () => new SqliteBackend(path),
    foreign: {
      set: (refId, entry) => {
        const { value_json, namespace, policy_json, created_at, expires_at, metadata_json } =
          encodeRow(entry);
        const columns = [value_json, namespace, policy_json, created_at, expires_at, metadata_json];
        return run("INSERT OR REPLACE INTO cache_entries VALUES (?, ?, ?, ?, ?, ?, ?)", refId, ...columns);
      },
      delete: (refId) => run("DELETE FROM cache_entries WHERE key = ?", refId),
      expire: (refId) => run("UPDATE cache_entries SET expires_at = 1 WHERE key = ?", refId),
      link: (name, refId) =>
        run(
          "INSERT OR REPLACE INTO refcache_links (name, ref_id, expires_at) VALUES (?, ?, NULL)",
          name,
          refId,
        ),
      flush: async () => database.exec("DELETE FROM cache_entries; DELETE FROM refcache_links"),
      interrupt: async () => {},
    },
    stop: async () => {
      database.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
