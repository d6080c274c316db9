import {
  type Environment,
  redisOptionsFromEnvironment,
  redisPartsFromEnvironment,
  sentinelCredentialsFromEnvironment,
} from "../../config.js";
import { ConfigurationError } from "../../errors.js";
import type { Logger } from "../../logger.js";
import { checkInteger, LONGEST_TIMER } from "../options.js";
import { parseUrl, type RedisAddress } from "./address.js";
import type { RedisClient, RedisClusterClient } from "./client.js";
import type { NatMap } from "./redirect.js";

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
 * Options of {@link RedisBackend}. Where the store is: `url`, else the parts, else the environment. With `url`, the
 * environment is not asked; with `host`, `nodes` or `sentinels`, only `REDIS_URL` is not.
 */
export interface RedisBackendOptions {
  /**
   * `redis://user:password@host:port/db`, `redis+sentinel://user:password@host:port,host:port/name/db` or
   * `redis+cluster://user:password@host:port,host:port`; `rediss…` for TLS. The other options beat its parts.
   */
  readonly url?: string;
  /** Default `REDIS_HOST`, else `localhost`. */
  readonly host?: string;
  /** Default `REDIS_PORT`, else 6379. */
  readonly port?: number;
  /** Some servers of a cluster, in place of `host`; the others are learnt from them. */
  readonly nodes?: readonly Partial<RedisAddress>[];
  /** The sentinels that know the primary, in place of `host`; others are learnt from them. */
  readonly sentinels?: readonly Partial<RedisAddress>[];
  /** The name under which the sentinels know the primary, as in `sentinel monitor <name> …`. */
  readonly masterName?: string;
  /** Name of an ACL user of the sentinels. Default `REDIS_SENTINEL_USERNAME`. */
  readonly sentinelUsername?: string;
  /** Password of the sentinels. Default `REDIS_SENTINEL_PASSWORD`. Never shown anywhere. */
  readonly sentinelPassword?: string;
  /** TLS to the sentinels. Default: as `tls`. */
  readonly sentinelTls?: boolean | RedisTlsOptions;
  /** How addresses that sentinels or a cluster name, `host:port`, are reached from here. */
  readonly natMap?: NatMap;
  /** Number of the logical database; a cluster has only 0. Default `REDIS_DB`, else 0. */
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
   * When a write counts as done: `"acknowledged"` (default) by the primary, or `"replicated"`, confirmed by `replicas`
   * replicas as well, or else `ReplicationUnknownError`.
   */
  readonly durability?: "acknowledged" | "replicated";
  /** How many replicas confirm a write under `durability: "replicated"`. Default 1. */
  readonly replicas?: number;
  /** Where settings of the server are warned of that lose what is stored. Default: warnings on stderr. */
  readonly logger?: Logger;
  /**
   * `true`: keep an index of namespaces, so that listing and clearing one costs what is in it, not what is stored. Only
   * where **every** server that writes to this store has it switched on, none in Python or of an earlier version: what
   * others write is not in the index. Takes effect after {@link RedisBackend.rebuildIndex}. Default `false`.
   */
  readonly namespaceIndex?: boolean;
  /**
   * A ready ioredis client, `Redis` or `Cluster`, in place of everything about the server above. It is not closed
   * with the backend, and its own settings say what happens when the server is gone; see `ioredisOptions` for those
   * that are safe.
   */
  readonly client?: RedisClient | RedisClusterClient;
}

/** What is said to every server, and the deadlines. */
export interface CommonSettings {
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: RedisTlsOptions;
  readonly connectTimeout: number;
  readonly commandTimeout: number;
}

/** One server. */
export type ServerSettings = CommonSettings & RedisAddress;

/** A primary that sentinels watch over. */
export interface SentinelSettings extends CommonSettings {
  readonly sentinels: readonly RedisAddress[];
  readonly masterName: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly sentinelTls?: RedisTlsOptions;
  readonly natMap?: NatMap;
}

/** A cluster, by some of its servers. */
export interface ClusterSettings extends CommonSettings {
  readonly nodes: readonly RedisAddress[];
  readonly natMap?: NatMap;
}

/** Options after all defaults. */
export type RedisSettings = ServerSettings | SentinelSettings | ClusterSettings;

/** Both deadlines of a backend, in milliseconds. */
export type Timeouts = Pick<CommonSettings, "connectTimeout" | "commandTimeout">;

const DEFAULT_TIMEOUT_MS = 1000;
const HIGHEST_PORT = 65_535;
const SERVER_PORT = 6379;
const SENTINEL_PORT = 26_379;

/**
 * Puts options, URL and environment together.
 * @throws {ConfigurationError} naming the option or variable that will not do; never quotes one.
 */
export function readOptions(options: RedisBackendOptions, env?: Environment): RedisSettings {
  const all = { ...base(options, env), ...given(options) };
  const { tls, username, password } = all;
  const common: CommonSettings = {
    db: checkInteger("db", all.db ?? 0, 0),
    ...(username ? { username: checkText("username", username) } : {}),
    // A user without a password is let in with any, but not with none.
    ...(password || username ? { password: checkPassword("password", password ?? "") } : {}),
    ...(tls ? { tls: tlsOptions(tls) } : {}),
    ...readTimeouts(options),
  };
  if (all.sentinels !== undefined) return { ...common, ...sentinelSettings(all, env) };
  if (all.nodes !== undefined) return { ...common, ...clusterSettings(all) };
  return { ...common, ...checkAddress("", all, SERVER_PORT) };
}

function sentinelSettings(options: RedisBackendOptions, env?: Environment) {
  const { sentinelUsername, sentinelPassword, natMap } = {
    ...sentinelCredentialsFromEnvironment(env),
    ...options,
  };
  const tls = options.sentinelTls ?? options.tls;
  return {
    sentinels: checkAddresses("sentinels", options.sentinels, SENTINEL_PORT),
    masterName: checkText("masterName", options.masterName),
    ...(sentinelUsername ? { sentinelUsername: checkText("sentinelUsername", sentinelUsername) } : {}),
    ...(sentinelPassword ? { sentinelPassword: checkPassword("sentinelPassword", sentinelPassword) } : {}),
    ...(tls ? { sentinelTls: tlsOptions(tls) } : {}),
    ...(natMap ? { natMap } : {}),
  };
}

function clusterSettings({ nodes, natMap, db }: RedisBackendOptions) {
  if (db) throw new ConfigurationError("db", "must be 0: a cluster has no other database (REDIS_DB)");
  return { nodes: checkAddresses("nodes", nodes, SERVER_PORT), ...(natMap ? { natMap } : {}) };
}

/**
 * Reads whether namespaces are indexed.
 * @throws {ConfigurationError} unless it is true, false or absent.
 */
export function readNamespaceIndex({ namespaceIndex = false }: RedisBackendOptions): boolean {
  if (typeof namespaceIndex === "boolean") return namespaceIndex;
  throw new ConfigurationError("namespaceIndex", "must be true or false");
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

/**
 * Reads how many replicas must confirm a write; 0 for none.
 * @throws {ConfigurationError} naming `durability` or `replicas`.
 */
export function readReplicas({ durability = "acknowledged", replicas = 1 }: RedisBackendOptions): number {
  if (durability === "acknowledged") return 0;
  if (durability === "replicated") return checkInteger("replicas", replicas, 1);
  throw new ConfigurationError("durability", 'must be "acknowledged" or "replicated"');
}

/** What the options are laid over: the URL they name, or the environment. */
function base(options: RedisBackendOptions, env?: Environment): RedisBackendOptions {
  if (options.url !== undefined) return parseUrl("url", options.url);
  const isPlaced = [options.host, options.nodes, options.sentinels].some((place) => place !== undefined);
  const found = isPlaced ? redisPartsFromEnvironment(env) : redisOptionsFromEnvironment(env);
  return found.url === undefined ? found : parseUrl("REDIS_URL", found.url);
}

function given({
  url: _,
  client: __,
  namespaceIndex: ___,
  ...options
}: RedisBackendOptions): RedisBackendOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function tlsOptions(tls: true | RedisTlsOptions): RedisTlsOptions {
  return tls === true ? {} : { ...tls };
}

function checkAddresses(
  option: string,
  addresses: readonly Partial<RedisAddress>[] | undefined,
  port: number,
): RedisAddress[] {
  if (!Array.isArray(addresses) || addresses.length === 0) {
    throw new ConfigurationError(option, "must be a list of at least one { host, port }");
  }
  return addresses.map((address, n) => checkAddress(`${option}[${n}].`, address ?? {}, port));
}

function checkAddress(prefix: string, { host, port }: Partial<RedisAddress>, usual: number): RedisAddress {
  return {
    host: checkText(`${prefix}host`, host ?? "localhost"),
    port: checkInteger(`${prefix}port`, port ?? usual, 1, HIGHEST_PORT),
  };
}

function checkText(option: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  throw new ConfigurationError(option, "must be a text that is not empty");
}

function checkPassword(option: string, value: unknown): string {
  if (typeof value === "string") return value;
  throw new ConfigurationError(option, "must be a text");
}
