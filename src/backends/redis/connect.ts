import { checkClient, createClient, createCluster, isClusterClient } from "./client.js";
import { ClusterConnection } from "./cluster.js";
import type { Connection } from "./commands.js";
import { type ConnectionOptions, ServerConnection } from "./connection.js";
import {
  type ClusterSettings,
  type RedisBackendOptions,
  readOptions,
  readTimeouts,
  type SentinelSettings,
  type ServerSettings,
} from "./options.js";
import { SentinelConnection, SentinelWatch } from "./sentinel.js";

/**
 * The connection that options ask for; it comes about at the first call.
 * @throws {ConfigurationError} naming an option or variable that will not do.
 * @throws {PeerDependencyError} when ioredis is not installed.
 */
export function connect(options: RedisBackendOptions): Connection {
  if (options.client !== undefined) return connectGiven(options.client, options);
  const settings = readOptions(options);
  if ("nodes" in settings) return connectCluster(settings);
  return "sentinels" in settings ? connectSentinel(settings) : connectServer(settings);
}

function connectServer(settings: ServerSettings): Connection {
  const where = `${settings.host}:${settings.port}`;
  return new ServerConnection(createClient(settings), { ...owned(settings), where });
}

function connectSentinel(settings: SentinelSettings): Connection {
  const where = `the primary that sentinels call ${settings.masterName}`;
  const options = { ...owned(settings), where, failsOver: true };
  return new SentinelConnection(createClient(settings), options, new SentinelWatch(settings));
}

function connectCluster(settings: ClusterSettings): Connection {
  const { natMap, nodes } = settings;
  const where = `the cluster of ${nodes[0]?.host}:${nodes[0]?.port}`;
  return new ClusterConnection(createCluster(settings), {
    ...owned(settings),
    where,
    ...(natMap ? { natMap } : {}),
  });
}

function connectGiven(
  client: NonNullable<RedisBackendOptions["client"]>,
  options: RedisBackendOptions,
): Connection {
  checkClient(client);
  const where = "the address of the given client";
  const { natMap } = options;
  const given = { ...readTimeouts(options), where, owned: false, ...(natMap ? { natMap } : {}) };
  return isClusterClient(client) ? new ClusterConnection(client, given) : new ServerConnection(client, given);
}

function owned({
  connectTimeout,
  commandTimeout,
}: ServerSettings | SentinelSettings | ClusterSettings): Omit<ConnectionOptions, "where"> {
  return { connectTimeout, commandTimeout, owned: true };
}
