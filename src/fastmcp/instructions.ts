import type { RefCache } from "../refcache.js";
import { describeRetention } from "./retention.js";

/**
 * What a model should know of references, for a server's `instructions`: under 2 KB. `withRefCache` adds it by
 * itself, except to servers made with FastMCP's `auth` option, whose instructions are out of its reach.
 */
export function refCacheInstructions(cache: RefCache): string {
  return [
    "Large results stay on the server. A tool then answers with ref_id, a preview and a message that says what is shown and what exists.",
    "- To use all of a result in another tool, pass its ref_id in place of the data, also inside lists and objects. Other servers that share the store take it too. Never retype the data.",
    "- To read more of it, call get_cached_result(ref_id, page=1) and so on. Only read what you need.",
    "- is_complete: true means that value holds everything.",
    `- References last ${describeRetention(cache.defaultTtl)} unless expires_at says otherwise. If one is unknown or expired, call the tool that made it again.`,
  ].join("\n");
}
