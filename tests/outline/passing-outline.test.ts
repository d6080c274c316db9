import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeValue } from "../../src/entry/encode.js";
import { buildOutline } from "../../src/outline/build.js";
import type { Grain, Outline } from "../../src/outline/outline.js";
import { PassingOutline } from "../../src/outline/passing-outline.js";
import { anyText, anyValue } from "../preview/arbitraries.js";

const NO_LIMITS = { maxValueBytes: 1e9, maxDepth: 500 };
const FINE: Grain = { node: 12, block: 8 };

function passing(text: Buffer, cuts: readonly number[], grain?: Grain): Outline | undefined {
  const outline = new PassingOutline(grain);
  const places = [...cuts.map((cut) => cut % (text.length + 1)), text.length].sort((a, b) => a - b);
  let from = 0;
  for (const to of places) {
    // A copy that is spoilt afterwards: nothing may be read of a piece that has passed.
    const piece = Buffer.from(text.subarray(from, to));
    outline.push(piece);
    piece.fill(0x22);
    from = to;
  }
  return outline.end();
}

describe("the outline of a text that passes by", () => {
  const cuts = fc.array(fc.nat(), { maxLength: 30 });
  const values = fc.oneof(
    anyValue,
    anyText,
    fc.array(fc.oneof(fc.integer(), anyText), { maxLength: 60 }),
    fc.dictionary(anyText, fc.oneof(fc.integer(), anyText, fc.array(anyText)), { maxKeys: 20 }),
  );
  const blanks = fc.constantFrom("", " ", "\n\t ");

  test("is that of the text at hand, however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(values, cuts, blanks, fc.boolean(), async (value, cuts, blank, isSpread) => {
        const { json } = encodeValue(value, NO_LIMITS);
        const outside = /"(?:[^"\\]|\\.)*"|[,:[\]{}]/g;
        const spread = json.replace(outside, (token) => (token.length === 1 ? `${token}${blank}` : token));
        const text = Buffer.from(blank + (isSpread ? spread : json) + blank);
        expect(passing(text, cuts, FINE)).toEqual(await buildOutline(text, FINE));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ["rows", Array.from({ length: 20_000 }, (_, id) => ({ id, name: `Zeile ${id} é`, tags: ["a", "b"] }))],
    ["long texts", ['é😀\\"'.repeat(40_000), { key: "x".repeat(100_000) }, []]],
    ["one text", "日本語 text ".repeat(60_000)],
    ["lists in a list", Array.from({ length: 20 }, () => Array.from({ length: 9000 }, (_, n) => n))],
    [
      "an object of large members",
      { a: "a".repeat(40_000), ["k".repeat(50_000)]: [1], c: { d: "ü".repeat(40_000) } },
    ],
    ["nesting", JSON.parse(`${"[".repeat(600)}1,2${"]".repeat(600)}`)],
  ])("is that of the text at hand: %s", async (_, value) => {
    const text = Buffer.from(JSON.stringify(value));
    const whole = await buildOutline(text);
    for (const size of [1000, 4096, 65_537]) {
      const cuts = Array.from({ length: Math.floor(text.length / size) }, (_, n) => (n + 1) * size);
      expect(passing(text, cuts)).toEqual(whole);
    }
  });
});
