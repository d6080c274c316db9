import { describe, expect, test } from "vitest";
import { isPermissions, Permission } from "../../src/access/permission.js";
import {
  closeTo,
  DEFAULT_POLICY,
  makePolicy,
  malformedMember,
  ownedBy,
  policies,
} from "../../src/access/policy.js";
import { ConfigurationError } from "../../src/errors.js";

const { FULL, NONE, READ, EXECUTE } = Permission;

test("permissions are whole numbers from 0 to 31", () => {
  expect([0, 1, 17, 31].every(isPermissions)).toBe(true);
  expect([-1, 32, 1.5, "1", null, undefined, Number.NaN].some(isPermissions)).toBe(false);
});

describe("a policy that belongs to somebody", () => {
  test("gives the owner all, their agents READ and EXECUTE, and others nothing", () => {
    const owned = {
      ...DEFAULT_POLICY,
      owner: "user:a%3Ab",
      ownerPermissions: FULL,
      userPermissions: NONE,
      agentPermissions: NONE,
      ownerAgentPermissions: READ | EXECUTE,
    };
    expect(ownedBy({ type: "user", id: "a:b" })).toEqual(owned);
    expect(ownedBy({ type: "agent", id: "a:b" })).toEqual(owned);
    expect(Object.isFrozen(ownedBy({ type: "user", id: "a:b" }))).toBe(true);
  });

  test("keeps what it is based on: what agents might do, hers may, unless that is said", () => {
    expect(closeTo("user:x", policies.executeOnly)).toMatchObject({ ownerAgentPermissions: EXECUTE });
    expect(closeTo("user:x", policies.userOnly)).toMatchObject({ ownerAgentPermissions: NONE });
    expect(closeTo("user:x", policies.ownerOnly)).toMatchObject({ ownerAgentPermissions: NONE });
    expect(closeTo("user:x", { ...policies.public, ownerAgentPermissions: READ })).toMatchObject({
      ownerAgentPermissions: READ,
      agentPermissions: NONE,
    });
    expect(closeTo("user:x", policies.readOnly)).toMatchObject({ ownerPermissions: READ | EXECUTE });
  });

  test("belongs to nobody unless somebody is known", () => {
    for (const actor of [{ type: "agent" }, { type: "user", id: " " }] as const) {
      expect(() => ownedBy(actor)).toThrow(ConfigurationError);
      expect(() => ownedBy(actor)).toThrow("actor: has no id, so nothing can belong to it");
    }
  });
});

describe("a policy made of some members", () => {
  test("has the others of what it is based on", () => {
    expect(makePolicy({ owner: "user:x" })).toEqual({ ...DEFAULT_POLICY, owner: "user:x" });
    expect(makePolicy({ owner: "user:x" }, "policy", policies.readOnly)).toEqual({
      ...policies.readOnly,
      owner: "user:x",
    });
    expect("within" in makePolicy({})).toBe(false);
  });

  test("is not changed by who holds the lists it was made of", () => {
    const lists = { allowedActors: ["user:a"], deniedActors: ["user:b"], within: ["user:c"] };
    const made = makePolicy(lists);
    for (const list of Object.values(lists)) list.push("*");
    expect(made).toMatchObject({ allowedActors: ["user:a"], deniedActors: ["user:b"], within: ["user:c"] });
    expect([made, made.allowedActors, made.deniedActors, made.within].every(Object.isFrozen)).toBe(true);
  });

  test.each<[object, string]>([
    [{ ownerAgentPermissions: 32 }, "policy.ownerAgentPermissions: is not of the form a policy has"],
    [{ ownerAgentPermissions: null }, "policy.ownerAgentPermissions: is not of the form a policy has"],
    [{ ownerPermissions: -1 }, "policy.ownerPermissions: is not of the form a policy has"],
    [{ within: null }, "policy.within: is not of the form a policy has"],
    [{ within: [1] }, "policy.within: is not of the form a policy has"],
    [{ within: "user:x" }, "policy.within: is not of the form a policy has"],
    [{ showShape: "yes" }, "policy.showShape: is not of the form a policy has"],
    [{ showShape: null }, "policy.showShape: is not of the form a policy has"],
    [{ everybody: true }, "policy.everybody: is not a member of a policy"],
  ])("%j is refused", (members, message) => {
    expect(() => makePolicy(members)).toThrow(message);
  });

  test("may leave out what is ours, and nothing else", () => {
    expect(malformedMember(DEFAULT_POLICY)).toBeUndefined();
    expect(
      malformedMember({ ...DEFAULT_POLICY, showShape: false, within: [], ownerAgentPermissions: 0 }),
    ).toBeUndefined();
    for (const member of Object.keys(DEFAULT_POLICY)) {
      const { [member as "owner"]: _, ...others } = DEFAULT_POLICY;
      expect(malformedMember(others)).toBe(member);
    }
  });
});

test.each([null, undefined, false, 1, "x", [], new Map(), Promise.resolve({})])(
  "%j makes no policy",
  (partial) => {
    const make = () => makePolicy(partial as never, "declassify");
    expect(make).toThrow(ConfigurationError);
    expect(make).toThrow("declassify: must be an object of members of a policy");
  },
);
