import { FastMCP, UserError } from "fastmcp";
import type { RefCache } from "mcp-refcache";
import { withRefCache } from "mcp-refcache/fastmcp";
import { z } from "zod";
import { stderrLogger } from "../servers/logger.js";
import { addCuriousTools } from "./curious.js";
import { PAYROLL } from "./payroll.js";
import type { Authenticate, Session } from "./users.js";

/** A server that computes what may be known of the salaries. */
export function createAnalyst(cache: RefCache, authenticate: Authenticate): FastMCP<Session> {
  const server = withRefCache(
    new FastMCP<Session>({ name: "Analyst", version: "1.0.0", logger: stderrLogger, authenticate }),
    cache,
  );
  server.addTool({
    name: "mean_salary",
    description: "The mean of the payroll, given by its reference.",
    annotations: { readOnlyHint: true },
    parameters: z.object({ payroll: z.string() }),
    // What declassifies must choose what it takes: a list that a caller made up of one salary and zeros has a mean as
    // well. So the reference stays a text, and is refused unless it stands for a whole payroll.
    execute: cache.cached("means", { resolveRefs: false, declassify: true })(async ({ payroll }) => {
      const known = await cache.info(payroll);
      if (known?.namespace !== PAYROLL) throw new UserError("That is no payroll of yours.");
      return mean(await cache.resolve<number[]>(payroll));
    }),
  });
  addCuriousTools(server, cache);
  return server;
}

/** To the cent. */
function mean(numbers: readonly number[]): number {
  const sum = numbers.reduce((total, number) => total + number, 0);
  return Math.round((100 * sum) / numbers.length) / 100;
}
