import fc from "fast-check";
import { expect, test } from "vitest";
import { type CallIdentity, keyName, memoName } from "../src/memo.js";

const identity: CallIdentity = {
  cacheName: "a",
  namespace: "n",
  tool: "t",
  principal: "agent:x",
  policy: "",
  args: [],
  missing: [],
};
const nameOf = (args: unknown) => memoName({ ...identity, args });

test("arguments that JSON confuses have names of their own", () => {
  const confusing: unknown[] = [
    null,
    undefined,
    "null",
    0,
    -0,
    "0",
    0n,
    Number.NaN,
    "NaN",
    Number.POSITIVE_INFINITY,
    true,
    "true",
    [],
    {},
    [undefined],
    [null],
    [[]],
    { a: null },
    { a: 1 },
    [["a", 1]],
    "[]",
    new Date(0),
    new Date(0).toISOString(),
    0.1,
    "0.1",
    1e21,
    10n ** 21n,
  ];
  const names = confusing.map(nameOf);
  expect(names).not.toContain(undefined);
  expect(new Set(names).size).toBe(confusing.length);
});

test("what cannot be told apart has none", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const args of [
    new Map(),
    new Set(),
    Buffer.from("a"),
    () => 1,
    Symbol("s"),
    new (class A {})(),
    [new Map()],
    cycle,
  ]) {
    expect(nameOf(args)).toBeUndefined();
  }
});

test("the order of members and absent ones make no difference", () => {
  expect(nameOf({ a: 1, b: { c: 2, d: undefined } })).toBe(nameOf({ b: { c: 2 }, a: 1 }));
});

test("every part of the identity counts, and parts cannot run into each other", () => {
  const parts = ["cacheName", "namespace", "tool", "principal"] as const;
  const names = parts.map((part) => memoName({ ...identity, [part]: "other" }));
  expect(new Set([memoName(identity), ...names]).size).toBe(parts.length + 1);
  expect(memoName({ ...identity, namespace: 'n","t', tool: "t" })).not.toBe(
    memoName({ ...identity, namespace: "n", tool: 't","t' }),
  );
  expect(keyName("a", "b:c")).not.toBe(keyName("a:b", "c"));
});

test("names are equal only for equal arguments", () => {
  const args = fc.jsonValue({ maxDepth: 3 });
  fc.assert(
    fc.property(args, args, (a, b) => {
      const same = JSON.stringify(a) === JSON.stringify(b) && !/-0/.test(`${JSON.stringify(a)}`);
      if (same) expect(Object.is(a, b) || nameOf(a) === nameOf(structuredClone(a))).toBe(true);
      else if (nameOf(a) === nameOf(b)) expect(a).toEqual(b);
    }),
  );
});
