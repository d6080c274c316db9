import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { encodeValue } from "../../src/entry/encode.js";

const limits = { maxValueBytes: 10_000_000, maxDepth: 500 };

describe("reading JSON of either language", () => {
  test.each<[string, string, unknown]>([
    ["spaced separators", '{"a": [1, 2]}', { a: [1, 2] }],
    ["NaN and the infinities", "[NaN, Infinity, -Infinity]", [Number.NaN, Infinity, -Infinity]],
    ["an integer beyond 2^53", "1208925819614629174706176", 2n ** 80n],
    ["a negative one", "[-9007199254740993]", [-9007199254740993n]],
    ["16 digits that still fit", "[1000000000000000]", [1000000000000000]],
    ["floats as Python writes them", "[1e+22, 1e-07, -0.0, 42.0]", [1e22, 1e-7, -0, 42]],
    [
      "a float of many digits",
      "[12345678901234567.5, 0.12345678901234567]",
      [Number("12345678901234567.5"), Number("0.12345678901234567")],
    ],
    ["an exponent", "[12345678901234567890e2]", [Number("12345678901234567890e2")]],
    [
      "numbers inside texts",
      '["12345678901234567890", "a\\"NaN\\\\", NaN]',
      ["12345678901234567890", 'a"NaN\\', Number.NaN],
    ],
    ["a lone surrogate as an escape", '"\\ud800"', "\ud800"],
    ["duplicate keys, the last wins", '{"a": 1, "a": 2}', { a: 2 }],
    ["a NaN under __proto__", '{"__proto__": NaN}', JSON.parse('{"__proto__": null}')],
  ])("%s", (name, json, value) => {
    const read = decodeValue(json);
    if (name.includes("__proto__")) expect(Object.keys(read as object)).toEqual(["__proto__"]);
    else expect(read).toStrictEqual(value);
  });

  test.each([
    "",
    "nope",
    "[NaNNaN]",
    "-NaN",
    "[0000000000000000001]",
    '{"a": Infinit}',
    "[1,]",
    '"open',
    "12345678901234567n",
  ])("refuses %j", (json) => {
    expect(() => decodeValue(json)).toThrow(SyntaxError);
  });

  test("foreign text nested 100,000 deep is read without overflowing", () => {
    const deep = `${"[".repeat(100_000)}NaN${"]".repeat(100_000)}`;
    expect(decodeValue(deep)).toHaveLength(1);
  });

  test("a text of 5 MB with a large integer beside it", () => {
    const text = 'x\\"'.repeat(1_000_000);
    const [read, number] = decodeValue(JSON.stringify([text]).replace(/]$/, ",18446744073709551616]")) as [
      string,
      bigint,
    ];
    expect(read).toBe(text);
    expect(number).toBe(2n ** 64n);
  });
});

const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }).filter((n) => !Number.isSafeInteger(Number(n))),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value")),
    fc.dictionary(fc.string({ unit: "binary" }), tie("value")),
  ),
})).value;

test("whatever is stored is read back exactly", () => {
  fc.assert(
    fc.property(json, (value) => {
      const { json, strictJson } = encodeValue(value, limits);
      expect(decodeValue(json, strictJson)).toStrictEqual(decodeValue(json));
      expect(withoutPrototypes(decodeValue(json))).toStrictEqual(withoutPrototypes(value));
    }),
    { numRuns: 500 },
  );
});

/** fast-check makes some objects without a prototype; that alone is not kept. */
function withoutPrototypes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrototypes);
  if (typeof value !== "object" || value === null) return value;
  return new Map(Object.entries(value).map(([key, member]) => [key, withoutPrototypes(member)]));
}
