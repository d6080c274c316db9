import {
  type Environment,
  type RedisEnvironment,
  redisOptionsFromEnvironment,
  redisPartsFromEnvironment,
} from "../../config.js";
import { ConfigurationError } from "../../errors.js";
import { checkInteger, LONGEST_TIMER } from "../options.js";
import type { RedisClient } from "./client.js";

/** What TLS may be told, as `tls.connect` takes it; certificates and keys are PEM texts. */
export interface RedisTlsOptions {
  /** The authorities trusted, in place of the system's. */
  readonly ca?: string | string[];
  /** The client's own certificate. */
  readonly cert?: string;
  /** The key of that certificate. */
  readonly key?: string;
  /** The name the server's certificate must have, where it is not the host. */
  readonly servername?: string;
  /** `false` accepts any certificate. Only for tests. */
  readonly rejectUnauthorized?: boolean;
}

/**
 * Options of {@link RedisBackend}. Where the server is: `url`, else the parts, else the environment. With `url`,
 * the environment is not asked; with `host`, only `REDIS_URL` is not.
 */
export interface RedisBackendOptions {
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. The other options beat its parts. */
  readonly url?: string;
  /** Default `REDIS_HOST`, else `localhost`. */
  readonly host?: string;
  /** Default `REDIS_PORT`, else 6379. */
  readonly port?: number;
  /** Number of the logical database. Default `REDIS_DB`, else 0. */
  readonly db?: number;
  /** Name of an ACL user. */
  readonly username?: string;
  /** Default `REDIS_PASSWORD`. Never shown anywhere. */
  readonly password?: string;
  /** TLS, with its options where the defaults do not do. Default `REDIS_SSL`. */
  readonly tls?: boolean | RedisTlsOptions;
  /** Milliseconds a connection may take to come about. Default 1000. */
  readonly connectTimeout?: number;
  /**
   * Milliseconds a command may take; default 1000. A value that is sent or received lengthens it by a second for
   * each 10 MB.
   */
  readonly commandTimeout?: number;
  /**
   * A ready ioredis client, in place of everything about the server above. It is not closed with the backend, and
   * its own settings say what happens when the server is gone; see `ioredisOptions` for those that are safe.
   */
  readonly client?: RedisClient;
}

/** Options after all defaults: what ioredis is given, and the deadline of a command. */
export interface RedisSettings {
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTlsOptions;
  readonly connectTimeout: number;
  readonly commandTimeout: number;
}

/** Both deadlines of a backend, in milliseconds. */
export type Timeouts = Pick<RedisSettings, "connectTimeout" | "commandTimeout">;

const DEFAULT_TIMEOUT_MS = 1000;
const HIGHEST_PORT = 65_535;

/**
 * Puts options, URL and environment together.
 * @throws {ConfigurationError} naming the option or variable that will not do; never quotes one.
 */
export function readOptions(options: RedisBackendOptions, env?: Environment): RedisSettings {
  const { tls, username, password, ...rest } = { ...base(options, env), ...given(options) };
  return {
    host: checkText("host", rest.host ?? "localhost"),
    port: checkInteger("port", rest.port ?? 6379, 1, HIGHEST_PORT),
    db: checkInteger("db", rest.db ?? 0, 0),
    ...(username ? { username: checkText("username", username) } : {}),
    // A user without a password is let in with any, but not with none.
    ...(password || username ? { password: checkPassword(password ?? "") } : {}),
    ...(tls ? { tls: tls === true ? {} : { ...tls } } : {}),
    ...readTimeouts(options),
  };
}

/**
 * Reads the deadlines.
 * @throws {ConfigurationError} unless they are whole milliseconds that a timer can wait.
 */
export function readTimeouts(options: RedisBackendOptions): Timeouts {
  const { connectTimeout = DEFAULT_TIMEOUT_MS, commandTimeout = DEFAULT_TIMEOUT_MS } = options;
  return {
    connectTimeout: checkInteger("connectTimeout", connectTimeout, 1, LONGEST_TIMER),
    commandTimeout: checkInteger("commandTimeout", commandTimeout, 1, LONGEST_TIMER),
  };
}

/** What the options are laid over: the URL they name, or the environment. */
function base(options: RedisBackendOptions, env?: Environment): RedisEnvironment {
  if (options.url !== undefined) return parseUrl("url", options.url);
  if (options.host !== undefined) return redisPartsFromEnvironment(env);
  const found = redisOptionsFromEnvironment(env);
  return found.url === undefined ? found : parseUrl("REDIS_URL", found.url);
}

function given({ url: _, client: __, ...options }: RedisBackendOptions): RedisBackendOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function parseUrl(option: string, text: string): RedisEnvironment & { username?: string } {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new ConfigurationError(option, "must be redis://user:password@host:port/db");
  const { protocol, hostname, port, username, password } = url;
  if (protocol !== "redis:" && protocol !== "rediss:") {
    throw new ConfigurationError(option, "must begin with redis:// or rediss://");
  }
  return {
    ...(hostname ? { host: hostname.replace(/^\[|\]$/g, "") } : {}),
    ...(port ? { port: Number(port) } : {}),
    ...(username ? { username: unescapeText(option, username) } : {}),
    ...(password ? { password: unescapeText(option, password) } : {}),
    db: databaseOf(option, url),
    tls: protocol === "rediss:",
  };
}

function databaseOf(option: string, url: URL): number {
  const text = url.searchParams.get("db") ?? url.pathname.replace(/^\//, "");
  if (/^\d{0,9}$/.test(text)) return Number(text);
  throw new ConfigurationError(option, "must have the number of a database, or nothing, as its path");
}

function unescapeText(option: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConfigurationError(option, "has a % that begins no escape; write it as %25");
  }
}

function checkText(option: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new ConfigurationError(option, "must be a text that is not empty");
}

function checkPassword(value: unknown): string {
  if (typeof value === "string") return value;
  throw new ConfigurationError("password", "must be a text");
}
