import { createRequire } from "node:module";
import { ConfigurationError, PeerDependencyError } from "../../errors.js";
import type { RedisAddress } from "./address.js";
import type { ClusterSettings, CommonSettings, SentinelSettings, ServerSettings } from "./options.js";

/** What may be an argument of a command. */
export type RedisArgument = string | number | Uint8Array;

/** What a client of one server and one of a cluster have in common. */
export interface Connectable {
  /** ioredis' connection state: `wait`, `connecting`, `connect`, `ready`, `close`, `reconnecting` or `end`. */
  readonly status: string;
  /** Connects a client that was made with `lazyConnect`. */
  connect(): Promise<unknown>;
  on(event: string, listener: (error: unknown) => void): unknown;
  off(event: string, listener: (error: unknown) => void): unknown;
}

/**
 * What is used of an ioredis client. A structural type, so that the package's types need no ioredis.
 * `enableAutoPipelining` does no harm.
 */
export interface RedisClient extends Connectable {
  /** What it was made with. */
  readonly options?: { readonly host?: string | undefined; readonly port?: number | undefined };
  /** The socket, once there is one. */
  readonly stream?: RedisStream | undefined;
  /** Sends one command. */
  call(command: string, ...args: RedisArgument[]): Promise<unknown>;
  /** Sends several commands at once; each has an error or a reply. */
  pipeline(commands: RedisArgument[][]): {
    exec(): Promise<[error: Error | null, reply: unknown][] | null>;
  };
  /** Makes another client like it. */
  duplicate?(changes: Record<string, unknown>): RedisClient;
  /** Ends the connection once the commands before it are answered. */
  quit(): Promise<unknown>;
  /** Ends the connection at once. */
  disconnect(): void;
}

/** What is used of an ioredis `Cluster`: what it knows of the servers. Commands are sent to these directly. */
export interface RedisClusterClient extends Connectable {
  readonly isCluster: boolean;
  /** The addresses, `host:port`, of those that hold a slot; first the primary. */
  readonly slots: readonly (readonly string[])[];
  /** A client for each server. */
  nodes(role?: "all" | "master" | "slave"): RedisClient[];
  /** Asks the servers again who holds which slot. */
  refreshSlotsCache(callback?: (error?: Error | null) => void): void;
  /** Ends all connections, and makes them anew if told to. */
  disconnect(reconnect?: boolean): void;
}

/** What is used of a socket. */
export interface RedisStream {
  /** Bytes received so far. */
  readonly bytesRead: number;
  /** The server's IP address and port, while connected. */
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  destroy(): unknown;
}

/** The longest pause between two attempts to connect, jitter included: what bounds the time to work again. */
const LONGEST_RETRY_MS = 500;
const JITTER_MS = 100;
/** How long a closing connection may linger. */
const DISCONNECT_TIMEOUT_MS = 100;
/** How long one sentinel, or one server of a cluster, is waited for that is asked where the others are. */
const ASKING_TIMEOUT_MS = 500;

/**
 * Makes an ioredis client with settings under which nothing hangs and nothing is sent twice. No connection yet.
 * @throws {PeerDependencyError} when ioredis is not installed.
 */
export function createClient(settings: ServerSettings | SentinelSettings, load = loadIoredis): RedisClient {
  const { Redis } = load();
  return new Redis(ioredisOptions(settings));
}

/**
 * Makes an ioredis client of a cluster, of which only the knowledge of the servers is used. No connection yet.
 * @throws {PeerDependencyError} when ioredis is not installed.
 */
export function createCluster(settings: ClusterSettings, load = loadIoredis): RedisClusterClient {
  const { Cluster } = load();
  const { nodes, natMap, ...common } = settings;
  return new Cluster([...nodes], {
    lazyConnect: true,
    enableReadyCheck: false,
    clusterRetryStrategy: retryDelay,
    slotsRefreshTimeout: ASKING_TIMEOUT_MS,
    /** Names stay names: a certificate is for them, and each connection looks them up. */
    dnsLookup: (host: string, done: (error: null, address: string) => void) => done(null, host),
    ...(natMap ? { natMap } : {}),
    redisOptions: serverOptions(common),
  });
}

/** The options for ioredis: {@link serverOptions}, where the server is, and how a lost one is found again. */
export function ioredisOptions(settings: ServerSettings | SentinelSettings): Record<string, unknown> {
  if (!("sentinels" in settings)) return { ...serverOptions(settings), retryStrategy: retryDelay };
  const { masterName, sentinelTls, ...rest } = settings;
  return {
    ...serverOptions(rest),
    name: masterName,
    ...(settings.tls ? { enableTLSForSentinelMode: true } : {}),
    ...(sentinelTls ? { sentinelTLS: sentinelTls } : {}),
    sentinelCommandTimeout: ASKING_TIMEOUT_MS,
    /** Before the sentinels are asked all over again, which ioredis does also after the last of a good row. */
    sentinelRetryStrategy: (round: number) => Math.min(20 * round, LONGEST_RETRY_MS),
    retryStrategy: retryDelay,
  };
}

/**
 * The options for each connection, and why. ioredis' own `commandTimeout` and `socketTimeout` stay off on purpose:
 * the first leaves a dead connection in place, both cut a large value that is still on its way. `ServerConnection`
 * has one deadline a call in their place, which allows for size and drops the connection.
 */
function serverOptions(settings: CommonSettings): Record<string, unknown> {
  const { commandTimeout: _, ...rest } = settings;
  return {
    ...rest,
    /** Connect at the first call, not at construction. */
    lazyConnect: true,
    /** See {@link sendTogether}. */
    enableAutoPipelining: false,
    /** Never keep commands for later: the caller has long been told that they failed. */
    enableOfflineQueue: false,
    /** Never send a command again whose outcome is unknown. */
    autoResendUnfulfilledCommands: false,
    /** Fail what is under way as soon as the connection is lost. */
    maxRetriesPerRequest: 0,
    /** Off: INFO would cost a round trip and a right; a server that is loading says so itself. */
    enableReadyCheck: false,
    /** Off: CLIENT SETINFO is one more right that a narrow ACL user lacks. */
    disableClientInfo: true,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  };
}

/**
 * Lets calls wait for the end of the turn and go in one write, or go at once: ioredis looks at this at each call. Together
 * is faster for many callers, and slower for one.
 */
export function sendTogether({ options }: RedisClient, isTogether: boolean): void {
  if (options !== undefined) Object.assign(options, { enableAutoPipelining: isTogether });
}

/** Milliseconds before the n-th attempt to connect again: 50, 100, 200, 400, 400…, and up to 100 of jitter. */
export function retryDelay(attempt: number): number {
  return Math.min(25 * 2 ** Math.min(attempt, 10), LONGEST_RETRY_MS - JITTER_MS) + Math.random() * JITTER_MS;
}

/**
 * Checks that a client given by the caller writes under the keys of the wire format.
 * @throws {ConfigurationError} for a key prefix.
 */
export function checkClient<C extends RedisClient | RedisClusterClient>(client: C): C {
  const { options } = client as { options?: { keyPrefix?: unknown } };
  if (options?.keyPrefix) {
    throw new ConfigurationError("client", "must not have a keyPrefix: other servers look under fixed keys");
  }
  return client;
}

/** Tells whether a client is one of a cluster. */
export function isClusterClient(client: RedisClient | RedisClusterClient): client is RedisClusterClient {
  return (client as { isCluster?: unknown }).isCluster === true;
}

interface Ioredis {
  readonly Redis: new (options: Record<string, unknown>) => RedisClient;
  readonly Cluster: new (
    nodes: readonly RedisAddress[],
    options: Record<string, unknown>,
  ) => RedisClusterClient;
}

/**
 * Loads ioredis when it is first needed, which takes some 50 ms.
 * @throws {PeerDependencyError} when it is not installed.
 */
export function loadIoredis(load: (id: string) => unknown = createRequire(import.meta.url)): Ioredis {
  try {
    return load("ioredis") as Ioredis;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "MODULE_NOT_FOUND") throw error;
    throw new PeerDependencyError("The Redis backend needs ioredis. Run: npm install ioredis");
  }
}
