import { hash } from "node:crypto";
import { type Actor, ANONYMOUS_AGENT, checkActor } from "../access/actor.js";
import { ConfigurationError } from "../errors.js";
import type { Logger } from "../logger.js";
import { withTimeout } from "../with-timeout.js";

/** What is known of a caller: what `authenticate` returned, and the session id, which a client may have chosen. */
export interface Caller<Session> {
  readonly session: Session | undefined;
  readonly sessionId?: string | undefined;
}

/** Tells who a caller is; throws, or returns what is no actor, to close the door. */
export type IdentifyActor<Session> = (caller: Caller<Session>) => Actor | Promise<Actor>;

/** A hook or its default, ready to be asked. */
export type WhoIs<Session> = (caller: Caller<Session> | undefined) => Promise<Actor>;

/** Where identities stand in a session, first come first served. */
const ID_MEMBERS = ["userId", "sub", "id"] as const;

/** Milliseconds the hook may take. */
const HOOK_TIMEOUT = 10_000;

/**
 * The actor of a caller. Without a hook: an anonymous agent where nobody was authenticated, else the agent of
 * the user whose `userId`, `sub`, `id` or `claims.sub` the verified session holds, in a session that is this user's:
 * the id that the client may have chosen is joined to the user's, so that no other user's session can be entered by it.
 *
 * @throws {ConfigurationError} when there is a session and nobody can be made out in it.
 */
export async function identify<Session>(
  caller: Caller<Session> | undefined,
  hook: IdentifyActor<Session> | undefined,
  logger: Logger,
): Promise<Actor> {
  if (hook !== undefined) return askHook(caller ?? { session: undefined }, hook, logger);
  const session = caller?.session;
  if (session === undefined || session === null) return ANONYMOUS_AGENT;
  const id = findId(session);
  if (id !== undefined)
    return checkActor({ type: "agent", id, ...sessionOf(id, caller?.sessionId) }, "actor");
  throw new ConfigurationError(
    "actor",
    "the session has no userId, sub, id or claims.sub; give withRefCache an actor function that tells who it is",
  );
}

/** What a hook throws may quote what it looked at, such as a token. */
async function askHook<Session>(
  caller: Caller<Session>,
  hook: IdentifyActor<Session>,
  logger: Logger,
): Promise<Actor> {
  try {
    return checkActor(await withTimeout(HOOK_TIMEOUT, async () => hook(caller)), "actor");
  } catch (error) {
    logger.error(`The actor function failed: ${error instanceof Error ? error.name : "no error was thrown"}`);
    throw new ConfigurationError("actor", "this server cannot tell who is asking");
  }
}

function sessionOf(id: string, sessionId: string | undefined): Pick<Actor, "sessionId"> {
  return sessionId === undefined ? {} : { sessionId: hash("sha256", JSON.stringify([id, sessionId]), "hex") };
}

function findId(session: object): string | undefined {
  const members = session as Record<string, unknown>;
  const claims = members.claims as Record<string, unknown> | undefined;
  const ids: unknown[] = [...ID_MEMBERS.map((member) => members[member]), claims?.sub];
  const id = ids.find((candidate) => candidate !== undefined && candidate !== null);
  if (typeof id === "number") return Number.isSafeInteger(id) ? String(id) : undefined; // NaN would be everybody
  return typeof id === "string" && id.trim() !== "" ? id : undefined;
}
