import { homedir } from "node:os";
import { join } from "node:path";
import { parseKeys } from "./at-rest/key-text.js";
import type { EncryptionOptions } from "./at-rest/options.js";
import { ConfigurationError } from "./errors.js";

/** The environment, as `process.env` has it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Where the SQLite file lies when no path is given: `MCP_REFCACHE_DB_PATH`, else
 * `$XDG_CACHE_HOME/mcp-refcache/cache.db`, else `~/.cache/mcp-refcache/cache.db`. Empty variables count as unset.
 */
export function sqlitePathFromEnvironment(env: Environment = process.env): string {
  if (env.MCP_REFCACHE_DB_PATH) return env.MCP_REFCACHE_DB_PATH;
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mcp-refcache", "cache.db");
}

/** Where the Redis server is, as the environment has it: a URL, or parts of which any may be absent. */
export interface RedisEnvironment {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly db?: number;
  readonly password?: string;
  readonly tls?: boolean;
}

/**
 * Where the Redis server is: `REDIS_URL` alone, else what {@link redisPartsFromEnvironment} finds. Empty variables
 * count as unset.
 * @throws {ConfigurationError} naming a variable that should be a number and is not.
 */
export function redisOptionsFromEnvironment(env: Environment = process.env): RedisEnvironment {
  return env.REDIS_URL ? { url: env.REDIS_URL } : redisPartsFromEnvironment(env);
}

/**
 * The Redis server in parts: `REDIS_HOST`, `REDIS_PORT`, `REDIS_DB`, `REDIS_PASSWORD`, and `REDIS_SSL`, which is
 * on for `true`, `1` and `yes`.
 * @throws {ConfigurationError} naming a variable that should be a number and is not.
 */
export function redisPartsFromEnvironment(env: Environment = process.env): RedisEnvironment {
  return {
    ...(env.REDIS_HOST ? { host: env.REDIS_HOST } : {}),
    ...(env.REDIS_PORT ? { port: numberFrom("REDIS_PORT", portText(env.REDIS_PORT)) } : {}),
    ...(env.REDIS_DB ? { db: numberFrom("REDIS_DB", env.REDIS_DB) } : {}),
    ...(env.REDIS_PASSWORD ? { password: env.REDIS_PASSWORD } : {}),
    ...(env.REDIS_SSL ? { tls: /^(true|1|yes)$/i.test(env.REDIS_SSL) } : {}),
  };
}

/** What the sentinels of a Redis store are told: `REDIS_SENTINEL_USERNAME` and `REDIS_SENTINEL_PASSWORD`. */
export function sentinelCredentialsFromEnvironment(env: Environment = process.env): {
  sentinelUsername?: string;
  sentinelPassword?: string;
} {
  const { REDIS_SENTINEL_USERNAME: username, REDIS_SENTINEL_PASSWORD: password } = env;
  return {
    ...(username ? { sentinelUsername: username } : {}),
    ...(password ? { sentinelPassword: password } : {}),
  };
}

/**
 * The option `encryption` of a cache, so that servers and the command use the same keys: `MCP_REFCACHE_KEYS` holds
 * `name:base64` pairs joined by commas, `MCP_REFCACHE_CURRENT_KEY` names the one that writes, where there are
 * several. `undefined` where neither is set; empty variables count as unset.
 * @throws {ConfigurationError} naming the variable at fault; quotes no key.
 * @example
 * new RefCache({ name: "calculator", encryption: encryptionFromEnvironment() });
 */
export function encryptionFromEnvironment(env: Environment = process.env): EncryptionOptions | undefined {
  const { MCP_REFCACHE_KEYS: text, MCP_REFCACHE_CURRENT_KEY: named } = env;
  if (!text && !named) return undefined;
  if (!text)
    throw new ConfigurationError("MCP_REFCACHE_KEYS", "must hold the key of MCP_REFCACHE_CURRENT_KEY");
  const keys = parseKeys(text, "MCP_REFCACHE_KEYS");
  const [first, ...others] = Object.keys(keys);
  const current = named || (others.length === 0 ? first : undefined);
  if (current !== undefined && Object.hasOwn(keys, current)) return { keys, current };
  throw new ConfigurationError("MCP_REFCACHE_CURRENT_KEY", "must be the name of a key in MCP_REFCACHE_KEYS");
}

/** Kubernetes and Docker links set `REDIS_PORT=tcp://10.0.0.1:6379` for a service called redis. */
function portText(text: string): string {
  return text.replace(/^tcp:\/\/.*:/, "");
}

function numberFrom(variable: string, text: string): number {
  if (/^\s*\d{1,9}\s*$/.test(text)) return Number(text);
  throw new ConfigurationError(variable, "must be a whole number");
}
