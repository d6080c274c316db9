import { ConfigurationError } from "../errors.js";
import { type Actor, isId } from "./actor.js";
import { encodeId } from "./actor-text.js";
import { checkNamespace } from "./namespace.js";

/** A place in a template: `{user_id}`, `{agent_id}`, `{session_id}`, or a claim of the actor's. */
const PLACE = /\{([a-z][a-z0-9_]*)\}/g;

/** Tells whether a text has places to fill. */
export function isTemplate(text: string): boolean {
  return text.includes("{");
}

/**
 * Checks a namespace that may be a template.
 * @throws {ConfigurationError} naming the option.
 */
export function checkNamespaceTemplate(template: unknown, option = "namespace"): void {
  checkNamespace(typeof template === "string" ? template.replace(PLACE, "x") : template, option);
}

/**
 * Fills a template with what is verified of an actor. Each value is encoded, so that none can add a part.
 * @throws {ConfigurationError} when the actor has no such value.
 */
export function fillTemplate(template: string, actor: Actor, option: string): string {
  return template.replace(PLACE, (_, name: string) => {
    const value = factAbout(name, actor);
    if (isId(value)) return encodeId(value);
    throw new ConfigurationError(option, `needs {${name}}, which the verified caller does not have`);
  });
}

/** Who it is comes first: no claim stands for the identity that was verified. */
function factAbout(name: string, { id, sessionId, claims = {} }: Actor): string | undefined {
  if (name === "user_id" || name === "agent_id") return id;
  if (name === "session_id") return sessionId;
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}
