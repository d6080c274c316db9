import { ConfigurationError } from "../errors.js";

/** Who asks. Made by server code from what it has verified, never from a tool's arguments. */
export interface Actor {
  readonly type: "user" | "agent" | "system";
  /** The verified identity; absent for the anonymous caller of a server without authentication. */
  readonly id?: string;
  /** The verified session. A session id that the client chose does not belong here. */
  readonly sessionId?: string;
}

/** The server's own code, outside any call. */
export const SYSTEM: Actor = Object.freeze({ type: "system" });

/** A model behind a connection that verified nobody. */
export const ANONYMOUS_AGENT: Actor = Object.freeze({ type: "agent" });

/** The text form that policies list: `type:id`, with nothing behind the colon for an anonymous actor. */
export function actorText(actor: Actor): string {
  return `${actor.type}:${actor.id ?? ""}`;
}

const TYPES: readonly unknown[] = ["user", "agent", "system"];

/**
 * Checks that a value is an actor, whole and of the right types.
 * @throws {ConfigurationError} naming where it came from; an identity in doubt must close the door.
 */
export function checkActor(candidate: unknown, origin: string): Actor {
  const { type, id, sessionId } = (candidate ?? {}) as Record<string, unknown>;
  if (TYPES.includes(type) && isIdOrAbsent(id) && isIdOrAbsent(sessionId)) return candidate as Actor;
  throw new ConfigurationError(
    origin,
    'must be { type: "user" | "agent" | "system", id?, sessionId? } with ids not blank',
  );
}

function isIdOrAbsent(id: unknown): boolean {
  return id === undefined || (typeof id === "string" && id.trim() !== "");
}
