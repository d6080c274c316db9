import { type Actor, actorText } from "./actor.js";
import { includesPermissions, type Permissions } from "./permission.js";
import type { Policy } from "./policy.js";

/**
 * Decides whether an actor may do something with an entry: the one place where policy is read. The order is
 * explicit denial, session binding, allow list, owner, role.
 *
 * @param required the {@link Permission} flags needed; all of them.
 */
export function isPermitted(actor: Actor, required: Permissions, policy: Policy): boolean {
  if (actor.type === "system") return true;
  const who = actorText(actor);
  if (lists(policy.deniedActors, who)) return false;
  if (policy.boundSession !== null && policy.boundSession !== actor.sessionId) return false;
  if (policy.allowedActors !== null && !lists(policy.allowedActors, who)) return false;
  return includesPermissions(grantedTo(actor, who, policy), required);
}

function grantedTo(actor: Actor, who: string, policy: Policy): Permissions {
  if (policy.owner !== null && actor.id !== undefined && policy.owner === who) return policy.ownerPermissions;
  return actor.type === "user" ? policy.userPermissions : policy.agentPermissions;
}

function lists(patterns: readonly string[] | null, who: string): boolean {
  return patterns?.some((pattern) => matches(pattern, who)) ?? false;
}

/** Matches `*` as any run of characters, in linear time: patterns come from the store. */
function matches(pattern: string, text: string): boolean {
  const [first = "", ...rest] = pattern.split("*");
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first)) return false;
  let position = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, position);
    if (found === -1) return false;
    position = found + part.length;
  }
  return text.length - last.length >= position && text.endsWith(last);
}
