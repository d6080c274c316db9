import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { decide, type Guarded, type IsMember } from "../../src/access/checker.js";
import { meet, policyWithin } from "../../src/access/meet.js";
import { type Group, PUBLIC_NAMESPACE } from "../../src/access/namespace.js";
import { Permission } from "../../src/access/permission.js";
import { makePolicy, malformedMember, ownedBy, type Policy, policies } from "../../src/access/policy.js";
import { anyActor, anyNamespace, anyPolicy } from "../helpers/arbitraries.js";

const { READ, WRITE, UPDATE, DELETE, EXECUTE, FULL, NONE } = Permission;
const EACH = [READ, WRITE, UPDATE, DELETE, EXECUTE];
const anyGuarded: fc.Arbitrary<Guarded> = fc.record({ namespace: anyNamespace, policy: anyPolicy });
/** Groups to whose members somebody belongs. */
const anyMembership: fc.Arbitrary<IsMember> = fc.subarray(["org:acme", "shared:team"]).map(
  (groups) =>
    ({ kind, id }: Group) =>
      groups.includes(`${kind}:${id}`),
);

/** The permissions, of all there are, that an actor has. */
function permitted(actor: Actor, policy: Policy, namespace = PUBLIC_NAMESPACE, isMember?: IsMember): number {
  const has = EACH.filter(
    (permission) => decide(actor, permission, { namespace, policy }, isMember).permitted,
  );
  return has.reduce<number>((sum, permission) => sum | permission, NONE);
}

const policy = (members: Partial<Policy>) => makePolicy(members);
const user = (id: string): Actor => ({ type: "user", id });
const agent = (id: string): Actor => ({ type: "agent", id });
const someone: Actor = { type: "user" };
const anybody: Actor = { type: "agent" };

describe("what is met of two policies", () => {
  test("grants nothing that either does not grant, in whatever order and namespace", () => {
    fc.assert(
      fc.property(anyGuarded, anyGuarded, anyActor, anyMembership, (one, other, actor, isMember) => {
        const both =
          permitted(actor, one.policy, one.namespace, isMember) &
          permitted(actor, other.policy, other.namespace, isMember);
        for (const [a, b] of [
          [one, other],
          [other, one],
        ] as const) {
          const met = meet(policyWithin(a), policyWithin(b));
          expect(permitted(actor, met, PUBLIC_NAMESPACE, isMember) & ~both).toBe(NONE);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test("of three grants nothing that one of them does not grant", () => {
    fc.assert(
      fc.property(fc.array(anyPolicy, { minLength: 3, maxLength: 5 }), anyActor, (all, actor) => {
        const [first, ...others] = all as [Policy, ...Policy[]];
        const least = all.reduce<number>((sum, each) => sum & permitted(actor, each), FULL);
        expect(permitted(actor, others.reduce(meet, first)) & ~least).toBe(NONE);
      }),
      { numRuns: 2000 },
    );
  });

  test("is itself where they are one or alike", () => {
    fc.assert(
      fc.property(anyPolicy, anyActor, anyMembership, (one, actor, isMember) => {
        expect(meet(one, one)).toBe(one);
        const expected = permitted(actor, one, PUBLIC_NAMESPACE, isMember);
        expect(permitted(actor, meet(one, { ...one }), PUBLIC_NAMESPACE, isMember)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  test("leaves the owner and their agents what both give, where neither has lists", () => {
    const unlisted = anyPolicy.map((one) => ({
      ...one,
      allowedActors: null,
      deniedActors: null,
      within: undefined,
    }));
    const owners = fc.constantFrom("alice", "bob", "a:b");
    fc.assert(
      fc.property(unlisted, unlisted, owners, (one, other, id) => {
        const mine = { ...one, owner: `user:${id.replace(":", "%3A")}`, boundSession: null };
        const theirs = { ...other, boundSession: null };
        for (const actor of [user(id), agent(id)])
          expect(permitted(actor, meet(mine, theirs))).toBe(
            permitted(actor, mine) & permitted(actor, theirs),
          );
      }),
      { numRuns: 5000 },
    );
  });

  test("is exact where nobody is named", () => {
    const unnamed = anyPolicy.map((one) => ({ ...one, owner: null, allowedActors: null }));
    fc.assert(
      fc.property(unnamed, unnamed, anyActor, (one, other, actor) => {
        const sessions = new Set([one.boundSession, other.boundSession, null]);
        if (sessions.size > 2) return;
        expect(permitted(actor, meet(one, other))).toBe(permitted(actor, one) & permitted(actor, other));
      }),
      { numRuns: 5000 },
    );
  });

  test("is a whole policy that nobody can change", () => {
    fc.assert(
      fc.property(anyGuarded, anyPolicy, (one, other) => {
        const met = meet(policyWithin(one), other);
        expect(malformedMember(met)).toBeUndefined();
        expect(Object.isFrozen(met)).toBe(true);
        expect(Object.keys(met)).not.toContain(undefined);
      }),
    );
  });
});

describe("of two owners", () => {
  const alices = ownedBy(user("alice"));
  const bobs = ownedBy(user("bob"));

  test("neither keeps what the other does not give them", () => {
    for (const actor of [user("alice"), user("bob"), agent("alice"), agent("bob"), someone, anybody])
      expect(permitted(actor, meet(alices, bobs))).toBe(NONE);
  });

  test("the first stays the owner, and the one there is where there is one", () => {
    expect(meet(alices, bobs).owner).toBe("user:alice");
    expect(meet(policies.public, alices)).toMatchObject({ owner: "user:alice", ownerPermissions: FULL });
    expect(meet(alices, policies.public)).toMatchObject({ owner: "user:alice", ownerPermissions: FULL });
    expect(meet(policies.public, { ...policies.public })).toMatchObject({ owner: null });
  });

  test("one who is worse off as an owner does not gain as anybody", () => {
    const worse = policy({ owner: "user:bob", ownerPermissions: NONE, ownerAgentPermissions: EXECUTE });
    const met = meet(policy({ owner: "user:alice" }), worse);
    expect(permitted(user("bob"), met)).toBe(NONE);
    expect(permitted(agent("bob"), met)).toBe(EXECUTE);
    expect(permitted(user("alice"), met)).toBe(FULL);
  });

  test("an owning agent is weighed as an agent", () => {
    const worse = policy({ owner: "agent:bob", ownerPermissions: NONE });
    const met = meet(policy({ owner: "user:alice" }), worse);
    expect(permitted(agent("bob"), met)).toBe(NONE);
    expect(met.userPermissions).toBe(FULL);
    const own = meet(policy({ owner: "agent:bob", ownerPermissions: FULL }), policies.public);
    expect(permitted(agent("bob"), own)).toBe(READ | EXECUTE);
    expect(permitted(agent("alice"), own)).toBe(READ | EXECUTE);
    expect(own.ownerAgentPermissions).toBeUndefined();
  });

  test("an owner of one policy who is nobody at all owns nothing of both", () => {
    for (const owner of ["user:", "system:x", "user:100%", "alice"])
      expect(meet(policy({ owner }), { ...policies.public })).toMatchObject({
        owner,
        ownerPermissions: NONE,
      });
  });

  test("the same owner keeps what both give to owners, and others what both give to others", () => {
    const one = policy({ owner: "user:alice", ownerPermissions: FULL, userPermissions: READ | WRITE });
    const other = policy({ owner: "user:alice", ownerPermissions: READ, userPermissions: READ | DELETE });
    expect(permitted(user("alice"), meet(one, other))).toBe(READ);
    expect(permitted(user("bob"), meet(one, other))).toBe(READ);
    const closed = policy({ owner: "user:alice", ownerPermissions: NONE });
    expect(permitted(user("bob"), meet(closed, { ...closed }))).toBe(FULL);
  });
});

describe("of lists", () => {
  const allowed = (one: readonly string[] | null, other: readonly string[] | null) =>
    meet(policy({ allowedActors: one }), policy({ allowedActors: other })).allowedActors;

  test.each<[readonly string[] | null, readonly string[] | null, readonly string[] | null]>([
    [null, null, null],
    [["user:alice"], null, ["user:alice"]],
    [["user:alice"], ["user:alice", "user:bob"], ["user:alice"]],
    [["user:*"], ["user:alice", "agent:bob"], ["user:alice"]],
    [["*"], ["user:a*", "agent:bob"], ["user:a*", "agent:bob"]],
    [["user:a*"], ["user:*e"], []],
    [["user:alice"], [], []],
    [["user:alice"], ["agent:alice"], []],
    [["user:*"], ["user:a%3Ab"], ["user:a%3Ab"]],
    [["user:*"], ["user:a:b"], []],
    [["user:a:b"], ["user:a:b"], ["user:a:b"]],
    [["user:a*"], ["user:*", "user:ab*"], ["user:a*", "user:ab*"]],
  ])("allowed by %j and by %j: %j", (one, other, both) => {
    expect(allowed(one, other)).toEqual(both);
    expect(new Set(allowed(other, one))).toEqual(new Set(both));
  });

  test("denied by either is denied", () => {
    const [one, other] = [
      policy({ deniedActors: ["user:a"] }),
      policy({ deniedActors: ["user:b", "user:a"] }),
    ];
    expect(meet(one, other).deniedActors).toEqual(["user:a", "user:b"]);
    expect(meet(one, { ...policies.public }).deniedActors).toEqual(["user:a"]);
    expect(meet({ ...policies.public }, one).deniedActors).toEqual(["user:a"]);
  });
});

describe("of sessions", () => {
  const bound = (session: string | null) => policy({ boundSession: session });

  test("one or the same stays bound, two are nobody's", () => {
    expect(meet(bound("s1"), bound("s1"))).toMatchObject({ boundSession: "s1", deniedActors: null });
    expect(meet(bound("s1"), bound(null))).toMatchObject({ boundSession: "s1", deniedActors: null });
    expect(meet(bound(null), bound("s1"))).toMatchObject({ boundSession: "s1", deniedActors: null });
    expect(meet(bound("s1"), bound("s2")).deniedActors).toEqual(["*"]);
    for (const sessionId of ["s1", "s2"])
      expect(permitted({ type: "user", id: "x", sessionId }, meet(bound("s1"), bound("s2")))).toBe(NONE);
  });
});

describe("of namespaces", () => {
  test("every one that asks for something must admit the actor", () => {
    const one = policyWithin({ namespace: "user:alice:notes", policy: policies.public });
    const other = policyWithin({ namespace: "org:acme:user:alice:x", policy: policies.public });
    expect(one.within).toEqual(["user:alice"]);
    expect(meet(one, other).within).toEqual(["user:alice", "org:acme:user:alice"]);
    expect(meet(one, { ...policies.public }).within).toEqual(["user:alice"]);
    const isMember = () => true;
    expect(permitted(user("alice"), meet(one, other), PUBLIC_NAMESPACE, isMember)).toBe(FULL);
    expect(permitted(user("alice"), meet(one, other))).toBe(NONE);
    expect(permitted(user("bob"), meet(one, other), PUBLIC_NAMESPACE, isMember)).toBe(NONE);
  });

  test("one that asks for nothing adds nothing", () => {
    expect(policyWithin({ namespace: "public", policy: policies.public })).toBe(policies.public);
    expect(policyWithin({ namespace: "custom", policy: policies.public })).toBe(policies.public);
    expect("within" in meet(policy({}), policy({}))).toBe(false);
  });

  test("one is added to those that were there", () => {
    const before = policy({ within: ["org:acme"] });
    expect(policyWithin({ namespace: "session:s1", policy: before }).within).toEqual([
      "org:acme",
      "session:s1",
    ]);
  });
});

test("the shape is shown where both policies say so", () => {
  const [shown, hidden] = [policy({ showShape: true }), policy({ showShape: false })];
  expect(meet(shown, { ...shown }).showShape).toBe(true);
  for (const other of [hidden, policy({})]) {
    expect(meet(shown, other).showShape).toBeUndefined();
    expect(meet(other, shown).showShape).toBeUndefined();
  }
});
