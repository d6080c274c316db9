import { ConfigurationError } from "../errors.js";
import { isPermissions, Permission, type Permissions } from "./permission.js";

/** Who may do what with an entry. Actor lists hold `type:id` texts, `*` standing for any run of characters. */
export interface Policy {
  readonly userPermissions: Permissions;
  readonly agentPermissions: Permissions;
  /** The owning actor as `type:id`, or `null`. */
  readonly owner: string | null;
  readonly ownerPermissions: Permissions;
  /** Only these actors, where not `null`. */
  readonly allowedActors: readonly string[] | null;
  /** Never these actors; beats everything else. */
  readonly deniedActors: readonly string[] | null;
  /** Only this session, where not `null`. */
  readonly boundSession: string | null;
}

/** The wire format's default: users may do all, agents may read and use. */
export const DEFAULT_POLICY: Policy = Object.freeze({
  userPermissions: Permission.FULL,
  agentPermissions: Permission.READ | Permission.EXECUTE,
  owner: null,
  ownerPermissions: Permission.FULL,
  allowedActors: null,
  deniedActors: null,
  boundSession: null,
});

/** Ready-made policies; spread one to change a member. */
export const policies = {
  /** The default: users may do all, agents read and use. */
  public: DEFAULT_POLICY,
  /** Agents may use the value in tools and never see it. */
  executeOnly: Object.freeze({ ...DEFAULT_POLICY, agentPermissions: Permission.EXECUTE }),
  /** Agents have no part in it. */
  userOnly: Object.freeze({ ...DEFAULT_POLICY, agentPermissions: Permission.NONE }),
  /** Anybody may read and use, nobody may change. */
  readOnly: Object.freeze({
    ...DEFAULT_POLICY,
    userPermissions: Permission.READ | Permission.EXECUTE,
    agentPermissions: Permission.READ | Permission.EXECUTE,
  }),
} as const;

type MemberCheck = (value: unknown) => boolean;
const textOrNull: MemberCheck = (value) => value === null || typeof value === "string";
const textsOrNull: MemberCheck = (value) =>
  value === null || (Array.isArray(value) && value.every((item) => typeof item === "string"));

const MEMBERS: Record<keyof Policy, MemberCheck> = {
  userPermissions: isPermissions,
  agentPermissions: isPermissions,
  owner: textOrNull,
  ownerPermissions: isPermissions,
  allowedActors: textsOrNull,
  deniedActors: textsOrNull,
  boundSession: textOrNull,
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
  const unknown = Object.keys(partial).find((member) => !(member in MEMBERS));
  if (unknown !== undefined)
    throw new ConfigurationError(`${option}.${unknown}`, "is not a member of a policy");
  const policy: Policy = { ...base, ...partial };
  const bad = malformedMember(policy);
  if (bad !== undefined) throw new ConfigurationError(`${option}.${bad}`, "is not of the form a policy has");
  const { allowedActors, deniedActors } = policy;
  return Object.freeze({
    ...policy,
    allowedActors: frozen(allowedActors),
    deniedActors: frozen(deniedActors),
  });
}

/** A copy of its own: who holds the list that was given may not open the policy with it. */
function frozen(actors: readonly string[] | null): readonly string[] | null {
  return actors && Object.freeze([...actors]);
}
