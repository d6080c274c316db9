export { RedisBackend } from "./backend.js";
export type { RedisArgument, RedisClient, RedisStream } from "./client.js";
export type { RedisBackendOptions, RedisTlsOptions } from "./options.js";
