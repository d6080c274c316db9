/** Keys of entries, shared with the Python implementation. Nothing but entries lies under this prefix. */
export const ENTRY_PREFIX = "mcp-refcache:entry:";

/** Keys of links, which are ours alone. */
export const LINK_PREFIX = "mcp-refcache:link:";

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

/** The SCAN pattern for every key under a prefix; what means something in a pattern is escaped. */
export function everyKeyUnder(prefix: string): string {
  return `${prefix.replace(/[\\*?[\]^]/g, "\\$&")}*`;
}
