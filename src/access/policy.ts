import { ConfigurationError } from "../errors.js";
import { type Actor, isId } from "./actor.js";
import { encodeId } from "./actor-text.js";
import { isPermissions, Permission, type Permissions } from "./permission.js";

/**
 * Who may do what with an entry. Actor lists hold `type:id` texts, `*` standing for any run of characters. The
 * first seven members are the wire format's; the optional ones are ours, and only ever close a policy further.
 */
export interface Policy {
  readonly userPermissions: Permissions;
  readonly agentPermissions: Permissions;
  /** The owning actor as `type:id`, or `null`. */
  readonly owner: string | null;
  readonly ownerPermissions: Permissions;
  /** Only these actors, where not `null`; they get what the policy gives them, and no more. */
  readonly allowedActors: readonly string[] | null;
  /** Never these actors; beats everything else. */
  readonly deniedActors: readonly string[] | null;
  /** Only this session, where not `null`. */
  readonly boundSession: string | null;
  /** What the agents that act for the owning user may do. Default: as any agent. */
  readonly ownerAgentPermissions?: Permissions | undefined;
  /** Further namespaces, all of which must admit the actor: those of what the value was made from. */
  readonly within?: readonly string[] | undefined;
  /** Tell those who may not READ the value its type and how many items it has. Default: nothing. */
  readonly showShape?: boolean | undefined;
}

const { FULL, READ, EXECUTE, NONE } = Permission;

/** The wire format's default: users may do all, agents may read and use. */
export const DEFAULT_POLICY: Policy = Object.freeze({
  userPermissions: FULL,
  agentPermissions: READ | EXECUTE,
  owner: null,
  ownerPermissions: FULL,
  allowedActors: null,
  deniedActors: null,
  boundSession: null,
});

/** Ready-made policies; spread one to change a member. */
export const policies = {
  /** The default: users may do all, agents read and use. */
  public: DEFAULT_POLICY,
  /** Agents may use the value in tools and never see it. */
  executeOnly: Object.freeze({ ...DEFAULT_POLICY, agentPermissions: EXECUTE }),
  /** Agents have no part in it. */
  userOnly: Object.freeze({ ...DEFAULT_POLICY, agentPermissions: NONE }),
  /** Anybody may read and use, nobody may change. */
  readOnly: Object.freeze({
    ...DEFAULT_POLICY,
    userPermissions: READ | EXECUTE,
    agentPermissions: READ | EXECUTE,
    ownerPermissions: READ | EXECUTE,
  }),
  /** Nobody but the owner, who is the caller where none is named; not even the owner's agents. */
  ownerOnly: Object.freeze({
    ...DEFAULT_POLICY,
    userPermissions: NONE,
    agentPermissions: NONE,
    ownerAgentPermissions: NONE,
  }),
} as const satisfies Record<string, Policy>;

/**
 * A policy that belongs to the user an actor is, or acts for: the owner may do what `base` lets owners do, the owner's
 * agents what it lets agents do, and others nothing. Servers in Python grant the owner's agents nothing.
 * @throws {ConfigurationError} when nobody knows who the actor is.
 */
export function ownedBy(actor: Actor, base: Policy = DEFAULT_POLICY): Policy {
  if (!isId(actor.id)) throw new ConfigurationError("actor", "has no id, so nothing can belong to it");
  return closeTo(`user:${encodeId(actor.id)}`, base);
}

/** A policy that belongs to an owner, given as `type:id`, and to nobody else. */
export function closeTo(owner: string, base: Policy): Policy {
  return Object.freeze({
    ...base,
    owner,
    userPermissions: NONE,
    agentPermissions: NONE,
    ownerAgentPermissions: base.ownerAgentPermissions ?? base.agentPermissions,
  });
}

/** A policy under which those who may READ may only EXECUTE. */
export function unseen(policy: Policy): Policy {
  const { ownerAgentPermissions } = policy;
  return Object.freeze({
    ...policy,
    userPermissions: withoutReading(policy.userPermissions),
    agentPermissions: withoutReading(policy.agentPermissions),
    ownerPermissions: withoutReading(policy.ownerPermissions),
    ...(ownerAgentPermissions !== undefined && {
      ownerAgentPermissions: withoutReading(ownerAgentPermissions),
    }),
  });
}

function withoutReading(permissions: Permissions): Permissions {
  return (permissions & READ) === 0 ? permissions : (permissions & ~READ) | EXECUTE;
}

type MemberCheck = (value: unknown) => boolean;
const textOrNull: MemberCheck = (value) => value === null || typeof value === "string";
const texts: MemberCheck = (value) => Array.isArray(value) && value.every((item) => typeof item === "string");
const textsOrNull: MemberCheck = (value) => value === null || texts(value);
const ifGiven =
  (check: MemberCheck): MemberCheck =>
  (value) =>
    value === undefined || check(value);

const MEMBERS: Record<keyof Policy, MemberCheck> = {
  userPermissions: isPermissions,
  agentPermissions: isPermissions,
  owner: textOrNull,
  ownerPermissions: isPermissions,
  allowedActors: textsOrNull,
  deniedActors: textsOrNull,
  boundSession: textOrNull,
  ownerAgentPermissions: ifGiven(isPermissions),
  within: ifGiven(texts),
  showShape: ifGiven((value) => typeof value === "boolean"),
};

/** The names of the members, in the order of the wire format. */
const POLICY_MEMBERS = Object.freeze(Object.keys(MEMBERS) as (keyof Policy)[]);

/** Returns the first member that is missing or malformed, or `undefined` for a whole policy. */
export function malformedMember(
  candidate: { readonly [K in keyof Policy]?: unknown },
): keyof Policy | undefined {
  return POLICY_MEMBERS.find((member) => !MEMBERS[member](candidate[member]));
}

/**
 * Fills a partial policy from the one it is based on.
 * @throws {ConfigurationError} naming an unknown or malformed member.
 */
export function makePolicy(partial: Partial<Policy>, option = "policy", base = DEFAULT_POLICY): Policy {
  if (!isPlain(partial)) throw new ConfigurationError(option, "must be an object of members of a policy");
  const unknown = Object.keys(partial).find((member) => !Object.hasOwn(MEMBERS, member));
  if (unknown !== undefined)
    throw new ConfigurationError(`${option}.${unknown}`, "is not a member of a policy");
  const policy: Policy = { ...base, ...partial };
  const bad = malformedMember(policy);
  if (bad !== undefined) throw new ConfigurationError(`${option}.${bad}`, "is not of the form a policy has");
  const { allowedActors, deniedActors, within } = policy;
  return Object.freeze({
    ...policy,
    allowedActors: frozen(allowedActors),
    deniedActors: frozen(deniedActors),
    ...(within === undefined ? {} : { within: frozen(within) }),
  });
}

/** A promise, `false` or a list has no members either, and would change nothing. */
function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return [Object.prototype, null].includes(Object.getPrototypeOf(value));
}

/** A copy of its own: who holds the list that was given may not open the policy with it. */
function frozen<T extends readonly string[] | null>(actors: T): T {
  return (actors && Object.freeze([...actors])) as T;
}
