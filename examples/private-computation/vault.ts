import { FastMCP } from "fastmcp";
import type { RefCache } from "mcp-refcache";
import { withRefCache } from "mcp-refcache/fastmcp";
import { stderrLogger } from "../servers/logger.js";
import { addCuriousTools } from "./curious.js";
import { findPayroll } from "./payroll.js";
import type { Authenticate, Session } from "./users.js";

/** A server that holds the salaries and hands out their reference. */
export function createVault(cache: RefCache, authenticate: Authenticate): FastMCP<Session> {
  const server = withRefCache(
    new FastMCP<Session>({ name: "Vault", version: "1.0.0", logger: stderrLogger, authenticate }),
    cache,
  );
  server.addTool({
    name: "find_payroll",
    description: "The reference of the salaries, for tools that take it.",
    annotations: { readOnlyHint: true },
    execute: async () => (await findPayroll(cache)) ?? "There is no payroll for you.",
  });
  addCuriousTools(server, cache);
  return server;
}
