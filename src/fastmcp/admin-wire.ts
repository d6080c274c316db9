import type { AdministeredEntry, AdministeredPage } from "../administration/administration.js";
import type { StoreStats } from "../administration/store-tally.js";

/** Characters of JSON text that a page may have; most have a third. */
const LONGEST_PAGE = 20_000;
/** Characters of a namespace or a name; those of this package are shorter. */
const LONGEST_NAME = 500;

/** A page of a listing, as long as an answer may be; the cursor leads on behind what is shown. */
export function pageToWire({ entries, total, next }: AdministeredPage): object {
  const all = entries.map((entry) => ("namespace" in entry ? entryToWire(entry) : unreadable(entry)));
  const shown = all.slice(0, countFitting(all));
  const cursor = shown.length < all.length ? shown.at(-1)?.ref_id : next;
  return { total_entries: total, entries: shown, next_cursor: cursor };
}

/** How many of the first items a page has room for; at least one. */
function countFitting(items: readonly object[]): number {
  let left = LONGEST_PAGE;
  const tooMany = items.findIndex((item) => {
    left -= JSON.stringify(item).length;
    return left < 0;
  });
  return tooMany === -1 ? items.length : Math.max(1, tooMany);
}

function unreadable({ refId }: Pick<AdministeredEntry, "refId">): { ref_id: string; is_readable: false } {
  return { ref_id: refId, is_readable: false };
}

/** What is known of an entry. */
export function entryToWire(entry: AdministeredEntry) {
  return {
    ref_id: entry.refId,
    namespace: shorten(entry.namespace),
    tool_name: entry.toolName === null ? null : shorten(entry.toolName),
    created_at: timeToWire(entry.createdAt),
    expires_at: timeToWire(entry.expiresAt),
    total_items: entry.totalItems,
    bytes: entry.bytes,
  };
}

/** What a store holds. */
export function statsToWire(stats: StoreStats): object {
  return {
    entries: stats.entries,
    bytes: stats.bytes,
    ...(stats.unknownSize > 0 ? { entries_of_unknown_size: stats.unknownSize } : {}),
    oldest: timeToWire(stats.oldest),
    newest: timeToWire(stats.newest),
    namespaces: stats.namespaces.map((totals) => ({ ...totals, namespace: shorten(totals.namespace) })),
    ...(stats.isApproximate ? { namespaces_hold: "at least so much" } : {}),
    is_complete: stats.isComplete,
  };
}

/** Other writers may have names of any length. */
function shorten(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
}

/** Other writers may have times that no calendar knows. */
function timeToWire(time: number | null): string | null {
  const date = new Date(time ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
