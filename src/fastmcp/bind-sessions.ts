import type { FastMCPSessionAuth, ServerOptions } from "fastmcp";
import { LRUCache } from "lru-cache";
import { actorText } from "../access/actor-text.js";
import { type Logger, stderrLogger } from "../logger.js";
import { type IdentifyActor, identify } from "./identity.js";

/** FastMCP's option `authenticate`. */
export type Authenticate<T extends FastMCPSessionAuth> = NonNullable<ServerOptions<T>["authenticate"]>;

/** Options of {@link bindSessions}. */
export interface BindSessionsOptions<T extends FastMCPSessionAuth = FastMCPSessionAuth> {
  /** As in {@link WithRefCacheOptions}. */
  readonly actor?: IdentifyActor<T> | undefined;
  /** Default: stderr. */
  readonly logger?: Logger | undefined;
}

/** Sessions of one user that are remembered; the one not used for longest is forgotten. */
const MOST_SESSIONS = 1000;
/** Users whose sessions are remembered, in the same way. */
const MOST_USERS = 100_000;
const LONGEST_ID = 256;

/**
 * Ties MCP sessions to their users. FastMCP lets anybody who is authenticated use any session whose id they know, end
 * it, and get the answers in it that are another's. Behind this, a session is its first user's, and for others there is
 * none. Stateless servers have no sessions and need none of it.
 *
 * @example
 * ```ts
 * new FastMCP({ name: "Reports", version: "1.0.0", authenticate: bindSessions(authenticate) });
 * ```
 */
export function bindSessions<T extends FastMCPSessionAuth>(
  authenticate: Authenticate<T>,
  { actor, logger = stderrLogger }: BindSessionsOptions<T> = {},
): Authenticate<T> {
  const owners = new SessionOwners();
  return async (request) => {
    const session = await authenticate(request);
    const sessionId = (request as typeof request | undefined)?.headers["mcp-session-id"]; // stdio has no requests
    if (sessionId === undefined || isRefused(session)) return session;
    const user = actorText(await identify({ session: session ?? undefined }, actor, logger));
    if (typeof sessionId !== "string" || !owners.admits(user, sessionId)) throw sessionNotFound();
    return session;
  };
}

/** What FastMCP takes for a failed authentication. */
function isRefused(session: unknown): boolean {
  return !session || (session as { authenticated?: unknown }).authenticated === false;
}

/** As FastMCP says it of a session that does not exist. */
function sessionNotFound(): Response {
  const error = { error: { code: -32001, message: "Session not found" }, id: null, jsonrpc: "2.0" };
  return Response.json(error, { status: 404 });
}

/** Whose each session is. One user who names many pushes out none of another's. */
class SessionOwners {
  readonly #owners = new Map<string, string>();
  readonly #sessions = new LRUCache<string, LRUCache<string, true>>({
    max: MOST_USERS,
    dispose: (sessions) => sessions.clear(),
  });

  /** Tells whether a session is this user's, as it is from now on where it was nobody's. */
  admits(user: string, sessionId: string): boolean {
    const owner = this.#owners.get(sessionId) ?? user;
    if (owner !== user || sessionId.length > LONGEST_ID) return false;
    this.#sessionsOf(user).set(sessionId, true);
    this.#owners.set(sessionId, user);
    return true;
  }

  #sessionsOf(user: string): LRUCache<string, true> {
    const known = this.#sessions.get(user);
    if (known !== undefined) return known;
    const forget = (_: true, sessionId: string) => this.#owners.delete(sessionId);
    const sessions = new LRUCache<string, true>({
      max: MOST_SESSIONS,
      dispose: forget,
      noDisposeOnSet: true,
    });
    this.#sessions.set(user, sessions);
    return sessions;
  }
}
