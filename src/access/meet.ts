import { actorNamed, isEncoded, matches } from "./actor-text.js";
import { type Guarded, grantedTo } from "./checker.js";
import { scopesOf, scopeText } from "./namespace.js";
import { Permission, type Permissions } from "./permission.js";
import type { Policy } from "./policy.js";

/**
 * A policy under which nobody may do what they might not do under both. Where the wire format cannot say exactly
 * that (lists of patterns that overlap, two sessions), it is closed further, never opened.
 */
export function meet(one: Policy, other: Policy): Policy {
  if (one === other) return one;
  const sessions = new Set([one.boundSession, other.boundSession].filter((session) => session !== null));
  const denied = sessions.size > 1 ? EVERYBODY : union(one.deniedActors, other.deniedActors);
  const within = union(one.within, other.within);
  return Object.freeze({
    ...meetGrants(one, other),
    allowedActors: intersection(one.allowedActors, other.allowedActors),
    deniedActors: denied,
    boundSession: one.boundSession ?? other.boundSession,
    ...(within === null ? {} : { within }),
    ...(one.showShape && other.showShape ? { showShape: true } : {}),
  });
}

/** The policy of an entry with what its namespace demands, so that it can be met with one of another namespace. */
export function policyWithin({ namespace, policy }: Guarded): Policy {
  const scopes = scopesOf(namespace);
  if (scopes.length === 0) return policy;
  return Object.freeze({ ...policy, within: union(policy.within, [scopes.map(scopeText).join(":")]) ?? [] });
}

const EVERYBODY = Object.freeze(["*"]);

type Grants = Pick<
  Policy,
  "owner" | "ownerPermissions" | "ownerAgentPermissions" | "userPermissions" | "agentPermissions"
>;

/**
 * One policy has one owner: the first. They and their agents keep what the second gives them as well; everybody else
 * may do what all of their type may under the second.
 */
function meetGrants(one: Policy, other: Policy): Grants {
  const [first, second] = one.owner === null ? [other, one] : [one, other];
  const least = first.owner === second.owner ? second : leastGrants(second);
  return {
    owner: first.owner,
    ownerPermissions: first.ownerPermissions,
    ...meetOwner(first, second),
    userPermissions: first.userPermissions & least.userPermissions,
    agentPermissions: first.agentPermissions & least.agentPermissions,
  };
}

function meetOwner({ owner, ...first }: Policy, second: Policy): Partial<Grants> {
  const actor = owner === null ? undefined : actorNamed(owner);
  if (actor === undefined) return { ownerPermissions: Permission.NONE };
  const ownerPermissions = first.ownerPermissions & grantedTo(actor, second).granted;
  if (actor.type !== "user") return { ownerPermissions };
  const agents = grantedTo({ ...actor, type: "agent" }, second).granted;
  return { ownerPermissions, ownerAgentPermissions: agentsOfOwner(first) & agents };
}

function agentsOfOwner({
  ownerAgentPermissions,
  agentPermissions,
}: Pick<Policy, "ownerAgentPermissions" | "agentPermissions">): Permissions {
  return ownerAgentPermissions ?? agentPermissions;
}

/** What every user and every agent may, be they the owner or not. */
function leastGrants(policy: Policy): Pick<Policy, "userPermissions" | "agentPermissions"> {
  const { owner, ownerPermissions } = policy;
  const ifOwnedBy = (type: string) => (owner?.startsWith(type) ? ownerPermissions : Permission.FULL);
  return {
    userPermissions: policy.userPermissions & ifOwnedBy("user:"),
    agentPermissions: policy.agentPermissions & agentsOfOwner(policy) & ifOwnedBy("agent:"),
  };
}

function union(
  one: readonly string[] | null | undefined,
  other: readonly string[] | null | undefined,
): readonly string[] | null {
  if (!one || !other) return one ?? other ?? null;
  return Object.freeze([...new Set([...one, ...other])]);
}

/** The patterns of either list that a pattern of the other covers. */
function intersection(
  one: readonly string[] | null,
  other: readonly string[] | null,
): readonly string[] | null {
  if (one === null || other === null) return one ?? other;
  const covered = (inner: readonly string[], outer: readonly string[]) =>
    inner.filter((pattern) => outer.some((wide) => covers(wide, pattern)));
  return Object.freeze([...new Set([...covered(one, other), ...covered(other, one)])]);
}

/**
 * Tells whether every actor that one pattern matches is matched by another: a `*` can only be covered by a `*`.
 * Of an id that is not encoded it cannot be told.
 */
function covers(wide: string, narrow: string): boolean {
  return (
    wide === narrow ||
    (isEncoded(narrow.replace(/^[a-z]+:/, "").replaceAll("*", "")) && matches(wide, narrow))
  );
}
