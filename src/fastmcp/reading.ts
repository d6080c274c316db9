import type { FastMCP, FastMCPSessionAuth, ResourceResult, Tool } from "fastmcp";
import { z } from "zod";
import { currentActor } from "../access/current.js";
import { RefCacheError } from "../errors.js";
import type { RefCache } from "../refcache.js";
import type { WhoIs } from "./identity.js";
import { notifyProgress } from "./progress.js";
import { messageFor, resourceUri, toErrorResult, toResult } from "./results.js";
import { describeRetention } from "./retention.js";

const parameters = z.object({
  ref_id: z.string(),
  page: z.number().optional().describe("from 1"),
  page_size: z.number().optional().describe("most items"),
  max_size: z.int().min(10).max(1e6).optional(),
  full: z.boolean().optional(),
  wait_ms: z.int().min(0).optional(),
  response_format: z.enum(["minimal", "standard", "full"]).optional(),
});

/** The tool by which a model reads what it holds a reference to. Bounds are checked by the cache, whose errors say more. */
export function getCachedResult<T extends FastMCPSessionAuth>(
  cache: RefCache,
  identify: WhoIs<T>,
): Tool<T, typeof parameters> {
  return {
    name: "get_cached_result",
    description: `Read a stored result by ref_id: a preview, one page, or with full=true all of it if it is not too large. max_size bounds the answer in ${cache.unit}. Of a running task, its progress; wait_ms waits for its end. References last ${describeRetention(cache.defaultTtl)}.`,
    annotations: { readOnlyHint: true },
    parameters,
    execute: async ({ ref_id, page, page_size, max_size, full, wait_ms, response_format }, context) => {
      try {
        const actor = await identify(context);
        const polling = { wait: wait_ms, responseFormat: response_format, signal: context.signal };
        const onProgress = notifyProgress(context);
        const options = { page, pageSize: page_size, maxSize: max_size, full, actor, ...polling, onProgress };
        return toResult(await cache.get(ref_id, options), false);
      } catch (error) {
        return toErrorResult(error, "get_cached_result", cache.logger);
      }
    },
  };
}

/** Offers references as resources. One template: a resource for each reference would flood `resources/list`. */
export function addReferenceTemplate<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
  cache: RefCache,
  identify: WhoIs<T>,
): void {
  server.addResourceTemplate({
    name: "refcache",
    description: "A stored result by reference",
    uriTemplate: "refcache://{refId}{?page,page_size}",
    mimeType: "application/json",
    arguments: [
      { name: "refId", required: true, description: "A reference" },
      { name: "page", description: "From 1" },
      { name: "page_size", description: "Most items of a page" },
    ],
    load: async ({ refId, page, page_size }, session, context): Promise<ResourceResult> => {
      // Without a context a tool embeds it, whose caller asks.
      const tool = context === undefined ? currentActor() : undefined;
      const actor = tool ?? (await identify(context ?? { session: session as T | undefined }));
      const options = { page: toNumber(page), pageSize: toNumber(page_size), actor };
      const answer = await cache.get(refId, options).catch((error) => refuse(error, cache));
      return { uri: resourceUri(refId) + query({ page, page_size }), text: JSON.stringify(answer) };
    },
  });
}

/** A resource has no form for errors but the protocol's own. */
function refuse(error: unknown, { logger }: RefCache): never {
  throw error instanceof RefCacheError ? new Error(messageFor(error, logger)) : error;
}

function toNumber(text: string | undefined): number | undefined {
  return text === undefined || text === "" ? undefined : Number(text);
}

/** FastMCP would percent-encode the colon of the reference, and the client would not know its URI again. */
function query(parameters: Record<string, string | undefined>): string {
  const given = Object.entries(parameters).filter(
    (parameter): parameter is [string, string] => !!parameter[1],
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}
