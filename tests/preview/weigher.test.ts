import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { strictJson } from "../../src/preview/strict-json.js";
import { weighValue } from "../../src/preview/weigh-value.js";
import { CHARACTERS, TOKENS } from "../../src/preview/weights.js";
import { anyText, anyValue } from "./arbitraries.js";

describe.each([
  ["characters", CHARACTERS],
  ["tokens", TOKENS],
])("the weigher of %s", (_, weigher) => {
  test("weighs a string as its JSON text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(weigher.string(text)).toBe(weigher.text(JSON.stringify(text)));
      }),
    );
  });

  test("weighs a value as its strict JSON text, without writing it", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const text = JSON.stringify(strictJson(value));
        expect(weighValue(value, weigher, Number.POSITIVE_INFINITY, 100)).toBe(weigher.text(text));
      }),
    );
  });

  test("tells exactly what is above a limit", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        const weight = weigher.text(JSON.stringify(strictJson(value)));
        expect(weighValue(value, weigher, weight, 100)).toBe(weight);
        expect(weighValue(value, weigher, weight - 1, 100)).toBe(Number.POSITIVE_INFINITY);
      }),
    );
  });

  test("fits as much of a text as a weight allows, and no half of a pair", () => {
    fc.assert(
      fc.property(anyText, fc.nat(3000), (text, weight) => {
        const end = weigher.fit(text, 0, weight);
        const next = end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
        const inside = (to: number) => weigher.string(text.slice(0, to)) - weigher.brackets;
        expect(inside(end)).toBeLessThanOrEqual(weight);
        if (end < text.length) expect(inside(next)).toBeGreaterThan(weight);
      }),
    );
  });

  test("weighs a long text as it weighs its parts", () => {
    const line = `{"id":1,"name":"é中😀","tags":[]},`;
    expect(weigher.text(line.repeat(5000))).toBe(weigher.text(line) * 5000);
  });
});

test("a value deeper than allowed weighs infinitely much", () => {
  expect(weighValue([[1]], CHARACTERS, 100, 2)).toBe(5);
  expect(weighValue([[1]], CHARACTERS, 100, 1)).toBe(Number.POSITIVE_INFINITY);
});
