import { describe, expect, test } from "vitest";
import { characters } from "../../src/preview/measure.js";
import { makePreview } from "../../src/preview/preview.js";

const truncate = (value: unknown, maxSize: number) =>
  makePreview(value, { strategy: "truncate", measure: characters, maxSize, maxPageSize: 100 });

describe("truncate", () => {
  test("shows the first items that fit", () => {
    const { preview, shown, size } = truncate([1, 2, 3, 4, 5, 6, 7, 8, 9], 10);
    expect(preview).toEqual([1, 2, 3, 4]);
    expect(shown).toEqual({ unit: "items", from: 0, to: 4, count: 4, total: 9 });
    expect(size).toBe(9);
  });

  test("shows the first members that fit", () => {
    expect(truncate({ a: 1, b: 2, c: 3 }, 14).preview).toEqual({ a: 1, b: 2 });
  });

  test("shortens the first item where nothing else fits", () => {
    const { preview, shortened } = truncate(["x".repeat(100), 2], 50);
    expect(preview).toEqual([expect.stringMatching(/^x+… \d\d more characters$/)]);
    expect(shortened).toBe(true);
  });

  test("ends a string before a pair of surrogates that does not fit", () => {
    expect(truncate("aaaaaaa😀bbb", 10).preview).toBe("aaaaaaa");
  });

  test("counts escapes", () => {
    expect(truncate('"'.repeat(100), 10).preview).toBe('""""');
  });
});
