import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalText } from "../../src/memo.js";
import { argsFromWire, argsToWire } from "../../src/tasks/args-wire.js";

const DEPTH = 20;

describe("the argument of a call, for another process", () => {
  test("is the same there, whatever plain data it is; else it is not given away", () => {
    const anything = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSparseArray: true });
    fc.assert(
      fc.property(fc.oneof(anything, fc.jsonValue({ maxDepth: 6 })), (args) => {
        const json = argsToWire(args, DEPTH);
        if (json === undefined) return;
        expect(canonicalText(argsFromWire(json))).toBe(canonicalText(args));
      }),
    );
  });

  test("exact numbers and references arrive as they are", () => {
    const args = { n: 2n ** 70n, x: 1e21, ref: `test:${"a".repeat(32)}`, list: [null, "", { "": 0 }] };
    expect(argsFromWire(argsToWire(args, DEPTH) ?? "")).toEqual(args);
    expect(argsFromWire(argsToWire(undefined, DEPTH) ?? "x")).toBeUndefined();
  });

  test.each([
    ["a date", { at: new Date(0) }],
    ["an instance", { of: new (class Thing {})() }],
    ["a function", { call: () => {} }],
    ["what nests too deep", Array.from({ length: DEPTH + 2 }).reduce<unknown>((inner) => [inner], 0)],
    ["what is too large", { text: "x".repeat(262_144) }],
    ["a symbol", Symbol("s")],
  ])("%s stays here", (_, args) => {
    expect(argsToWire(args, DEPTH)).toBeUndefined();
  });

  test("as much as may lie in a record goes", () => {
    expect(argsToWire("x".repeat(262_142), DEPTH)).toHaveLength(262_144);
  });
});
