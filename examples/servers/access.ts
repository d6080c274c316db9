import type { IncomingMessage } from "node:http";
import { type Actor, ANONYMOUS_AGENT } from "mcp-refcache";
import { checkHosts } from "./allowed-hosts.js";

/** How a server tells who calls it: the options of the same names of `FastMCP` and `withRefCache`. */
export interface Access {
  readonly authenticate: (request: IncomingMessage | undefined) => Promise<Record<string, unknown>>;
  readonly actor: () => Actor;
}

/** Everybody who gets here is the same nobody. Over HTTP, only requests for the allowed hosts get here. */
export function anybodyFrom(allowedHosts: readonly string[]): Access {
  return {
    authenticate: async (request) => {
      if (request !== undefined) checkHosts(request, allowedHosts); // stdio has no requests
      return {};
    },
    actor: () => ANONYMOUS_AGENT,
  };
}
