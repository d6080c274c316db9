import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { jsonText } from "../../src/preview/json-text.js";
import { strictJson } from "../../src/preview/strict-json.js";
import { anyValue } from "./arbitraries.js";

describe("jsonText", () => {
  test("writes a bigint as its digits, and a number as one", () => {
    expect(jsonText({ a: [9007199254740993n, 7n, 2 ** 60, -0] })).toBe(
      '{"a":[9007199254740993,7,1.152921504606847e+18,-0.0]}',
    );
  });

  test("writes what is no number as strictJson has it", () => {
    expect(jsonText([Number.NaN, new Date(0), "é\n", null])).toBe(
      '["NaN","1970-01-01T00:00:00.000Z","é\\n",null]',
    );
  });

  test("leaves absent members out", () => {
    expect(jsonText({ a: undefined, b: {}, c: [], d: undefined })).toBe('{"b":{},"c":[]}');
  });

  test("takes any depth", () => {
    let value: unknown = 1;
    for (let depth = 0; depth < 100_000; depth++) value = [value];
    expect(jsonText(value)).toHaveLength(200_001);
  });

  test("reads back as the value", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const read = strictJson(decodeValue(jsonText(value)));
        expect(isDeepStrictEqual(read, strictJson(value))).toBe(true);
      }),
    );
  });
});
