import { describe, expect, test } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { decide } from "../../src/access/checker.js";
import { Permission } from "../../src/access/permission.js";
import { DEFAULT_POLICY, makePolicy, type Policy, policies } from "../../src/access/policy.js";
import { ConfigurationError } from "../../src/errors.js";

const { READ, WRITE, UPDATE, DELETE, EXECUTE, CRUD, FULL, NONE } = Permission;
const user: Actor = { type: "user", id: "alice", sessionId: "s1" };
const agent: Actor = { type: "agent", id: "claude-1" };
const nobody: Actor = { type: "agent" };
const system: Actor = { type: "system" };
const policy = (members: Partial<Policy>) => makePolicy(members);
const isPermitted = (actor: Actor, required: number, policy: Policy) =>
  decide(actor, required, { namespace: "public", policy }).permitted;

test("permissions are the wire format's bits", () => {
  expect({ READ, WRITE, UPDATE, DELETE, EXECUTE, CRUD, FULL }).toEqual({
    READ: 1,
    WRITE: 2,
    UPDATE: 4,
    DELETE: 8,
    EXECUTE: 16,
    CRUD: 15,
    FULL: 31,
  });
});

describe("decides by", () => {
  test.each<[string, Partial<Policy>, Actor, number, boolean]>([
    ["role: users all", {}, user, FULL, true],
    ["role: agents read and use", {}, agent, READ | EXECUTE, true],
    ["role: agents do not delete", {}, agent, DELETE, false],
    ["role: all bits are needed", {}, agent, READ | WRITE, false],
    ["role: nobody known is an agent", {}, nobody, READ, true],
    ["role: no permission is no permission", { agentPermissions: NONE }, agent, READ, false],
    ["owner: more than the role", { owner: "agent:claude-1" }, agent, FULL, true],
    ["owner: less than the role", { owner: "user:alice", ownerPermissions: READ }, user, WRITE, false],
    ["owner: not by another type", { owner: "user:claude-1", agentPermissions: NONE }, agent, READ, false],
    [
      "owner: an anonymous actor owns nothing",
      { owner: "agent:", agentPermissions: NONE },
      nobody,
      READ,
      false,
    ],
    ["allow list: listed", { allowedActors: ["agent:claude-*"] }, agent, READ, true],
    ["allow list: not listed", { allowedActors: ["agent:claude-*"] }, user, READ, false],
    ["allow list: grants no more than the policy", { allowedActors: ["agent:*"] }, agent, DELETE, false],
    ["allow list: empty is nobody", { allowedActors: [] }, user, READ, false],
    ["allow list: before the owner", { owner: "user:alice", allowedActors: ["agent:*"] }, user, READ, false],
    ["denial: listed", { deniedActors: ["agent:*"] }, agent, READ, false],
    ["denial: before the allow list", { deniedActors: ["*"], allowedActors: ["*"] }, user, READ, false],
    ["denial: before the owner", { owner: "user:alice", deniedActors: ["user:alice"] }, user, READ, false],
    ["denial: of everybody, the anonymous too", { deniedActors: ["*"] }, nobody, READ, false],
    ["session: the bound one", { boundSession: "s1" }, user, READ, true],
    ["session: another", { boundSession: "s2" }, user, READ, false],
    ["session: none", { boundSession: "s1" }, agent, READ, false],
    [
      "system: the server itself may do all",
      { userPermissions: 0, deniedActors: ["*"], boundSession: "x" },
      system,
      FULL,
      true,
    ],
  ])("%s", (_name, members, actor, required, permitted) => {
    expect(isPermitted(actor, required, policy(members))).toBe(permitted);
  });
});

describe("patterns", () => {
  test.each<[string, string, boolean]>([
    ["user:alice", "alice", true],
    ["user:Alice", "alice", false],
    ["user:alic", "alice", false],
    ["user:alice2", "alice", false],
    ["user:*", "alice", true],
    ["*", "alice", true],
    ["*:alice", "alice", true],
    ["user:a*e", "alice", true],
    ["user:a*c*e", "alice", true],
    ["user:a*c*e", "ace", true],
    ["user:al*lice", "alice", false],
    ["user:a.ice", "alice", false],
    ["user:[a]lice", "alice", false],
    ["**", "alice", true],
  ])("%s for %s: %s", (pattern, id, matches) => {
    expect(isPermitted({ type: "user", id }, READ, policy({ allowedActors: [pattern] }))).toBe(matches);
  });

  test("of many stars are matched in linear time", () => {
    const pattern = `user:${"a*".repeat(2000)}b`;
    expect(
      isPermitted({ type: "user", id: "a".repeat(5000) }, READ, policy({ allowedActors: [pattern] })),
    ).toBe(false);
  });
});

test("ready-made policies say what their names say", () => {
  expect(policies.public).toEqual(DEFAULT_POLICY);
  expect(isPermitted(agent, READ, policies.executeOnly)).toBe(false);
  expect(isPermitted(agent, EXECUTE, policies.executeOnly)).toBe(true);
  expect(isPermitted(agent, EXECUTE, policies.userOnly)).toBe(false);
  expect(isPermitted(user, FULL, policies.userOnly)).toBe(true);
  expect(isPermitted(user, DELETE, policies.readOnly)).toBe(false);
  expect(isPermitted(agent, READ | EXECUTE, policies.readOnly)).toBe(true);
});

test.each<[object, string]>([
  [{ userPermissions: 32 }, "policy.userPermissions"],
  [{ agentPermissions: "17" }, "policy.agentPermissions"],
  [{ owner: 1 }, "policy.owner"],
  [{ allowedActors: "agent:*" }, "policy.allowedActors"],
  [{ deniedActors: [1] }, "policy.deniedActors"],
  [{ boundSession: {} }, "policy.boundSession"],
  [{ user_permissions: 1 }, "policy.user_permissions"],
])("a policy of %j is refused", (members, option) => {
  expect(() => makePolicy(members)).toThrow(ConfigurationError);
  expect(() => makePolicy(members)).toThrow(option);
});
