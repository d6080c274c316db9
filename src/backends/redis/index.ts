export type { RedisAddress } from "./address.js";
export { RedisBackend } from "./backend.js";
export type {
  Connectable,
  RedisArgument,
  RedisClient,
  RedisClusterClient,
  RedisStream,
} from "./client.js";
export type { RedisBackendOptions, RedisTlsOptions } from "./options.js";
export type { NatMap } from "./redirect.js";
