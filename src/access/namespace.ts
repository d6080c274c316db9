import { ConfigurationError } from "../errors.js";
import { type Actor, isId } from "./actor.js";
import { decodeId, encodeId, namesId } from "./actor-text.js";

/** The namespace of values for which none was given. */
export const PUBLIC_NAMESPACE = "public";

/** What a namespace may be closed to; the word before its id. */
const KINDS = ["session", "user", "agent", "org", "shared"] as const;
type Kind = (typeof KINDS)[number];

/** One condition that a namespace makes: `user:alice` admits alice and the agents that act for her. */
export interface Scope {
  readonly kind: Kind;
  /** As it stands in the namespace, encoded; `""` where it is missing, which admits nobody. */
  readonly id: string;
}

/** A group whose members a hook knows, under its own id. */
export interface Group {
  readonly kind: "org" | "shared";
  readonly id: string;
}

const NO_SCOPES: readonly Scope[] = [];

/**
 * The conditions of a namespace, all of which an actor must meet: `public` and plain names make none,
 * `org:acme:user:alice:notes` makes two.
 */
export function scopesOf(namespace: string): readonly Scope[] {
  if (!isReserved(firstPart(namespace))) return NO_SCOPES;
  const parts = namespace.split(":");
  const scopes: Scope[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const kind = parts[at];
    if (!isReserved(kind)) break;
    if (kind === "session") return [...scopes, { kind, id: parts.slice(at + 1).join(":") }]; // no part can follow
    scopes.push({ kind, id: parts[at + 1] ?? "" });
  }
  return scopes;
}

/** A scope as text, the beginning of the namespaces that have it. */
export function scopeText({ kind, id }: Scope): string {
  return `${kind}:${id}`;
}

/** The groups to whose members a namespace is open; whether an actor is one, a hook must tell. */
export function groupOf({ kind, id }: Scope): Group | undefined {
  if (kind !== "org" && kind !== "shared") return undefined;
  return { kind, id: decodeId(id) };
}

/** Tells whether an actor meets a condition, groups aside. */
export function admits({ kind, id }: Scope, actor: Actor): boolean {
  if (kind === "session") return actor.sessionId !== undefined && namesId(id, actor.sessionId);
  if (actor.id === undefined || !namesId(id, actor.id)) return false;
  return kind === "user" || kind === actor.type;
}

/** Room for several of the longest ids, encoded. */
const LONGEST = 8000;
/** Also what stores put in the place of halves of surrogate pairs, so that no two namespaces are one there. */
const UNFIT = /[\p{Cc}\p{Cs}\ufffd]/u;

/**
 * Checks a namespace under which something is to be stored: 1 to 8,000 characters, none of them a control character,
 * of the grammar `public`, `session:<id>`, `user:<id>…`, `agent:<id>…`, `org:<id>…`, `shared:<id>…`, or any name that
 * does not look like one of these.
 * @throws {ConfigurationError} naming the option.
 */
export function checkNamespace(namespace: unknown, option = "namespace"): string {
  const refuse = (problem: string): never => {
    throw new ConfigurationError(option, problem);
  };
  if (
    typeof namespace !== "string" ||
    namespace === "" ||
    namespace.length > LONGEST ||
    UNFIT.test(namespace)
  )
    return refuse(
      `must be a text of 1 to ${LONGEST} characters, without control characters or halves of surrogate pairs`,
    );
  if (/[{}]/.test(namespace))
    return refuse("holds { or }, which stand for values in the namespaces of cached tools only");
  const first = firstPart(namespace);
  if (!isReserved(first) && isReserved(plainly(first)))
    return refuse(`looks like ${plainly(first)}:, which is written in exactly this way`);
  if (plainly(first) === PUBLIC_NAMESPACE && namespace !== PUBLIC_NAMESPACE)
    return refuse("looks like public, which is written in exactly this way and has no parts");
  if (scopesOf(namespace).some(({ id }) => !isId(decodeId(id)) || id !== encodeId(decodeId(id))))
    return refuse(
      "needs an id behind each of user:, agent:, org:, shared: and session:, percent-encoded, and nothing behind a session's",
    );
  return namespace;
}

function isReserved(part: string | undefined): part is Kind {
  return (KINDS as readonly (string | undefined)[]).includes(part);
}

function firstPart(namespace: string): string {
  const colon = namespace.indexOf(":");
  return colon === -1 ? namespace : namespace.slice(0, colon);
}

/** What a person takes a word for: without blanks and what cannot be seen, in small letters, of one width. */
function plainly(word: string): string {
  return word
    .normalize("NFKD")
    .replace(/[\p{Z}\p{Cf}\p{Mn}]/gu, "")
    .toLowerCase();
}

/**
 * Picks what is configured for a namespace: its exact name first, then the longest `prefix:*` that covers it.
 */
export function pickForNamespace<T>(configured: ReadonlyMap<string, T>, namespace: string): T | undefined {
  const exact = configured.get(namespace);
  if (exact !== undefined) return exact;
  for (let colon = namespace.lastIndexOf(":"); colon > 0; colon = namespace.lastIndexOf(":", colon - 1)) {
    const found = configured.get(`${namespace.slice(0, colon)}:*`);
    if (found !== undefined) return found;
  }
  return undefined;
}
