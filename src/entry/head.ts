import { malformedMember, type Policy } from "../access/policy.js";
import type { AtRestNote, EntryHead, EntryMetadata } from "./entry.js";

/** A JSON object, before anything is known of its members. */
export type Members = Record<string, unknown>;

/** What is wrong with a head; returned, not thrown, since a search for the head meets many that are none. */
export class WireHeadError {
  constructor(readonly message: string) {}
}

/** The head under its wire names, times in Unix seconds. */
export function writeHead(head: EntryHead): Members {
  return {
    namespace: head.namespace,
    policy: policyToWire(head.policy),
    created_at: head.createdAt / 1000,
    expires_at: head.expiresAt === null ? null : head.expiresAt / 1000,
    metadata: metadataToWire(head.metadata),
  };
}

/** Reads a head from its wire members. A policy that is not whole makes the head unreadable, never open. */
export function readHead(members: Members): EntryHead | WireHeadError {
  const { namespace, created_at, expires_at, policy } = members;
  if (typeof namespace !== "string") return new WireHeadError("namespace is not a text");
  if (!isTime(created_at)) return new WireHeadError("created_at is not a time");
  if (expires_at !== null && !isTime(expires_at))
    return new WireHeadError("expires_at is neither a time nor null");
  const read = readPolicy(policy);
  if (read instanceof WireHeadError) return read;
  return {
    namespace,
    policy: read,
    createdAt: created_at * 1000,
    expiresAt: expires_at === null ? null : expires_at * 1000,
    metadata: metadataFromWire(members.metadata),
  };
}

/** Reads a policy from its wire names. */
export function readPolicy(policy: unknown): Policy | WireHeadError {
  if (!isMembers(policy)) return new WireHeadError("policy is not an object");
  const read = policyFromWire(policy);
  const bad = malformedMember(read);
  return bad === undefined
    ? (read as Policy)
    : new WireHeadError(`policy.${WIRE_NAMES[bad]} is missing or malformed`);
}

/** Tells a JSON object from everything else. */
export function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

const WIRE_NAMES: Record<keyof Policy, string> = {
  userPermissions: "user_permissions",
  agentPermissions: "agent_permissions",
  owner: "owner",
  ownerPermissions: "owner_permissions",
  allowedActors: "allowed_actors",
  deniedActors: "denied_actors",
  boundSession: "bound_session",
  ownerAgentPermissions: "owner_agent_permissions",
  within: "within",
  showShape: "show_shape",
};

/**
 * A policy under its wire names; always all seven members of the format, since Python reads a missing one as its
 * default. Of ours, which it ignores, those that are there.
 */
export function policyToWire(policy: Policy): Members {
  return {
    user_permissions: policy.userPermissions,
    agent_permissions: policy.agentPermissions,
    owner: policy.owner,
    owner_permissions: policy.ownerPermissions,
    allowed_actors: policy.allowedActors,
    denied_actors: policy.deniedActors,
    bound_session: policy.boundSession,
    ...ifGiven("owner_agent_permissions", policy.ownerAgentPermissions),
    ...ifGiven("within", policy.within),
    ...ifGiven("show_shape", policy.showShape),
  };
}

function ifGiven(name: string, value: unknown): Members {
  return value === undefined ? {} : { [name]: value };
}

function policyFromWire(wire: Members): { [K in keyof Policy]?: unknown } {
  return {
    userPermissions: wire.user_permissions,
    agentPermissions: wire.agent_permissions,
    owner: wire.owner,
    ownerPermissions: wire.owner_permissions,
    allowedActors: wire.allowed_actors,
    deniedActors: wire.denied_actors,
    boundSession: wire.bound_session,
    ...ifGiven("ownerAgentPermissions", wire.owner_agent_permissions),
    ...ifGiven("within", wire.within),
    ...ifGiven("showShape", wire.show_shape),
  };
}

/** Metadata under its wire names, with the members of other writers as they were. */
export function metadataToWire(metadata: EntryMetadata): Members {
  return {
    ...metadata.other,
    tool_name: metadata.toolName,
    total_items: metadata.totalItems,
    total_size: metadata.totalSize,
    ...(metadata.strictJson === undefined ? {} : { strict_json: metadata.strictJson }),
    ...noteToWire(metadata),
  };
}

/** One member of our own name, so that no writer's `checksum` is taken for ours. */
function noteToWire({ atRest, tags, link }: EntryMetadata): Members {
  if (atRest === undefined && tags === undefined && link === undefined) return {};
  const { refId, checksum, storedSize, seal } = atRest ?? {};
  return { mcp_refcache: { ref_id: refId, checksum, stored_size: storedSize, seal, tags, link } };
}

function noteFromWire(wire: Members): Pick<EntryMetadata, "atRest" | "tags" | "link"> {
  const { ref_id, checksum, stored_size, seal, tags, link } = wire;
  const atRest: AtRestNote = {
    ...(typeof ref_id === "string" ? { refId: ref_id } : {}),
    ...(typeof checksum === "number" ? { checksum } : {}),
    ...(typeof stored_size === "number" ? { storedSize: stored_size } : {}),
    ...(typeof seal === "string" ? { seal } : {}),
  };
  const isLabelled = isTexts(tags) || typeof link === "string";
  return {
    ...(isTexts(tags) ? { tags } : {}),
    ...(typeof link === "string" ? { link } : {}),
    ...(isLabelled && Object.keys(atRest).length === 0 ? {} : { atRest }),
  };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

const OURS = new Set(["tool_name", "total_items", "total_size", "strict_json", "mcp_refcache"]);

function metadataFromWire(wire: unknown): EntryMetadata {
  const members = isMembers(wire) ? wire : {};
  const { tool_name, total_items, total_size, strict_json } = members;
  const metadata: { -readonly [K in keyof EntryMetadata]: EntryMetadata[K] } = {
    toolName: typeof tool_name === "string" ? tool_name : null,
    totalItems: typeof total_items === "number" ? total_items : null,
    totalSize: typeof total_size === "number" ? total_size : null,
  };
  if (typeof strict_json === "boolean") metadata.strictJson = strict_json;
  if (isMembers(members.mcp_refcache)) Object.assign(metadata, noteFromWire(members.mcp_refcache));
  const others = Object.keys(members).filter((name) => !OURS.has(name));
  if (others.length > 0) metadata.other = Object.fromEntries(others.map((name) => [name, members[name]]));
  return metadata;
}
