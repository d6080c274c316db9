import type { Actor } from "./actor.js";
import { isOwner, listsActor, mayListActor } from "./actor-text.js";
import { admits, type Group, groupOf, type Scope, scopesOf } from "./namespace.js";
import { includesPermissions, type Permissions } from "./permission.js";
import type { Policy } from "./policy.js";

/** What a decision looks at: an entry's head, or what an entry to be would have. */
export interface Guarded {
  readonly namespace: string;
  readonly policy: Policy;
}

/**
 * Which rule decided, in the order in which they are asked:
 * `system` (the server itself), `denied` (on the policy's deny list), `session` (bound to another), `namespace`
 * (closed to the actor), `not_allowed` (there is an allow list without the actor), `owner`, `owner_agent`, `role`.
 */
export type Reason =
  | "system"
  | "denied"
  | "session"
  | "namespace"
  | "not_allowed"
  | "owner"
  | "owner_agent"
  | "role";

/** Whether something may be done, and which rule said so. */
export interface Decision {
  readonly permitted: boolean;
  readonly reason: Reason;
}

/** Tells whether the actor that asks belongs to a group. */
export type IsMember = (group: Group) => boolean;

/**
 * Decides whether an actor may do something: the one place where policy and namespace are read.
 *
 * @param required the {@link Permission} flags needed; all of them.
 */
export function decide(
  actor: Actor,
  required: Permissions,
  guarded: Guarded,
  isMember: IsMember = () => false,
): Decision {
  if (actor.type === "system") return { permitted: true, reason: "system" };
  const { policy } = guarded;
  if (policy.deniedActors !== null && mayListActor(policy.deniedActors, actor)) return refusal("denied");
  if (policy.boundSession !== null && policy.boundSession !== actor.sessionId) return refusal("session");
  if (!allScopesOf(guarded).every((scope) => meets(scope, actor, isMember))) return refusal("namespace");
  if (policy.allowedActors !== null && !listsActor(policy.allowedActors, actor))
    return refusal("not_allowed");
  const { reason, granted } = grantedTo(actor, policy);
  return { permitted: includesPermissions(granted, required), reason };
}

/** Every condition that namespaces make of an actor. */
export function allScopesOf({ namespace, policy }: Guarded): readonly Scope[] {
  const own = scopesOf(namespace);
  return policy.within === undefined ? own : [...own, ...policy.within.flatMap(scopesOf)];
}

function refusal(reason: Reason): Decision {
  return { permitted: false, reason };
}

function meets(scope: Scope, actor: Actor, isMember: IsMember): boolean {
  const group = groupOf(scope);
  return group === undefined ? admits(scope, actor) : isMember(group);
}

/** What an actor is granted by being the owner, the owner's agent, or of a type; lists and bindings aside. */
export function grantedTo(actor: Actor, policy: Policy): { reason: Reason; granted: Permissions } {
  const { owner, ownerPermissions, ownerAgentPermissions } = policy;
  if (owner !== null && isOwner(owner, actor)) return { reason: "owner", granted: ownerPermissions };
  if (owner !== null && ownerAgentPermissions !== undefined && actsForOwner(owner, actor))
    return { reason: "owner_agent", granted: ownerAgentPermissions };
  const granted = actor.type === "user" ? policy.userPermissions : policy.agentPermissions;
  return { reason: "role", granted };
}

function actsForOwner(owner: string, actor: Actor): boolean {
  return actor.type === "agent" && isOwner(owner, { ...actor, type: "user" });
}
