import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { encodeId } from "../../src/access/actor-text.js";
import { decide } from "../../src/access/checker.js";
import {
  checkNamespace,
  groupOf,
  pickForNamespace,
  scopesOf,
  scopeText,
} from "../../src/access/namespace.js";
import { Permission } from "../../src/access/permission.js";
import { DEFAULT_POLICY } from "../../src/access/policy.js";
import { anyId } from "../helpers/arbitraries.js";

describe("may be stored under:", () => {
  test.each([
    "public",
    "a b",
    "日本",
    "*",
    "x".repeat(8000),
    "users",
    "users:alice",
    "publicity",
    "user_alice",
    "my:user:alice",
    "user:alice",
    "user:alice:notes",
    "user:alice:notes:2024",
    "user:a%3Ab",
    "agent:claude-1",
    "agent:claude-1:scratch",
    "session:s1",
    "org:acme",
    "org:acme:reports",
    "org:acme:user:alice",
    "org:acme:user:alice:notes",
    "org:acme:shared:team:session:s1",
    "shared:team",
    "user:alice@example.org",
  ])("%j", (namespace) => {
    expect(checkNamespace(namespace)).toBe(namespace);
  });
});

describe("may not be stored under:", () => {
  test.each([
    ["", "1 to 8000 characters"],
    ["x".repeat(8001), "1 to 8000 characters"],
    ["a\nb", "1 to 8000 characters"],
    ["\u0000", "1 to 8000 characters"],
    ["\u007f", "1 to 8000 characters"],
    ["a\ufffd", "1 to 8000 characters"],
    ["a\ud800", "1 to 8000 characters"],
    [null, "1 to 8000 characters"],
    [undefined, "1 to 8000 characters"],
    [7, "1 to 8000 characters"],
    ["user:{user_id}", "stand for values"],
    ["a}", "stand for values"],
    ["User:alice", "looks like user:"],
    ["USER", "looks like user:"],
    ["user :alice", "looks like user:"],
    ["\u200buser:alice", "looks like user:"],
    ["us\u0301er:alice", "looks like user:"],
    ["ｕｓｅｒ:alice", "looks like user:"],
    ["Session:s1", "looks like session:"],
    ["AGENT:x", "looks like agent:"],
    ["Org:acme", "looks like org:"],
    ["Shared:team", "looks like shared:"],
    ["Public", "looks like public"],
    ["public:x", "looks like public"],
    ["public ", "looks like public"],
    ["public:", "looks like public"],
    ["user", "needs an id"],
    ["user:", "needs an id"],
    ["user::notes", "needs an id"],
    ["user:a b", "needs an id"],
    ["user:*", "needs an id"],
    ["user:é", "needs an id"],
    ["user:%61", "needs an id"],
    ["user:%3a", "needs an id"],
    ["user:100%", "needs an id"],
    ["user:%20", "needs an id"],
    ["user:%00", "needs an id"],
    [`user:${"x".repeat(257)}`, "needs an id"],
    ["session", "needs an id"],
    ["org:", "needs an id"],
    ["org:acme:user", "needs an id"],
    ["org:acme:user:", "needs an id"],
    ["org:acme:user:*", "needs an id"],
    ["session:s1:notes", "nothing behind a session's"],
    ["session:s1:user:alice", "nothing behind a session's"],
    ["session:s1:", "nothing behind a session's"],
    ["org:acme:session:s1:notes", "nothing behind a session's"],
  ])("%j", (namespace, problem) => {
    expect(() => checkNamespace(namespace, "cached namespace")).toThrow(`cached namespace: `);
    expect(() => checkNamespace(namespace)).toThrow(/^namespace: /);
    expect(() => checkNamespace(namespace)).toThrow(problem);
  });

  test("what stands for an id that it is not", () => {
    fc.assert(
      fc.property(anyId, (id) => {
        expect(checkNamespace(`user:${encodeId(id)}`)).toBe(`user:${encodeId(id)}`);
        if (encodeId(id) !== id && !/[:%]/.test(id)) expect(() => checkNamespace(`user:${id}`)).toThrow();
      }),
    );
  });
});

describe("makes the conditions", () => {
  test.each([
    ["public", []],
    ["custom:user:alice", []],
    ["users:alice", []],
    ["", []],
    ["user:alice", ["user:alice"]],
    ["user:alice:notes", ["user:alice"]],
    ["user:alice:notes:org:acme", ["user:alice"]],
    ["org:acme:user:alice:notes", ["org:acme", "user:alice"]],
    ["org:acme:shared:team:session:s1", ["org:acme", "shared:team", "session:s1"]],
    ["user", ["user:"]],
    ["user:", ["user:"]],
    ["org:acme:user", ["org:acme", "user:"]],
    ["session:a:b", ["session:a:b"]],
  ])("%s: %j", (namespace, scopes) => {
    expect(scopesOf(namespace).map(scopeText)).toEqual(scopes);
    expect(scopesOf(scopesOf(namespace).map(scopeText).join(":"))).toEqual(scopesOf(namespace));
  });

  test("of groups under their own ids", () => {
    const groups = (namespace: string) => scopesOf(namespace).map(groupOf);
    expect(groups("org:a%3Ab:shared:team:user:x")).toEqual([
      { kind: "org", id: "a:b" },
      { kind: "shared", id: "team" },
      undefined,
    ]);
    expect(groups("session:s1")).toEqual([undefined]);
    expect(groups("agent:x")).toEqual([undefined]);
  });
});

describe("admits", () => {
  const alice: Actor = { type: "user", id: "alice", sessionId: "s1" };
  const herAgent: Actor = { type: "agent", id: "alice", sessionId: "s2" };
  const bob: Actor = { type: "user", id: "bob", sessionId: "s1" };
  const someone: Actor = { type: "user", sessionId: "s1" };
  const all = { alice, herAgent, bob, someone, anyone: { type: "agent" } satisfies Actor };
  const admitted = (namespace: string, members: readonly string[] = []) =>
    Object.entries(all)
      .filter(
        ([name, actor]) =>
          decide(actor, Permission.READ, { namespace, policy: DEFAULT_POLICY }, () => members.includes(name))
            .permitted,
      )
      .map(([name]) => name);

  test.each<[string, readonly string[]]>([
    ["public", ["alice", "herAgent", "bob", "someone", "anyone"]],
    ["custom", ["alice", "herAgent", "bob", "someone", "anyone"]],
    ["user:alice", ["alice", "herAgent"]],
    ["user:alice:notes", ["alice", "herAgent"]],
    ["user:alic", []],
    ["user:Alice", []],
    ["user:*", []],
    ["user:", []],
    ["user", []],
    ["agent:alice", ["herAgent"]],
    ["agent:alice:notes", ["herAgent"]],
    ["agent:", []],
    ["session:s1", ["alice", "bob", "someone"]],
    ["session:s1:x", []],
    ["session:", []],
    ["session", []],
    ["user:alice:session:s1", ["alice"]],
    ["user:alice:user:bob", []],
    ["org:acme", []],
    ["shared:team", []],
  ])("%s: %j", (namespace, names) => {
    expect(admitted(namespace)).toEqual(names);
  });

  test("members of a group, and of it those whom the rest admits", () => {
    expect(admitted("org:acme", ["alice", "bob"])).toEqual(["alice", "bob"]);
    expect(admitted("org:acme:user:alice", ["alice", "bob"])).toEqual(["alice"]);
    expect(admitted("org:acme:user:bob", ["alice"])).toEqual([]);
    expect(admitted("user:alice", ["bob"])).toEqual(["alice", "herAgent"]);
  });
});

test("the exact name first, then the longest prefix", () => {
  const configured = new Map([
    ["user:*", "any user"],
    ["user:vip:*", "any vip"],
    ["user:vip:1", "this vip"],
  ]);
  const pick = (namespace: string) => pickForNamespace(configured, namespace);
  expect(pick("user:vip:1")).toBe("this vip");
  expect(pick("user:vip:2")).toBe("any vip");
  expect(pick("user:vip:1:x")).toBe("any vip");
  expect(pick("user:vip")).toBe("any user");
  expect(pick("user:")).toBe("any user");
  expect(pick("user")).toBeUndefined();
  expect(pick("users:1")).toBeUndefined();
  expect(pick(":user")).toBeUndefined();
});
