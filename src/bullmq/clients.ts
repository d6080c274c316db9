import {
  createClient,
  createCluster,
  type RedisClient,
  type RedisClusterClient,
} from "../backends/redis/client.js";
import type { RedisSettings } from "../backends/redis/options.js";

/** A client of one server, or of a cluster. */
export type QueueClient = RedisClient | RedisClusterClient;

/**
 * BullMQ has a worker wait on a connection for 10 s at most, so one that gives nothing for longer after a command is dead.
 */
const DEAD_AFTER_MS = 12_000;

/** A worker waits for its server as long as it takes: what is lost meanwhile is brought again. */
const PATIENT = {
  lazyConnect: false,
  enableOfflineQueue: true,
  autoResendUnfulfilledCommands: true,
  maxRetriesPerRequest: null,
  enableReadyCheck: true,
  socketTimeout: DEAD_AFTER_MS,
  /** After a failover, 2: leave the former primary and ask the new one. */
  reconnectOnError: ({ message }: Error) => (message.startsWith("READONLY") ? 2 : false),
};

/** A client that fails at once while the server is gone; no connection yet. */
export function impatientClient(server: RedisSettings): QueueClient {
  return "nodes" in server ? createCluster(server) : createClient(server);
}

/** A client that waits for the server, and connects at once; BullMQ makes another like it, which blocks. */
export class PatientClient {
  readonly client: QueueClient;
  readonly #all: QueueClient[] = [];

  constructor(server: RedisSettings) {
    const model = impatientClient(server) as Duplicable;
    const { lazyConnect, enableOfflineQueue, ...redisOptions } = PATIENT;
    this.client = this.#add(
      "nodes" in server
        ? model.duplicate([], { lazyConnect, enableOfflineQueue, redisOptions })
        : model.duplicate(PATIENT),
    );
  }

  /** Ends all connections, those that BullMQ would wait for as well. */
  disconnect(): void {
    for (const client of this.#all) client.disconnect();
  }

  #add(client: QueueClient): QueueClient {
    // BullMQ stops listening before all is over, and ioredis prints the errors that nobody listens for.
    client.on("error", () => {});
    this.#all.push(client);
    const { duplicate } = client as Duplicable;
    const watched = (...changes: unknown[]) => this.#add(duplicate.apply(client, changes));
    return Object.assign(client, { duplicate: watched }) as QueueClient;
  }
}

/** How ioredis makes a client like another; the arguments are not the same for a cluster. */
type Duplicable = QueueClient & { duplicate(...changes: unknown[]): QueueClient };

/** Drops the connections of a client, so that it connects anew. */
export function dropConnections(client: QueueClient): void {
  const servers = "nodes" in client ? client.nodes() : [client];
  for (const { stream } of servers) stream?.destroy();
}
