import { createRequire } from "node:module";
import { ConfigurationError, PeerDependencyError } from "../../errors.js";
import type { RedisSettings } from "./options.js";

/** What may be an argument of a command. */
export type RedisArgument = string | number;

/**
 * What is used of an ioredis client. A structural type, so that the package's types need no ioredis.
 * `enableAutoPipelining` does no harm.
 */
export interface RedisClient {
  /** ioredis' connection state: `wait`, `connecting`, `connect`, `ready`, `close`, `reconnecting` or `end`. */
  readonly status: string;
  /** The socket, once there is one. */
  readonly stream?: RedisStream | undefined;
  /** Sends one command. */
  call(command: string, ...args: RedisArgument[]): Promise<unknown>;
  /** Sends several commands at once; each has an error or a reply. */
  pipeline(commands: RedisArgument[][]): {
    exec(): Promise<[error: Error | null, reply: unknown][] | null>;
  };
  /** Connects a client that was made with `lazyConnect`. */
  connect(): Promise<unknown>;
  /** Ends the connection once the commands before it are answered. */
  quit(): Promise<unknown>;
  /** Ends the connection at once. */
  disconnect(): void;
  on(event: string, listener: (error: unknown) => void): unknown;
  off(event: string, listener: (error: unknown) => void): unknown;
}

/** What is used of a socket. */
export interface RedisStream {
  /** Bytes received so far. */
  readonly bytesRead: number;
  destroy(): unknown;
}

/** The longest pause between two attempts to connect, jitter included: what bounds the time to work again. */
const LONGEST_RETRY_MS = 500;
const JITTER_MS = 100;
/** How long a closing connection may linger. */
const DISCONNECT_TIMEOUT_MS = 100;

/**
 * Makes an ioredis client with settings under which nothing hangs and nothing is sent twice. No connection yet.
 * @throws {PeerDependencyError} when ioredis is not installed.
 */
export function createClient(settings: RedisSettings, load = loadIoredis): RedisClient {
  const Redis = load();
  return new Redis(ioredisOptions(settings));
}

/**
 * The options for ioredis, and why. Its own `commandTimeout` and `socketTimeout` stay off on purpose: the first
 * leaves a dead connection in place, both cut a large value that is still on its way. `Connection` has one
 * deadline a call in their place, which allows for size and drops the connection.
 */
export function ioredisOptions(settings: RedisSettings): Record<string, unknown> {
  const { commandTimeout: _, ...address } = settings;
  return {
    ...address,
    /** Connect at the first call, not at construction. */
    lazyConnect: true,
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
    retryStrategy: retryDelay,
  };
}

/** Milliseconds before the n-th attempt to connect again: 50, 100, 200, 400, 400…, and up to 100 of jitter. */
export function retryDelay(attempt: number): number {
  return Math.min(25 * 2 ** Math.min(attempt, 10), LONGEST_RETRY_MS - JITTER_MS) + Math.random() * JITTER_MS;
}

/**
 * Checks that a client given by the caller talks to one server, under the keys of the wire format.
 * @throws {ConfigurationError} for a cluster's client or a key prefix.
 */
export function checkClient(client: RedisClient): RedisClient {
  const { isCluster, options } = client as { isCluster?: unknown; options?: { keyPrefix?: unknown } };
  if (isCluster === true) {
    throw new ConfigurationError("client", "must be a client of one server, not of a cluster");
  }
  if (options?.keyPrefix) {
    throw new ConfigurationError("client", "must not have a keyPrefix: other servers look under fixed keys");
  }
  return client;
}

type ClientConstructor = new (options: Record<string, unknown>) => RedisClient;

/**
 * Loads ioredis when it is first needed, which takes some 50 ms.
 * @throws {PeerDependencyError} when it is not installed.
 */
export function loadIoredis(
  load: (id: string) => unknown = createRequire(import.meta.url),
): ClientConstructor {
  try {
    const { Redis } = load("ioredis") as { Redis: ClientConstructor };
    return Redis;
  } catch (error) {
    if ((error as { code?: unknown }).code !== "MODULE_NOT_FOUND") throw error;
    throw new PeerDependencyError("The Redis backend needs ioredis. Run: npm install ioredis");
  }
}
