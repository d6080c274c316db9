import { describe, expect, test } from "vitest";
import { type Actor, ANONYMOUS_AGENT, checkActor, isId, SYSTEM } from "../../src/access/actor.js";
import { ConfigurationError } from "../../src/errors.js";

const alice = { type: "user", id: "alice", sessionId: "s1", claims: { org_id: "acme" } } as const;

describe("an actor", () => {
  test.each<Actor>([
    { type: "user", id: "alice" },
    { type: "agent", id: "alice", sessionId: "s1" },
    { type: "system" },
    { type: "user" },
    { type: "agent", sessionId: "s1" },
    { type: "agent", id: "x".repeat(256), claims: {} },
    alice,
  ])("%j is taken as it is", (actor) => {
    expect(checkActor(actor, "actor")).toEqual(actor);
  });

  test("is a frozen copy, which nobody changes who holds what was given", () => {
    const given = { type: "user", id: "alice", claims: { org_id: "acme" } };
    const actor = checkActor(given, "actor");
    given.id = "bob";
    given.claims.org_id = "other";
    expect(actor).toEqual({ type: "user", id: "alice", claims: { org_id: "acme" } });
    expect(Object.isFrozen(actor) && Object.isFrozen(actor.claims)).toBe(true);
  });

  test("that was checked is not copied again", () => {
    const actor = checkActor(alice, "actor");
    expect(checkActor(actor, "actor")).toBe(actor);
    expect(checkActor(SYSTEM, "actor")).toBe(SYSTEM);
    expect(checkActor(ANONYMOUS_AGENT, "actor")).toBe(ANONYMOUS_AGENT);
  });

  test("has no members but those that were checked", () => {
    const given = { ...alice, admin: true, permissions: 31 };
    expect(Object.keys(checkActor(given, "actor"))).toEqual(["type", "id", "sessionId", "claims"]);
    expect(Object.keys(checkActor({ type: "user" }, "actor"))).toEqual(["type"]);
  });
});

const malformed: readonly unknown[] = [
  undefined,
  null,
  "system",
  "user:alice",
  {},
  [],
  { id: "alice" },
  { type: "admin", id: "alice" },
  { type: "SYSTEM" },
  { type: ["system"] },
  { type: "user", id: "" },
  { type: "user", id: " \t" },
  { type: "user", id: null },
  { type: "user", id: 7 },
  { type: "user", id: ["alice"] },
  { type: "user", id: "x".repeat(257) },
  { type: "user", id: "a\u0000" },
  { type: "user", id: "a\u007f" },
  { type: "user", id: "a\n" },
  { type: "user", id: "a\ud800" },
  { type: "user", id: "\udc00a" },
  { type: "user", sessionId: "" },
  { type: "user", sessionId: 1 },
  { type: "system", id: "" },
  { type: "user", claims: null },
  { type: "user", claims: "acme" },
  { type: "user", claims: { org_id: "" } },
  { type: "user", claims: { org_id: 7 } },
  { type: "user", claims: { org_id: "acme", team: undefined } },
];

test.each(malformed.map((candidate) => [candidate]))(
  "%j is no actor, and the error says where from",
  (candidate) => {
    expect(() => checkActor(candidate, "options.actor")).toThrow(ConfigurationError);
    expect(() => checkActor(candidate, "options.actor")).toThrow(
      'options.actor: must be { type: "user" | "agent" | "system", id?, sessionId?, claims? }, with texts of 1 to 256 characters',
    );
  },
);

test("the error does not quote who it was", () => {
  expect(() => checkActor({ type: "user", id: "canary\u0000" }, "actor")).toThrow(/^(?!.*canary)/s);
});

test("the server itself and a model whom nobody verified are actors without an id, which nobody changes", () => {
  expect(SYSTEM).toEqual({ type: "system" });
  expect(ANONYMOUS_AGENT).toEqual({ type: "agent" });
  expect(Object.isFrozen(SYSTEM) && Object.isFrozen(ANONYMOUS_AGENT)).toBe(true);
});

test("an id is a text of 1 to 256 characters, not blank, without control characters", () => {
  expect(["a", "a b", "日本", "🙂", "x".repeat(256)].every(isId)).toBe(true);
  expect(["", " ", "\u00a0", "x".repeat(257), "\u0085", "\ud83d", 1, null, undefined].some(isId)).toBe(false);
});
