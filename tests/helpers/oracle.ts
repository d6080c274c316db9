import type { Actor, Group, Policy } from "../../src/index.js";

/**
 * Who may do what, written from the rules and apart from the code that decides: a second opinion. Knows one
 * permission at a time, as a bit of the wire format.
 */
export interface Oracle {
  may(bit: number, actor: Actor, policy: Policy, namespace: string): boolean;
}

/** An oracle that knows who is a member of what. */
export function oracleOf(isMember: (actor: Actor, group: Group) => boolean): Oracle {
  return {
    may(bit, actor, policy, namespace) {
      if (actor.type === "system") return true;
      if (policy.deniedActors?.some((pattern) => fits(pattern, actor, true)) === true) return false;
      if (policy.boundSession !== null && policy.boundSession !== actor.sessionId) return false;
      const admits = (place: string) => conditions(place).every((condition) => condition(actor, isMember));
      if (![namespace, ...(policy.within ?? [])].every(admits)) return false;
      if (policy.allowedActors?.some((pattern) => fits(pattern, actor, false)) === false) return false;
      return (grantedBy(policy, actor) & bit) !== 0;
    },
  };
}

function grantedBy(policy: Policy, actor: Actor): number {
  const { owner, ownerPermissions, ownerAgentPermissions, userPermissions, agentPermissions } = policy;
  if (owner !== null && nameOf(actor.type, actor).includes(owner)) return ownerPermissions;
  const actsForOwner = owner !== null && actor.type === "agent" && nameOf("user", actor).includes(owner);
  if (actsForOwner && ownerAgentPermissions !== undefined) return ownerAgentPermissions;
  return actor.type === "user" ? userPermissions : agentPermissions;
}

/** The texts that name an id: encoded, and as it is where that cannot be taken for an encoding. */
function idTexts(id: string): readonly string[] {
  const encoded = encodeURIComponent(id).replaceAll("*", "%2A");
  return id.includes("%") ? [encoded] : [encoded, id];
}

function nameOf(type: string, { id }: Actor): readonly string[] {
  return id === undefined ? [] : idTexts(id).map((text) => `${type}:${text}`);
}

/** A pattern is matched by the encoded text; a denial also by the id as it is; a text without stars by either. */
function fits(pattern: string, actor: Actor, isDenial: boolean): boolean {
  const [encoded = `${actor.type}:`, ...others] = nameOf(actor.type, actor);
  const asItIs = `${actor.type}:${actor.id ?? ""}`;
  const star = new RegExp(`^${pattern.split("*").map(escapeRegExp).join(".*")}$`, "su");
  return star.test(encoded) || others.includes(pattern) || (isDenial && star.test(asItIs));
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

type Condition = (actor: Actor, isMember: (actor: Actor, group: Group) => boolean) => boolean;

/** What a namespace asks of an actor, part after part, until a part that is none of its words. */
function conditions(namespace: string): readonly Condition[] {
  const session = /^session(?::(.*))?$/s.exec(namespace);
  if (session !== null)
    return [({ sessionId }) => sessionId !== undefined && idTexts(sessionId).includes(session[1] ?? "")];
  const [whole, kind, id = ""] = /^(user|agent|org|shared)(?::([^:]*))?(?::|$)/.exec(namespace) ?? [];
  if (whole === undefined) return [];
  return [
    (actor, isMember) => meets(kind ?? "", id, actor, isMember),
    ...conditions(namespace.slice(whole.length)),
  ];
}

function meets(kind: string, id: string, actor: Actor, isMember: Parameters<Condition>[1]): boolean {
  if (actor.id === undefined || id === "") return false;
  if (kind === "user") return idTexts(actor.id).includes(id);
  if (kind === "agent") return actor.type === "agent" && idTexts(actor.id).includes(id);
  return isMember(actor, { kind: kind as Group["kind"], id: decodeURIComponent(id) });
}
