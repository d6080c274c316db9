import type * as core from "mcp-refcache";

/**
 * The package as `npm run build` leaves it in `dist`. A plain `import … from "mcp-refcache"` would be led to the
 * TypeScript source by tsconfig's `paths`, and compiled by tsx in another way than users get it.
 */
function load(file: string): Promise<unknown> {
  return import(new URL(`../dist/${file}`, import.meta.url).href);
}

export const { fromJson, RefCache, MemoryBackend, ownedBy, runAs, SYSTEM } = (await load(
  "index.js",
)) as typeof core;
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
export type Actor = core.Actor;
