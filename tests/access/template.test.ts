import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { encodeId } from "../../src/access/actor-text.js";
import { checkNamespace, scopesOf, scopeText } from "../../src/access/namespace.js";
import { checkNamespaceTemplate, fillTemplate, isTemplate } from "../../src/access/template.js";
import { ConfigurationError } from "../../src/errors.js";
import { RefCache, runAs, SYSTEM } from "../../src/index.js";
import { anyId } from "../helpers/arbitraries.js";

const alice: Actor = {
  type: "agent",
  id: "alice",
  sessionId: "s1",
  claims: { org_id: "acme", user_id: "bob", session_id: "s2", agent_id: "bob" },
};
const fill = (template: string, actor: Actor = alice) => fillTemplate(template, actor, "namespace");

describe("places are filled", () => {
  test.each([
    ["user:{user_id}", "user:alice"],
    ["agent:{agent_id}:scratch", "agent:alice:scratch"],
    ["session:{session_id}", "session:s1"],
    ["org:{org_id}:user:{user_id}", "org:acme:user:alice"],
    ["{org_id}-{org_id}", "acme-acme"],
    ["plain", "plain"],
  ])("%s: %s", (template, filled) => {
    expect(fill(template)).toBe(filled);
  });

  test("with who it is, whatever a claim of the same name says", () => {
    const claims = { user_id: "bob", agent_id: "bob", session_id: "s2" };
    for (const place of ["{user_id}", "{agent_id}", "{session_id}"])
      expect(() => fill(place, { type: "user", claims })).toThrow(ConfigurationError);
  });

  test("and a value adds no part, whatever it is", () => {
    fc.assert(
      fc.property(anyId, anyId, (org, id) => {
        const filled = fill("org:{org_id}:user:{user_id}", { type: "user", id, claims: { org_id: org } });
        expect(scopesOf(checkNamespace(filled)).map(scopeText)).toEqual([
          `org:${encodeId(org)}`,
          `user:${encodeId(id)}`,
        ]);
      }),
    );
  });
});

test.each<[string, Actor]>([
  ["user:{user_id}", { type: "agent" }],
  ["agent:{agent_id}", { type: "agent", sessionId: "s1" }],
  ["session:{session_id}", { type: "user", id: "alice" }],
  ["org:{org_id}", { type: "user", id: "alice" }],
  ["org:{org_id}", { type: "user", id: "alice", claims: { other: "acme" } }],
  ["{constructor}", alice],
  ["{__proto__}", alice],
  ["{to_string}", alice],
  ["org:{org_id}", { type: "user", claims: { org_id: " " } }],
  ["user:{user_id}", SYSTEM],
])("%s for %j is an error that names the place, never a default", (template, actor) => {
  const place = /\{.*\}/.exec(template)?.[0] ?? "";
  if (place === "{__proto__}") return expect(fill(place, actor)).toBe(place); // no place at all
  expect(() => fill(template, actor)).toThrow(ConfigurationError);
  expect(() => fill(template, actor)).toThrow(
    `namespace: needs ${place}, which the verified caller does not have`,
  );
});

test("what is no template", () => {
  expect(isTemplate("user:{user_id}")).toBe(true);
  expect(isTemplate("{")).toBe(true);
  expect(isTemplate("user:alice")).toBe(false);
});

describe("a namespace for tools", () => {
  test.each(["public", "custom", "user:{user_id}", "org:{org_id}:user:{user_id}:notes", "{org_id}"])(
    "may be %s",
    (template) => {
      expect(() => checkNamespaceTemplate(template)).not.toThrow();
    },
  );

  test.each([
    "user:{}",
    "user:{User}",
    "user:{user-id}",
    "user:{user_id",
    "user:user_id}",
    "User:{user_id}",
    "public:{user_id}",
    "user:{__proto__}",
    "session:{session_id}:x",
    "",
    7,
    undefined,
  ])("may not be %j", (template) => {
    expect(() => checkNamespaceTemplate(template, "cached")).toThrow(/^cached: /);
    expect(() => checkNamespaceTemplate(template)).toThrow(/^namespace: /);
  });
});

describe("in a cached function", () => {
  const cache = new RefCache({ name: "test", members: () => true });
  const namespaceOf = async (refId: string | null) => {
    for await (const found of cache.list({ actor: SYSTEM }))
      if (found.refId === refId) return found.namespace;
    return undefined;
  };

  test("each caller's results go to the namespace that is theirs", async () => {
    const note = cache.cached("org:{org_id}:user:{user_id}")(async () => "note");
    const { ref_id } = await runAs(alice, () => note());
    expect(await namespaceOf(ref_id)).toBe("org:acme:user:alice");
  });

  test("a value that would make another grammar of it is refused", async () => {
    const actor = (part: string): Actor => ({ type: "user", id: "alice", claims: { part } });
    const note = cache.cached("{part}:notes")(async () => "note");
    for (const part of ["public", "Public", "Org"])
      await expect(runAs(actor(part), () => note())).rejects.toMatchObject({ option: "namespace" });
    const { ref_id } = await runAs(actor("user:bob"), () => note());
    expect(await namespaceOf(ref_id)).toBe("user%3Abob:notes");
  });

  test("owner and session are the verified ones, or an error", async () => {
    const owned = cache.cached("n", { owner: "user:{lead}", sessionScoped: true })(async () =>
      "x".repeat(9000),
    );
    const lead: Actor = { type: "user", id: "bob:1", sessionId: "s1" };
    const { ref_id } = await runAs({ ...alice, claims: { lead: "bob:1" } }, () => owned());
    expect(await cache.exists(ref_id ?? "", { actor: lead })).toBe(true);
    expect(await cache.exists(ref_id ?? "", { actor: { ...lead, sessionId: "s2" } })).toBe(false);
    expect(await cache.exists(ref_id ?? "", { actor: { type: "user", id: "bob:1" } })).toBe(false);
    expect(await cache.exists(ref_id ?? "", { actor: alice })).toBe(false);
    await expect(runAs(alice, () => owned())).rejects.toMatchObject({ option: "owner" });
    const { sessionId: _, ...sessionless } = alice;
    await expect(runAs({ ...sessionless, claims: { lead: "x" } }, () => owned())).rejects.toMatchObject({
      option: "sessionScoped",
    });
  });
});
