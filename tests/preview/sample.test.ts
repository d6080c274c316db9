import { describe, expect, test } from "vitest";
import { characters } from "../../src/preview/measure.js";
import { makePreview } from "../../src/preview/preview.js";
import { evenlySpaced } from "../../src/preview/sample.js";

const sample = (value: unknown, maxSize: number) =>
  makePreview(value, { strategy: "sample", measure: characters, maxSize, maxPageSize: 100 });

const numbers = Array.from({ length: 1000 }, (_, index) => index);

describe("a sample", () => {
  test("of a list has evenly spaced items, the first and the last among them, in order", () => {
    const { preview, shown } = sample(numbers, 100);
    const items = preview as number[];
    const gaps = items.slice(1).map((item, index) => item - (items[index] ?? 0));
    expect(items[0]).toBe(0);
    expect(items.at(-1)).toBe(999);
    expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
    expect(shown).toEqual({ unit: "items", count: items.length, total: 1000 });
  });

  test("of a list holds nothing but items", () => {
    expect((sample(numbers, 100).preview as unknown[]).every((item) => typeof item === "number")).toBe(true);
  });

  test("of an object has evenly spaced members", () => {
    const members = Object.fromEntries(numbers.map((n) => [`key ${n}`, { text: "x".repeat(30) }]));
    const { preview, shown } = sample(members, 500);
    expect(Object.keys(preview as object)).toContain("key 0");
    expect(Object.keys(preview as object)).toContain("key 999");
    expect(shown).toMatchObject({ unit: "members", total: 1000 });
  });

  test("prefers fewer whole items to many shortened ones", () => {
    const large = numbers.map((id) => ({ id, text: "x".repeat(200) }));
    const { preview, shortened } = sample(large, 1000);
    expect(preview).toEqual([large[0], large[333], large[666], large[999]]);
    expect(shortened).toBe(false);
  });

  test("shortens items that are too large for any to be whole", () => {
    const { preview, shortened } = sample(["a".repeat(5000), "b".repeat(5000)], 500);
    expect(preview).toEqual([
      expect.stringMatching(/^a{150,}… 4,\d{3} more characters$/),
      expect.stringMatching(/^b{150,}… 4,\d{3} more characters$/),
    ]);
    expect(shortened).toBe(true);
  });

  test("shows the small items of a list beside the one large one", () => {
    const { preview } = sample([1, "x".repeat(5000), 3], 200);
    expect(preview).toEqual([1, expect.stringContaining("more characters"), 3]);
  });

  test("of an object shows every member where each has some room", () => {
    const { preview } = sample({ users: numbers, total: 1000, next: null }, 200);
    expect(Object.keys(preview as object)).toEqual(["users", "total", "next"]);
    expect((preview as { users: unknown[] }).users.at(-1)).toMatch(/^… 9\d\d more items$/);
  });

  test("of a string is its beginning, without a marker", () => {
    const { preview, shown } = sample("abc".repeat(100), 20);
    expect(preview).toBe("abcabcabcabcabcabc");
    expect(shown).toEqual({ unit: "characters", from: 0, to: 18, count: 18, total: 300 });
  });

  test("of an empty list is an empty list", () => {
    expect(sample([], 10)).toMatchObject({ preview: [], shown: { count: 0, total: 0 }, shortened: false });
  });

  test("leaves absent members out of all counts", () => {
    expect(sample({ a: undefined, b: 1 }, 10)).toMatchObject({ preview: { b: 1 }, totalItems: 1 });
  });

  test("looks at no more of a list than it shows", () => {
    let looks = 0;
    const watched = (index: number) =>
      Object.defineProperty({}, "id", { enumerable: true, get: () => ++looks && index });
    sample(
      Array.from({ length: 10_000 }, (_, index) => watched(index)),
      500,
    );
    expect(looks).toBeLessThan(2_000);
  });
});

describe("evenlySpaced", () => {
  test.each([
    [0, 0, []],
    [0, 3, []],
    [5, 1, [0]],
    [5, 2, [0, 4]],
    [5, 3, [0, 2, 4]],
    [5, 5, [0, 1, 2, 3, 4]],
  ])("of %i, %i", (total, count, indices) => {
    expect(evenlySpaced(total, Math.min(total, count))).toEqual(indices);
  });
});
