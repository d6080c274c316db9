/** What the command understands. */
export const USAGE = `Usage: mcp-refcache reencrypt [--plaintext] (--sqlite <path> | --redis)

Writes every entry of a store anew that is not under the current key. Run it again if it was interrupted.

  --plaintext      entries that are not encrypted, too
  --sqlite <path>  the store is this file
  --redis          the store is where REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_PASSWORD, REDIS_SSL say

MCP_REFCACHE_KEYS         the keys, as name:base64,name2:base64
MCP_REFCACHE_CURRENT_KEY  the name of the one that writes`;

/** Thrown when the command was not understood. Never leaves this folder. */
export class UsageError extends Error {}
