/** Keys of entries, shared with the Python implementation. Nothing but entries lies under this prefix. */
export const ENTRY_PREFIX = "mcp-refcache:entry:";

/** Keys of links, which are ours alone. */
export const LINK_PREFIX = "mcp-refcache:link:";

/** Keys of leases, and of the numbers by which they are told apart. */
export const LEASE_PREFIX = "mcp-refcache:lease:";

/** The channel on which servers tell each other what has happened; one for all databases of a Redis server. */
export const EVENTS_CHANNEL = "mcp-refcache:events";

/** The key an entry lies under. */
export function entryKey(refId: string): string {
  return ENTRY_PREFIX + refId;
}

/** The reference of an entry's key. */
export function refIdOf(key: string): string {
  return key.slice(ENTRY_PREFIX.length);
}

/** The key a link lies under. */
export function linkKey(name: string): string {
  return LINK_PREFIX + name;
}

/** Keys of outlines, which are ours alone. */
export const OUTLINE_PREFIX = "mcp-refcache:outline:";

/** The key an outline lies under: on a cluster always where its entry is. */
export function outlineKey(refId: string): string {
  return `${OUTLINE_PREFIX}{${entryKey(refId)}}`;
}

/** The keys that a lease takes part in: in a cluster all on one node, as they carry the link's key as their hash tag. */
export function leaseKeys(name: string): [lease: string, fence: string, link: string] {
  const link = linkKey(name);
  return [`${LEASE_PREFIX}{${link}}`, `${LEASE_PREFIX}fence:{${link}}`, link];
}

/** The SCAN pattern for every key under a prefix; what means something in a pattern is escaped. */
export function everyKeyUnder(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]^]/g, "\\$&")}*`;
}
