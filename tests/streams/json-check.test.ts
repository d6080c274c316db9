import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { InvalidJsonError, LimitExceededError } from "../../src/errors.js";
import { JsonCheck } from "../../src/streams/json-check.js";

function check(text: Uint8Array, size = text.length || 1, maxDepth = 500): JsonCheck {
  const checking = new JsonCheck(maxDepth);
  for (let at = 0; at < text.length; at += size) checking.push(text.subarray(at, at + size));
  checking.end();
  return checking;
}

function isTaken(take: () => unknown): boolean {
  try {
    take();
    return true;
  } catch (error) {
    if (error instanceof InvalidJsonError || error instanceof SyntaxError) return false;
    throw error;
  }
}

describe("the check of a text that passes by", () => {
  const sizes = fc.integer({ min: 1, max: 20 });
  const pieces = fc.constantFrom(
    ...'[]{},:" \n\t\\/-+.eE0123456789untrueflase\u0001é😀'.split(""),
    "true",
    "false",
    "null",
    "NaN",
    '"a"',
    '"\\u00e9"',
    '"\\ud83d"',
    '"k":',
    "-0",
    "1e5",
    "12.5",
    "[]",
    "{}",
    "\ufeff",
  );

  test("takes what JSON.parse takes, and nothing else, however it is cut", () => {
    const texts = fc.oneof(
      fc.array(pieces, { maxLength: 12 }).map((list) => list.join("")),
      fc.json(),
      fc.tuple(fc.json(), fc.nat(), pieces).map(([json, at, piece]) => {
        const place = at % (json.length + 1);
        return json.slice(0, place) + piece + json.slice(place + 1);
      }),
    );
    fc.assert(
      fc.property(texts, sizes, (text, size) => {
        const bytes = Buffer.from(text);
        expect(isTaken(() => check(bytes, size))).toBe(isTaken(() => JSON.parse(bytes.toString())));
      }),
      { numRuns: 20_000 },
    );
  });

  test("says that JSON.parse loses nothing only where it does not", () => {
    const numbers = fc.oneof(
      fc.bigInt().map(String),
      fc.double({ noDefaultInfinity: true, noNaN: true }).map(String),
    );
    fc.assert(
      fc.property(fc.array(numbers), sizes, (list, size) => {
        const text = `[${list.join(",")}]`;
        if (check(Buffer.from(text), size).strictJson) expect(decodeValue(text)).toEqual(JSON.parse(text));
      }),
    );
    expect(check(Buffer.from("[9007199254740993]")).strictJson).toBe(false);
    expect(check(Buffer.from("[123, 1.2345678901234567]")).strictJson).toBe(true);
  });

  test.each([
    ['{"a": secret}', 6],
    ['["secret', 8],
    ["[1,]", 3],
    ["[1] 2", 4],
    ["", 0],
    ["01", 1],
    ["nul", 3],
  ])("tells where %s is wrong, and nothing of the text", (text, offset) => {
    for (const size of [1, 3, 100]) {
      const caught = (() => {
        try {
          check(Buffer.from(text), size);
        } catch (error) {
          return error as InvalidJsonError;
        }
        return undefined;
      })();
      expect(caught).toBeInstanceOf(InvalidJsonError);
      expect(caught?.offset).toBe(offset);
      expect(caught?.message).not.toContain("secret");
    }
  });

  test.each([
    ["a byte that begins nothing", [0x22, 0x61, 0xff, 0x22], 2],
    ["a character that is cut", [0x22, 0xe2, 0x82, 0x22], 1],
    ["an overlong character", [0x22, 0xc0, 0x80, 0x22], 1],
    ["half a surrogate pair", [0x22, 0xed, 0xa0, 0x80, 0x22], 1],
  ])("refuses what is not UTF-8: %s", (_, bytes, offset) => {
    for (const size of [1, 2, 3, 100])
      expect(() => check(Uint8Array.from(bytes), size)).toThrow(`is not UTF-8 at byte ${offset}`);
  });

  test("holds the limit of depth", () => {
    const nested = (levels: number) => Buffer.from("[".repeat(levels) + "]".repeat(levels));
    expect(() => check(nested(10), 4, 10)).not.toThrow();
    expect(() => check(nested(11), 4, 10)).toThrow(LimitExceededError);
  });
});
