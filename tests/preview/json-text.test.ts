import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { jsonText } from "../../src/preview/json-text.js";
import { strictJson } from "../../src/preview/strict-json.js";
import { anyValue } from "./arbitraries.js";

describe("jsonText", () => {
  test("writes big integers as digits", () => {
    expect(jsonText({ a: [9007199254740993n, 2 ** 60, 7n] })).toBe(
      '{"a":[9007199254740993,1152921504606847000,7]}',
    );
  });

  test("writes other leaves as strictJson has them", () => {
    expect(jsonText([Number.NaN, new Date(0), "é\n", null, -0])).toBe(
      '["NaN","1970-01-01T00:00:00.000Z","é\\n",null,0]',
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

  test("is the text JSON.stringify writes of the strict form, but for big integers", () => {
    const isBig = (value: unknown) => /\d{16}/.test(JSON.stringify(strictJson(value)));
    fc.assert(
      fc.property(anyValue, (value) => {
        fc.pre(!isBig(value));
        expect(jsonText(value)).toBe(JSON.stringify(strictJson(value)));
      }),
    );
  });
});
