import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import type { CacheBackend } from "../backends/backend.js";
import { RedisBackend } from "../backends/redis/index.js";
import { SqliteBackend } from "../backends/sqlite/index.js";
import { encryptionFromEnvironment } from "../config.js";
import { ConfigurationError } from "../errors.js";
import { RefCache } from "../refcache.js";
import { UsageError } from "./usage.js";

/**
 * Re-encrypts a store from the command line.
 * @returns the exit code, 1 when an entry failed.
 * @throws {UsageError} | {RefCacheError}
 */
export async function reencrypt(args: string[]): Promise<number> {
  const { plaintext = false, sqlite, redis = false } = parse(args);
  if ((sqlite !== undefined) === redis) throw new UsageError("give one of --sqlite and --redis");
  const encryption = encryptionFromEnvironment();
  if (encryption === undefined) throw new ConfigurationError("MCP_REFCACHE_KEYS", "is not set");
  const backend = sqlite === undefined ? new RedisBackend() : openFile(sqlite);
  const cache = new RefCache({ name: "mcp-refcache", backend, encryption });
  try {
    const result = await cache.reencrypt({ plaintext });
    console.error(
      `Re-encrypted ${result.reencrypted}, unchanged ${result.unchanged}, failed ${result.failed}.`,
    );
    return result.failed === 0 ? 0 : 1;
  } finally {
    await cache.close();
  }
}

const options = {
  plaintext: { type: "boolean" },
  sqlite: { type: "string" },
  redis: { type: "boolean" },
} as const;

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (positionals.length === 0) return values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : "the arguments are not understood");
  }
  throw new UsageError("there is an argument too many"); // not which: somebody may have typed a key
}

/** A mistyped path would make a new store, with nothing in it that could fail. */
function openFile(path: string): CacheBackend {
  if (existsSync(path)) return new SqliteBackend({ path });
  throw new ConfigurationError("--sqlite", "there is no such file");
}
