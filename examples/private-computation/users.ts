import type { IncomingMessage } from "node:http";
import { checkHosts, LOCAL_HOSTS } from "../servers/allowed-hosts.js";

/** What is known of a caller. */
export interface Session extends Record<string, unknown> {
  readonly userId: string;
}

/** FastMCP's option: over stdio, which has no requests, it is asked once. */
export type Authenticate = (request: IncomingMessage | undefined) => Promise<Session>;

/** A process over stdio serves one user, whom the one who starts it names. */
export function oneUser(userId: string): Authenticate {
  return async () => ({ userId });
}

/**
 * Over HTTP, a bearer token tells who calls.
 * @param tokens users by their token.
 */
export function usersByToken(tokens: ReadonlyMap<string, string>): Authenticate {
  return async (request) => {
    if (request !== undefined) checkHosts(request, LOCAL_HOSTS);
    const token = /^Bearer (.+)$/.exec(request?.headers.authorization ?? "")?.[1];
    const userId = token === undefined ? undefined : tokens.get(token);
    if (userId === undefined) throw new Response("Unauthorized", { status: 401 });
    return { userId };
  };
}
