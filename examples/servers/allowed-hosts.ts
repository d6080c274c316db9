import type { IncomingMessage } from "node:http";

/** The names of this machine, under which clients on it reach a server. */
export const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Refuses what did not ask for one of these hosts, or comes from a web page of another: a page may point a name of its
 * own at this machine (DNS rebinding). Clients that are no browsers send no Origin.
 *
 * @throws {Response} 403, which FastMCP passes on from `authenticate`.
 */
export function checkHosts({ headers }: IncomingMessage, allowed: readonly string[]): void {
  const { host, origin } = headers;
  const named = [`http://${host}`, ...(origin === undefined ? [] : [origin])];
  if (!named.every((url) => URL.canParse(url) && allowed.includes(new URL(url).hostname)))
    throw new Response("Forbidden: see ALLOWED_HOSTS", { status: 403 });
}
