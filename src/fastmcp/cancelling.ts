import type { FastMCPSessionAuth, Tool } from "fastmcp";
import { z } from "zod";
import type { RefCache } from "../refcache.js";
import type { WhoIs } from "./identity.js";
import { toErrorResult, toResult } from "./results.js";

const parameters = z.object({ ref_id: z.string() });

/** The tool by which a model ends a task that it does not want any more; for servers with tools that make tasks. */
export function cancelTask<T extends FastMCPSessionAuth>(
  cache: RefCache,
  identify: WhoIs<T>,
): Tool<T, typeof parameters> {
  return {
    name: "cancel_task",
    description: "Cancel a running task by ref_id. Its result is dropped.",
    annotations: { destructiveHint: true, idempotentHint: true },
    parameters,
    execute: async ({ ref_id }, context) => {
      try {
        return toResult(await cache.cancelTask(ref_id, { actor: await identify(context) }), false);
      } catch (error) {
        return toErrorResult(error, "cancel_task", cache.logger);
      }
    },
  };
}
