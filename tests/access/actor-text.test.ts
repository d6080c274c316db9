import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import {
  actorNamed,
  actorText,
  decodeId,
  encodeId,
  isEncoded,
  isOwner,
  listsActor,
  matches,
  mayListActor,
  namesId,
} from "../../src/access/actor-text.js";
import { admits, checkNamespace, scopesOf } from "../../src/access/namespace.js";
import { anyId, TRICKY_IDS } from "../helpers/arbitraries.js";

const user = (id: string): Actor => ({ type: "user", id });
const agent = (id: string): Actor => ({ type: "agent", id });

describe("an id, encoded,", () => {
  test.each([
    ["alice", "alice"],
    ["a-b_c.d~e!f@g.h", "a-b_c.d~e!f@g.h"],
    ["a:b", "a%3Ab"],
    ["a*b", "a%2Ab"],
    ["a%3Ab", "a%253Ab"],
    ["a b", "a%20b"],
    ["a?b", "a%3Fb"],
    ["[a]{b}\\", "%5Ba%5D%7Bb%7D%5C"],
    ['"', "%22"],
    ["é", "%C3%A9"],
    ["🙂", "%F0%9F%99%82"],
    ["\u0001", "%01"],
  ])("%s is %s, and back", (id, encoded) => {
    expect(encodeId(id)).toBe(encoded);
    expect(decodeId(encoded)).toBe(id);
  });

  test("is back what it was, whatever it was", () => {
    fc.assert(fc.property(anyId, (id) => decodeId(encodeId(id)) === id && isEncoded(encodeId(id))));
  });

  test("is one of its own: no two ids have one text", () => {
    const texts = TRICKY_IDS.map(encodeId);
    expect(new Set(texts).size).toBe(TRICKY_IDS.length);
    fc.assert(fc.property(anyId, anyId, (a, b) => (encodeId(a) === encodeId(b)) === (a === b)));
  });

  test("has no character that means something in a pattern, a namespace or a template", () => {
    fc.assert(fc.property(anyId, (id) => /^[^:*{}[\]\\\s?]+$/.test(encodeId(id))));
  });

  test("is nobody's where it holds half a character, which stores would replace", () => {
    for (const half of ["\ud800", "a\udfff", "\udc00\ud800"]) {
      expect(encodeId(half)).toMatch(/^[\x21-\x7e]+$/);
      expect(encodeId(half)).not.toBe(encodeId(half.replace(/[\ud800-\udfff]/g, "\ufffd")));
      expect(decodeId(encodeId(half))).toBe("");
    }
    expect(encodeId("\ud800")).not.toBe(encodeId("\ud801"));
  });

  test.each(["%", "%4", "%zz", "%ED%A0%80", "%C3", "a%"])("is never %s, which decodes to nothing", (text) => {
    expect(decodeId(text)).toBe("");
  });
});

describe("no id poses as another:", () => {
  /** Every text that a server may make of an id, encoded as it should be. */
  const textsOf = (id: string) => ({
    owner: `user:${encodeId(id)}`,
    namespaces: [`user:${encodeId(id)}`, `user:${encodeId(id)}:notes`, `agent:${encodeId(id)}`],
    session: `session:${encodeId(id)}`,
  });

  test("what is made of one never fits the other", () => {
    const ids = fc.tuple(anyId, anyId).filter(([a, b]) => a !== b);
    fc.assert(
      fc.property(ids, ([a, b]) => {
        const { owner, namespaces, session } = textsOf(a);
        expect(actorText(user(a))).not.toBe(actorText(user(b)));
        expect(isOwner(owner, user(b))).toBe(false);
        expect(listsActor([owner], user(b))).toBe(false);
        for (const namespace of namespaces) {
          const [scope] = scopesOf(checkNamespace(namespace));
          expect(scope && admits(scope, user(b))).toBe(false);
          expect(scope && admits(scope, agent(b))).toBe(false);
        }
        const [scope] = scopesOf(checkNamespace(session));
        expect(scope && admits(scope, { type: "agent", sessionId: b })).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  test("what is made of one fits it", () => {
    fc.assert(
      fc.property(anyId, (id) => {
        const { owner, namespaces, session } = textsOf(id);
        expect(isOwner(owner, user(id)) && listsActor([owner], user(id))).toBe(true);
        for (const namespace of namespaces) {
          const [scope] = scopesOf(checkNamespace(namespace));
          expect(scope && admits(scope, agent(id))).toBe(true);
          expect(scope && admits(scope, user(id))).toBe(namespace.startsWith("user:"));
        }
        const [scope] = scopesOf(session);
        expect(scope && admits(scope, { type: "agent", sessionId: id })).toBe(true);
        expect(scope && admits(scope, agent(id))).toBe(false);
      }),
    );
  });

  test("nor as it is, the way other writers have it, unless it reads as an encoding", () => {
    const ids = fc.tuple(anyId, anyId).filter(([a, b]) => a !== b && !a.includes("*"));
    fc.assert(
      fc.property(ids, ([a, b]) => {
        const readsAs = encodeId(b) === a;
        expect(isOwner(`user:${a}`, user(b))).toBe(readsAs);
        expect(namesId(a, b)).toBe(readsAs);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("an actor's text", () => {
  test("is its type and its id", () => {
    expect(actorText(user("alice"))).toBe("user:alice");
    expect(actorText(agent("a:b"))).toBe("agent:a%3Ab");
    expect(actorText({ type: "system" })).toBe("system:");
    expect(actorText({ type: "agent", sessionId: "s1" })).toBe("agent:");
  });

  test("of other writers is read as it is, if it cannot be an encoding", () => {
    expect(namesId("a:b", "a:b")).toBe(true);
    expect(namesId("a b", "a b")).toBe(true);
    expect(namesId("é", "é")).toBe(true);
    expect(namesId("a%3Ab", "a%3Ab")).toBe(false);
    expect(namesId("a%3Ab", "a:b")).toBe(true);
    expect(namesId("100%", "100%")).toBe(false);
    expect(namesId("100%25", "100%")).toBe(true);
    expect(namesId("Alice", "alice")).toBe(false);
  });

  test("is told from what no encoding can be", () => {
    expect(["alice", "a%3Ab", "%", ""].every(isEncoded)).toBe(true);
    expect(["a:b", "a*", "a b", "é", "{x}"].some(isEncoded)).toBe(false);
  });

  test("names its actor, encoded or as it is", () => {
    fc.assert(fc.property(anyId, (id) => actorNamed(`user:${encodeId(id)}`)?.id === id));
    expect(actorNamed("user:alice")).toEqual(user("alice"));
    expect(actorNamed("agent:a%3Ab")).toEqual(agent("a:b"));
    expect(actorNamed("agent:a:b")).toEqual(agent("a:b"));
    expect(actorNamed("user:é\n")).toEqual(user("é\n"));
  });

  test.each([
    "",
    "user",
    "user:",
    "agent:",
    "system:x",
    "admin:x",
    "User:x",
    " user:x",
    "user:100%",
    "user:%61",
  ])("%j names nobody", (text) => {
    expect(actorNamed(text)).toBeUndefined();
  });

  test("names whom it makes the owner", () => {
    const texts = fc.tuple(fc.constantFrom("user:", "agent:"), fc.oneof(anyId, anyId.map(encodeId)));
    fc.assert(
      fc.property(texts, anyId, ([type, id], other) => {
        const named = actorNamed(type + id);
        for (const actor of [user(other), agent(other), ...(named ? [named] : [])])
          expect(isOwner(type + id, actor)).toBe(named?.type === actor.type && named.id === actor.id);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("an owner", () => {
  test("is of one type, and has an id", () => {
    expect(isOwner("user:alice", user("alice"))).toBe(true);
    expect(isOwner("user:alice", agent("alice"))).toBe(false);
    expect(isOwner("agent:alice", user("alice"))).toBe(false);
    expect(isOwner("alice", user("alice"))).toBe(false);
    expect(isOwner("userXalice", user("alice"))).toBe(false);
    expect(isOwner("user:", { type: "user" })).toBe(false);
    expect(isOwner("user:undefined", { type: "user" })).toBe(false);
  });

  test("is no pattern", () => {
    expect(isOwner("user:*", user("alice"))).toBe(false);
    expect(isOwner("user:*", user("*"))).toBe(true);
  });
});

describe("a list of actors", () => {
  test("holds texts and patterns, of which one is enough", () => {
    expect(listsActor(["agent:x", "user:alice"], user("alice"))).toBe(true);
    expect(listsActor(["agent:*", "user:b*"], user("alice"))).toBe(false);
    expect(listsActor([], user("alice"))).toBe(false);
    expect(listsActor(["user:é"], user("é"))).toBe(true);
    expect(listsActor(["user:a:b"], user("a:b"))).toBe(true);
    expect(listsActor(["agent:a:b"], user("a:b"))).toBe(false);
  });

  test("names the anonymous by their type only", () => {
    expect(listsActor(["agent:*"], { type: "agent" })).toBe(true);
    expect(listsActor(["agent:"], { type: "agent" })).toBe(true);
    expect(listsActor(["agent:"], agent("x"))).toBe(false);
    expect(listsActor(["user:*"], { type: "agent" })).toBe(false);
  });

  test("lets a star in an id stand for itself only", () => {
    expect(listsActor([actorText(user("*"))], user("alice"))).toBe(false);
    expect(listsActor([actorText(user("a*"))], user("alice"))).toBe(false);
  });

  test("denies on the safe side: also by what an id looks like as it is", () => {
    expect(mayListActor(["user:a:*"], user("a:b"))).toBe(true);
    expect(listsActor(["user:a:*"], user("a:b"))).toBe(false);
    expect(mayListActor(["user:*é"], user("caf é"))).toBe(true);
    expect(mayListActor(["user:alice"], user("alice"))).toBe(true);
    expect(mayListActor(["user:a:b"], user("a:b"))).toBe(true);
    expect(mayListActor(["agent:"], { type: "agent" })).toBe(true);
    expect(mayListActor(["user:b*", "agent:*"], user("alice"))).toBe(false);
    expect(mayListActor([], user("alice"))).toBe(false);
  });
});

test("a star matches any run of characters, and nothing else is special", () => {
  const slow = (pattern: string, text: string): boolean => {
    if (pattern === "") return text === "";
    if (pattern[0] !== "*")
      return pattern[0] === text[0] && text !== "" && slow(pattern.slice(1), text.slice(1));
    return slow(pattern.slice(1), text) || (text !== "" && slow(pattern, text.slice(1)));
  };
  const letters = (...units: string[]) => fc.string({ unit: fc.constantFrom(...units), maxLength: 7 });
  fc.assert(
    fc.property(letters("a", "b", "*", "."), letters("a", "b", "."), (pattern, text) => {
      expect(matches(pattern, text)).toBe(slow(pattern, text));
    }),
    { numRuns: 3000 },
  );
});
