import { ConfigurationError } from "../errors.js";

/** Who asks. Made by server code from what it has verified, never from a tool's arguments. */
export interface Actor {
  readonly type: "user" | "agent" | "system";
  /**
   * The verified identity, 1 to 256 characters; absent for the anonymous caller of a server without
   * authentication. An agent carries the id of the user it acts for.
   */
  readonly id?: string;
  /** The verified session. A session id that the client chose does not belong here. */
  readonly sessionId?: string;
  /** Further verified facts, for templates: `{ org_id: "acme" }` fills `{org_id}`. */
  readonly claims?: Readonly<Record<string, string>>;
}

/** Actors that were checked, and cannot have changed since. */
const checked = new WeakSet<object>();

/** The server's own code. */
export const SYSTEM: Actor = known({ type: "system" });

/** A model behind a connection that verified nobody. */
export const ANONYMOUS_AGENT: Actor = known({ type: "agent" });

const TYPES: readonly unknown[] = ["user", "agent", "system"];
const LONGEST_ID = 256;
/** Control characters, and halves of surrogate pairs: stores change these, which could make two ids one. */
const UNFIT = /[\p{Cc}\p{Cs}]/u;

/**
 * Checks that a value is an actor, whole and of the right types, and keeps a copy of its own of it.
 * @throws {ConfigurationError} naming where it came from; an identity in doubt must close the door.
 */
export function checkActor(candidate: unknown, origin: string): Actor {
  if (typeof candidate === "object" && candidate !== null && checked.has(candidate))
    return candidate as Actor;
  const { type, id, sessionId, claims } = (candidate ?? {}) as Record<string, unknown>;
  if (!TYPES.includes(type) || ![id, sessionId].every(isIdOrAbsent) || !areClaims(claims)) {
    throw new ConfigurationError(
      origin,
      `must be { type: "user" | "agent" | "system", id?, sessionId?, claims? }, with texts of 1 to ${LONGEST_ID} characters, neither blank nor with control characters`,
    );
  }
  return known({
    type: type as Actor["type"],
    ...(id === undefined ? {} : { id: id as string }),
    ...(sessionId === undefined ? {} : { sessionId: sessionId as string }),
    ...(claims === undefined ? {} : { claims: Object.freeze({ ...(claims as Record<string, string>) }) }),
  });
}

function known(actor: Actor): Actor {
  checked.add(Object.freeze(actor));
  return actor;
}

/** Tells whether a text may be an id. */
export function isId(id: unknown): id is string {
  return typeof id === "string" && id.length <= LONGEST_ID && id.trim() !== "" && !UNFIT.test(id);
}

function isIdOrAbsent(id: unknown): boolean {
  return id === undefined || isId(id);
}

function areClaims(claims: unknown): boolean {
  if (claims === undefined) return true;
  return typeof claims === "object" && claims !== null && Object.values(claims).every(isId);
}
