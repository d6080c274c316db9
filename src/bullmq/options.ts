import { type RedisBackendOptions, type RedisSettings, readOptions } from "../backends/redis/options.js";
import type { Environment } from "../config.js";
import { ConfigurationError } from "../errors.js";

/** Which server a queue is on: the options of `RedisBackend`, with the same defaults from the environment. */
export type QueueServerOptions = Omit<
  RedisBackendOptions,
  "durability" | "replicas" | "namespaceIndex" | "client" | "logger"
>;

/** Which queue it is. Runners and workers that are to meet have the same. */
export interface QueueOptions extends QueueServerOptions {
  /** Name of the queue, without `:`. Default `mcp-refcache-tasks`. */
  readonly queue?: string;
  /**
   * What its keys begin with. The braces keep them all on one server of a cluster, which scripts demand. Default
   * `{mcp-refcache}`.
   */
  readonly prefix?: string;
}

/** The same after all defaults. */
export interface QueueSettings {
  readonly server: RedisSettings;
  readonly queue: string;
  readonly prefix: string;
  /** The server's name in errors. */
  readonly where: string;
}

const HASH_TAG = /\{[^}]+\}/;

/**
 * Puts options and environment together.
 * @throws {ConfigurationError} naming the option or variable that will not do; never quotes one.
 */
export function readQueueOptions(options: QueueOptions, env?: Environment): QueueSettings {
  const { queue = "mcp-refcache-tasks", prefix = "{mcp-refcache}", ...others } = options;
  const server = readOptions(others, env);
  if (typeof queue !== "string" || queue === "" || queue.includes(":")) {
    throw new ConfigurationError("queue", "must be a text that is not empty and has no colon");
  }
  if (typeof prefix !== "string" || prefix === "") {
    throw new ConfigurationError("prefix", "must be a text that is not empty");
  }
  if ("nodes" in server && !HASH_TAG.test(prefix)) {
    throw new ConfigurationError("prefix", "must have a part in braces for a cluster, as in {mcp-refcache}");
  }
  return { server, queue, prefix, where: `${place(server)}, which holds the queue of tasks,` };
}

function place(server: RedisSettings): string {
  if ("sentinels" in server) return `the primary that sentinels call ${server.masterName}`;
  if ("nodes" in server) return `the cluster of ${server.nodes[0]?.host}:${server.nodes[0]?.port}`;
  return `${server.host}:${server.port}`;
}
