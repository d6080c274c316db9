import { stderrLogger } from "../../logger.js";
import {
  checkClient,
  createClient,
  createCluster,
  isClusterClient,
  type RedisClient,
  type RedisClusterClient,
} from "./client.js";
import { ClusterConnection } from "./cluster.js";
import type { Connection } from "./commands.js";
import { type ConnectionOptions, ServerConnection } from "./connection.js";
import { warnOfEviction } from "./eviction.js";
import {
  type ClusterSettings,
  type RedisBackendOptions,
  readOptions,
  readReplicas,
  readTimeouts,
  type SentinelSettings,
  type ServerSettings,
} from "./options.js";
import type { NatMap } from "./redirect.js";
import { SentinelConnection, SentinelWatch } from "./sentinel.js";

/**
 * The connection that options ask for; it comes about at the first call.
 * @throws {ConfigurationError} naming an option or variable that will not do.
 * @throws {PeerDependencyError} when ioredis is not installed.
 */
export function connect(options: RedisBackendOptions): Connection {
  const { client, logger = stderrLogger } = options;
  const common = { ...readTimeouts(options), replicas: readReplicas(options) };
  if (client !== undefined) {
    const connection = connectGiven(checkClient(client), { ...common, owned: false }, options.natMap);
    return warnOfEviction(client, connection, logger);
  }
  const own = { ...common, owned: true };
  const settings = readOptions(options);
  if ("nodes" in settings) {
    const cluster = createCluster(settings);
    return warnOfEviction(cluster, connectCluster(cluster, settings, own), logger);
  }
  const redis = createClient(settings);
  const connection =
    "sentinels" in settings ? connectSentinel(redis, settings, own) : connectServer(redis, settings, own);
  return warnOfEviction(redis, connection, logger);
}

type Common = Omit<ConnectionOptions, "where">;

function connectServer(client: RedisClient, { host, port }: ServerSettings, common: Common): Connection {
  return new ServerConnection(client, { ...common, where: `${host}:${port}` });
}

function connectSentinel(client: RedisClient, settings: SentinelSettings, common: Common): Connection {
  const where = `the primary that sentinels call ${settings.masterName}`;
  const options = { ...common, where, failsOver: true };
  return new SentinelConnection(client, options, new SentinelWatch(settings));
}

function connectCluster(
  client: RedisClusterClient,
  { nodes, natMap }: ClusterSettings,
  common: Common,
): Connection {
  const where = `the cluster of ${nodes[0]?.host}:${nodes[0]?.port}`;
  return new ClusterConnection(client, { ...common, where, ...(natMap ? { natMap } : {}) });
}

function connectGiven(
  client: RedisClient | RedisClusterClient,
  common: Common,
  natMap: NatMap | undefined,
): Connection {
  const options = { ...common, where: "the address of the given client" };
  if (!isClusterClient(client)) return new ServerConnection(client, options);
  return new ClusterConnection(client, { ...options, ...(natMap ? { natMap } : {}) });
}
