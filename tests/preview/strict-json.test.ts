import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { strictJson } from "../../src/preview/strict-json.js";
import { anyValue } from "./arbitraries.js";

describe("strictJson", () => {
  test.each<[string, unknown, unknown]>([
    ["a safe bigint", 5n, 5],
    ["a large bigint", 9007199254740993n, "9007199254740993"],
    ["a large negative bigint", -9007199254740993n, "-9007199254740993"],
    ["a bigint that a number could hold, for one type in a list of them", 2n ** 60n, "1152921504606846976"],
    ["NaN", Number.NaN, "NaN"],
    ["Infinity", Number.POSITIVE_INFINITY, "Infinity"],
    ["-Infinity", Number.NEGATIVE_INFINITY, "-Infinity"],
    ["minus zero", -0, 0],
    ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
    ["an absent member", { a: undefined, b: 1 }, { b: 1 }],
    ["nested", { a: [1n, { d: new Date(0) }] }, { a: [1, { d: "1970-01-01T00:00:00.000Z" }] }],
  ])("turns %s into what JSON can hold", (_, value, expected) => {
    expect(strictJson(value)).toStrictEqual(expected);
  });

  test("returns the same object when there is nothing to change", () => {
    const value = { a: [1, "x", null, true, { b: [] }], c: Object.create(null) };
    expect(strictJson(value)).toBe(value);
  });

  test("leaves a number a number, however large", () => {
    expect(strictJson([2 ** 60, 1e21])).toStrictEqual([2 ** 60, 1e21]);
  });

  test("does not change the value given", () => {
    const value = { a: [1n], b: undefined };
    strictJson(value);
    expect(value).toStrictEqual({ a: [1n], b: undefined });
  });

  test("keeps an own __proto__ an own member", () => {
    const value = JSON.parse('{"__proto__":{"admin":true},"n":0}');
    value.n = 1n;
    const strict = strictJson(value) as object;
    expect(JSON.stringify(strict)).toBe('{"__proto__":{"admin":true},"n":1}');
    expect(Object.getPrototypeOf(strict)).toBe(Object.prototype);
    expect("admin" in strict).toBe(false);
  });

  test("takes any depth", () => {
    let value: unknown = 1n;
    for (let depth = 0; depth < 100_000; depth++) value = depth % 2 ? [value] : { value };
    expect(strictJson(value)).toBeTypeOf("object");
  });

  test("any value survives JSON.stringify unchanged", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const strict = strictJson(value);
        expect(isDeepStrictEqual(JSON.parse(JSON.stringify(strict)), strict)).toBe(true);
        expect(strictJson(strict)).toBe(strict);
      }),
    );
  });
});
