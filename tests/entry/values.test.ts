import vm from "node:vm";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { encodeValue } from "../../src/entry/encode.js";
import { LimitExceededError, ValueNotStorableError } from "../../src/errors.js";
import { errorOf } from "../helpers/errors.js";

const limits = { maxValueBytes: 1_000_000, maxDepth: 100 };
const store = (value: unknown) => {
  const { json, strictJson } = encodeValue(value, limits);
  return decodeValue(json, strictJson);
};
const nested = (depth: number) => {
  let value: unknown[] = [];
  for (let level = 1; level < depth; level++) value = [value];
  return value;
};
const cycle: Record<string, unknown> = { name: "loop" };
cycle.self = { again: cycle };
class Point {
  x = 1;
}
const withThrowingGetter = {
  rows: [
    {
      get when() {
        throw new Error("a secret in the getter's message");
      },
    },
  ],
};
const withArraySubclass = new (class Rows extends Array {})();
const sparse = [1, 2, 3];
delete sparse[1];

describe("stored exactly", () => {
  const own = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
  test.each<[string, unknown]>([
    ["null", null],
    ["true and false", [true, false]],
    ["an empty text", ""],
    ["text with escapes", 'a "b" \\ \n\t \u2028 </x> \u007f \u0001'],
    ["text of every plane", "Zoë 日本 😀 𝒳 \u0000"],
    ["a lone high surrogate", "a\ud800b"],
    ["a lone low surrogate as a key", { "\udc00": 1 }],
    ["an integer", 42],
    ["the largest safe integers", [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    ["a float", 0.1],
    ["a float of 17 digits", 0.12345678901234568],
    ["the smallest float", Number.MIN_VALUE],
    ["the largest float", Number.MAX_VALUE],
    ["a float that is a large integer", [2 ** 60, 1e20, 1e21, -1e300]],
    ["minus zero", { z: -0 }],
    ["NaN", [Number.NaN]],
    ["the infinities", [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]],
    ["a bigint beyond 2^53", { n: 2n ** 64n, m: -(2n ** 70n) }],
    ["2^53 as bigint", 2n ** 53n],
    ["an own __proto__ member", own],
    ["an own __proto__ member beside a bigint", JSON.parse('{"__proto__": {"polluted": 1}}')],
    ["numbers as keys", { 1: "a", "1.5": "b", "": "c" }],
    ["an empty list and object", [[], {}]],
    ["nesting as deep as allowed", nested(100)],
    ["the same object twice", (() => ((twice) => [twice, twice])({ a: 1 }))()],
    ["text that looks like a number", ["NaN", "12345678901234567890", "Infinity"]],
    ["text with a number beside a bigint", ['say "NaN" 12345678901234567890 \\', 12345678901234567890n]],
    ["a look-alike of a reference", "calculator:0123456789abcdef"],
  ])("%s", (_name, value) => {
    expect(store(value)).toStrictEqual(value);
    expect(Object.prototype).not.toHaveProperty("polluted");
  });

  test("lists and objects of another realm", () => {
    expect(store(vm.runInNewContext("({ a: [{ b: 1 }] })"))).toStrictEqual({ a: [{ b: 1 }] });
  });

  test("each reader gets a copy of its own", () => {
    const value = { rows: [1, 2n ** 60n] };
    const copy = store(value) as typeof value;
    copy.rows.push(3);
    expect(store(value)).toEqual({ rows: [1, 2n ** 60n] });
  });
});

describe("converted by rule", () => {
  const when = new Date("2024-01-02T03:04:05.678Z");
  test.each<[string, unknown, unknown]>([
    ["a Date becomes ISO text", { when }, { when: "2024-01-02T03:04:05.678Z" }],
    ["a Date beside a bigint too", [when, 2n ** 60n], ["2024-01-02T03:04:05.678Z", 2n ** 60n]],
    ["an undefined member is left out", { a: undefined, b: 1 }, { b: 1 }],
    ["an undefined member beside NaN too", { a: undefined, b: Number.NaN }, { b: Number.NaN }],
    ["a small bigint becomes a number", { n: 5n }, { n: 5 }],
    [
      "an object without prototype becomes a plain one",
      Object.assign(Object.create(null), { a: 1 }),
      { a: 1 },
    ],
    ["symbol keys are left out", { [Symbol("hidden")]: 1, a: 1 }, { a: 1 }],
    ["members not enumerable are left out", Object.defineProperty({ a: 1 }, "b", { value: 2 }), { a: 1 }],
    ["named properties of a list are left out", Object.assign([1], { index: 0 }), [1]],
    [
      "a hidden toJSON is not called",
      Object.defineProperty({ x: 1 }, "toJSON", { value: () => 2 }),
      { x: 1 },
    ],
    ["nor that of a list", [Object.assign([1], { toJSON: () => 2 })], [[1]]],
    [
      "nor a Date's own toISOString",
      [Object.assign(new Date(0), { toISOString: () => "x" })],
      ["1970-01-01T00:00:00.000Z"],
    ],
    ["a getter is read", Object.defineProperty({}, "a", { get: () => 1, enumerable: true }), { a: 1 }],
  ])("%s", (_name, value, stored) => {
    expect(store(value)).toStrictEqual(stored);
  });
});

describe("refused with the path", () => {
  test.each<[string, unknown, string, string]>([
    ["undefined", undefined, "$", "undefined"],
    ["undefined in a list", { rows: [1, undefined] }, "$.rows[1]", "undefined"],
    ["a hole in a list", { rows: sparse }, "$.rows[1]", "undefined"],
    ["a function", { rows: [{ f: () => 1 }] }, "$.rows[0].f", "a function"],
    ["a symbol", [Symbol("s")], "$[0]", "a symbol"],
    ["a cycle", cycle, "$.self.again", "contains itself"],
    ["a Map", { index: new Map([[1, 2]]) }, "$.index", "Object.fromEntries"],
    ["a Set", { "full name": new Set([1]) }, '$["full name"]', "Array.from"],
    ["a Buffer", { file: Buffer.from("secret") }, "$.file", "base64"],
    ["a typed array", { data: new Float64Array(3) }, "$.data", "Array.from"],
    ["an ArrayBuffer", [new ArrayBuffer(1)], "$[0]", "base64"],
    ["a class instance", { at: new Point() }, "$.at", "instance of Point"],
    ["a list of a subclass", { rows: withArraySubclass }, "$.rows", "instance of Rows"],
    ["an Error", [new Error("secret")], "$[0]", "instance of Error"],
    ["a RegExp", [/secret/], "$[0]", "instance of RegExp"],
    ["a Promise", { later: Promise.resolve(1) }, "$.later", "await"],
    ["a URL", [new URL("http://localhost")], "$[0]", "instance of URL"],
    ["a boxed number", [Object(1)], "$[0]", "instance of Number"],
    ["a WeakMap", [new WeakMap()], "$[0]", "instance of WeakMap"],
    ["an invalid Date", { when: new Date(Number.NaN) }, "$.when", "invalid Date"],
    ["an object with toJSON", { a: { toJSON: () => 1 } }, "$.a.toJSON", "a function"],
    ["a getter that throws", withThrowingGetter, "$.rows[0].when", "throws"],
    ["a generator", [(function* () {})()], "$[0]", "instance of"],
  ])("%s", async (_name, value, path, problem) => {
    const error = await errorOf(() => encodeValue(value, limits));
    expect(error).toBeInstanceOf(ValueNotStorableError);
    expect(error).toMatchObject({ code: "value_not_storable", path });
    expect(error.message).toContain(problem);
    expect(error.message).toContain(path);
    expect(error.message).not.toContain("secret");
  });

  test("nesting of 100,000 levels", async () => {
    expect(await errorOf(() => encodeValue(nested(100_000), limits))).toMatchObject({
      limit: "limits.maxDepth",
    });
  });

  test("one level more than allowed, at the boundary", () => {
    expect(() => encodeValue(nested(101), limits)).toThrow(LimitExceededError);
    expect(() => encodeValue({ a: nested(99), n: 2n ** 60n }, limits)).not.toThrow();
    expect(() => encodeValue({ a: nested(100), n: 2n ** 60n }, limits)).toThrow(LimitExceededError);
  });

  test("a text larger than allowed", async () => {
    const text = "x".repeat(1_000_000);
    expect(await errorOf(() => encodeValue(text, limits))).toMatchObject({ limit: "limits.maxValueBytes" });
    expect(() => encodeValue(text.slice(2), limits)).not.toThrow();
  });

  test.each([
    ["numbers", 1],
    ["bigints", 2n ** 60n],
    ["empty lists", []],
  ])("a small graph that unfolds into 2^40 %s, before it is unfolded", async (_name, leaf) => {
    let graph: unknown = leaf;
    for (let level = 0; level < 40; level++) graph = [graph, graph];
    expect(await errorOf(() => encodeValue(graph, limits))).toMatchObject({ limit: "limits.maxValueBytes" });
  });
});

describe("what is learnt while writing", () => {
  test.each<[unknown, number | null]>([
    [[1, 2, 3], 3],
    [{ a: 1, b: undefined }, 1],
    ["text", null],
    [7, null],
    [null, null],
    [new Date(0), null],
  ])("total items of %j", (value, totalItems) => {
    expect(encodeValue(value, limits).totalItems).toBe(totalItems);
  });

  test("size is in bytes of UTF-8", () => {
    expect(encodeValue("é😀", limits).bytes).toBe(8);
  });

  test("text that JSON.parse would round is marked", () => {
    expect(encodeValue([1], limits).strictJson).toBe(true);
    expect(encodeValue([2n ** 53n], limits).strictJson).toBe(false);
    expect(encodeValue([Number.NaN], limits).strictJson).toBe(false);
    expect(encodeValue([-0], limits).strictJson).toBe(true);
  });
});
