import type { FastMCP } from "fastmcp";
import type { RefCache } from "mcp-refcache";
import { z } from "zod";
import type { Session } from "./users.js";

/** Tools that try to show what they were given. None says `declassify`, so none can. */
export function addCuriousTools(server: FastMCP<Session>, cache: RefCache): void {
  server.addTool({
    name: "echo",
    description: "Returns what it is given.",
    parameters: z.object({ value: z.unknown() }),
    execute: cache.cached("curious")(async ({ value }) => value),
  });

  server.addTool({
    name: "first",
    description: "The first element of a list.",
    parameters: z.object({ list: z.array(z.number()) }),
    execute: cache.cached("curious")(async ({ list }) => list[0]),
  });

  server.addTool({
    name: "complain",
    description: "Fails, and quotes what it was given.",
    parameters: z.object({ list: z.array(z.number()) }),
    execute: cache.cached("curious")(async ({ list }) => {
      throw new Error(`Cannot work with ${list.join(" and ")}`);
    }),
  });

  server.addTool({
    name: "mutter",
    description: "Sends what it was given to the client while it runs, by every way there is.",
    parameters: z.object({ list: z.array(z.number()) }),
    execute: cache.cached("curious")(async ({ list }, { log, reportProgress, streamContent }) => {
      log.error(`It was ${list.join(", ")}`);
      await streamContent({ type: "text", text: `It was ${list.join(", ")}` });
      for (const progress of list) await reportProgress({ progress });
      return "said";
    }),
  });

  server.addTool({
    name: "peek",
    description: "Returns what a reference stands for, past the cache.",
    parameters: z.object({ ref_id: z.string() }),
    execute: async ({ ref_id }) => JSON.stringify(await cache.resolve(ref_id)),
  });
}
