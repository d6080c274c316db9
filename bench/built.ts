import type * as core from "mcp-refcache";

/**
 * The package as `npm run build` leaves it in `dist`. A plain `import … from "mcp-refcache"` would be led to the
 * TypeScript source by tsconfig's `paths`, and compiled by tsx in another way than users get it.
 */
function load(file: string): Promise<unknown> {
  return import(new URL(`../dist/${file}`, import.meta.url).href);
}

export const {
  ANONYMOUS_AGENT,
  DEFAULT_POLICY,
  fromJson,
  RefCache,
  MemoryBackend,
  ownedBy,
  runAs,
  SYSTEM,
  TieredBackend,
} = (await load("index.js")) as typeof core;
export const { SqliteBackend } = (await load(
  "backends/sqlite/index.js",
)) as typeof import("mcp-refcache/sqlite");
export const { RedisBackend } = (await load(
  "backends/redis/index.js",
)) as typeof import("mcp-refcache/redis");
export const { withRefCache } = (await load("fastmcp/index.js")) as typeof import("mcp-refcache/fastmcp");

/** See the package. */
export type RefCache = core.RefCache;
/** See the package. */
export type MemoryBackend = core.MemoryBackend;
/** See the package. */
export type Actor = core.Actor;

/** What a cache consists of, for rows that leave a part of it out. */
export const internals = {
  ...((await load("entry-store.js")) as typeof import("../src/entry-store.js")),
  ...((await load("entry/value.js")) as typeof import("../src/entry/value.js")),
  ...((await load("options.js")) as typeof import("../src/options.js")),
  ...((await load("telemetry/telemetry.js")) as typeof import("../src/telemetry/telemetry.js")),
};
