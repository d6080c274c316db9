import type { RefCache, Reference } from "mcp-refcache";
import { z } from "zod";

/** Parameters of the tools that list. */
export const listingParameters = z.object({
  namespace: z.string().optional().describe("only this one"),
  limit: z.int().min(1).max(100).default(30),
});

/** Which references to list, and how many at most. */
export interface ListingRequest extends z.output<typeof listingParameters> {
  /** Leaves out the references for which it is `false`. */
  readonly include?: (reference: Reference) => boolean;
}

/** The newest references the caller may know of, without values, as a tool's result. */
export async function listReferences(
  cache: RefCache,
  { namespace, limit, include = () => true }: ListingRequest,
) {
  const found: Reference[] = [];
  for await (const reference of cache.list({ namespace })) {
    if (include(reference)) found.push(reference);
  }
  const newest = found.sort((a, b) => b.createdAt - a.createdAt);
  const listing = { total: newest.length, entries: newest.slice(0, limit).map(describe) };
  return { content: [{ type: "text" as const, text: JSON.stringify(listing) }], structuredContent: listing };
}

function describe({ refId, namespace, toolName, totalItems, bytes, expiresAt }: Reference) {
  return {
    ref_id: refId,
    namespace,
    tool: toolName,
    items: totalItems,
    bytes,
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
  };
}
