import type { CacheBackend } from "mcp-refcache";
import type { Settings } from "./settings.js";

/** Each backend has its driver, so only the one in use is loaded. */
export async function openBackend({ backend, workers }: Settings): Promise<CacheBackend> {
  if (backend === "redis" || workers) {
    const { RedisBackend } = await import("mcp-refcache/redis");
    return new RedisBackend();
  }
  const { SqliteBackend } = await import("mcp-refcache/sqlite");
  return new SqliteBackend();
}
