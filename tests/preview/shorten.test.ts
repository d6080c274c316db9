import { describe, expect, test } from "vitest";
import { shorten } from "../../src/preview/shorten.js";
import { CHARACTERS } from "../../src/preview/weights.js";

const within = (value: unknown, weight: number, levels = 32) =>
  shorten(value, CHARACTERS, { weight, levels });

describe("shorten", () => {
  test("leaves what fits as it is", () => {
    const value = { a: [1, 2] };
    expect(within(value, 11)).toEqual({ value, weight: 11, whole: true });
  });

  test("ends a list with the number of items left out", () => {
    expect(within([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 25)?.value).toEqual([1, 2, 3, "… 9 more items"]);
  });

  test("says one item, not items", () => {
    expect(within([1, "x".repeat(20)], 20)?.value).toEqual([1, "… 1 more item"]);
  });

  test("ends an object with the number of members left out", () => {
    const value = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`k${index}`, index]));
    expect(within(value, 50)?.value).toEqual({ k0: 0, k1: 1, k2: 2, "…": "27 more members" });
  });

  test("does not overwrite a member named as the marker", () => {
    const value = { "…": 1, a: "x".repeat(10), b: "y".repeat(99), c: 2 };
    expect(within(value, 60)?.value).toMatchObject({
      "…": 1,
      "……": expect.stringMatching(/^\d more member/),
    });
  });

  test("ends a string with the number of characters left out", () => {
    expect(within("x".repeat(100_000), 40)?.value).toBe(`${"x".repeat(13)}… 99,987 more characters`);
  });

  test("cuts no surrogate pair", () => {
    for (let weight = 30; weight < 40; weight++) {
      expect(within("😀".repeat(1000), weight)?.value).not.toMatch(/\p{Surrogate}/u);
    }
  });

  test("goes down no deeper than the levels allowed", () => {
    expect(within([[[[1]]]], 100, 2)?.value).toEqual([["… deeper"]]);
  });

  test("shares room among members: small ones whole, large ones shortened alike", () => {
    const { value } = within({ id: 1, a: "a".repeat(900), b: "b".repeat(900), ok: true }, 300) ?? {};
    const { a, b } = value as Record<string, string>;
    expect(value).toMatchObject({ id: 1, ok: true });
    expect(Math.abs((a?.length ?? 0) - (b?.length ?? 0))).toBeLessThan(10);
  });

  test("passes on what a part did not use", () => {
    const value = { a: 1.5, b: "b".repeat(900), c: [1, 2, 3], d: "d" };
    expect(within(value, 300)?.weight).toBeGreaterThan(240);
  });

  test.each([123456789, true, "some text", [1, 2, 3], { a: "b" }])(
    "has an ellipsis for %j where little fits",
    (value) => {
      expect(within(value, 3)).toEqual({ value: "…", weight: 3, whole: false });
    },
  );

  test("has nothing where nothing fits", () => {
    expect(within("some text", 2)).toBeUndefined();
  });

  test("keeps an own __proto__ an own member", () => {
    const value = JSON.parse(`{"__proto__":{"a":1},"b":"${"x".repeat(900)}"}`);
    expect(JSON.stringify(within(value, 200)?.value)).toMatch(
      /^\{"__proto__":\{"a":1\},"b":"x+… \d+ more characters"\}$/,
    );
  });
});
