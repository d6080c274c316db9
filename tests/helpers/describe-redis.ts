import { describe } from "vitest";
import { hasRedisBinary } from "./redis-server.js";

const isOff = process.env.MCP_REFCACHE_TEST_REDIS === "off";
const hasUrlAlone = !isOff && Boolean(process.env.REDIS_URL) && !hasRedisBinary();

if (isOff) console.warn("Redis tests left out: MCP_REFCACHE_TEST_REDIS=off");
if (hasUrlAlone) console.warn("Redis fault tests left out: REDIS_URL is set and no server is on the PATH");

/** `describe` for tests on a store; left out, visibly, only where MCP_REFCACHE_TEST_REDIS=off asks for it. */
export const describeRedis = describe.skipIf(isOff);

/** `describe` for tests that freeze and kill servers, which the one behind `REDIS_URL` is spared. */
export const describeRedisServer = describe.skipIf(isOff || hasUrlAlone);
