import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { InvalidPageError } from "../../src/errors.js";
import { characters, type SizeMeasure, tokens } from "../../src/preview/measure.js";
import { makePreview, type Preview, type PreviewRequest } from "../../src/preview/preview.js";
import { strictJson } from "../../src/preview/strict-json.js";
import { anyText, anyValue } from "./arbitraries.js";
import { measures } from "./measures.js";

const defaults = { strategy: "paginate", measure: characters, maxSize: 200, maxPageSize: 100 } as const;

function page(value: unknown, asked: Partial<PreviewRequest> = {}): Preview {
  return makePreview(value, { ...defaults, ...asked });
}

function allPages(value: unknown, asked: Partial<PreviewRequest> = {}): Preview[] {
  const first = page(value, asked);
  return Array.from({ length: first.totalPages ?? 0 }, (_, index) =>
    page(value, { ...asked, page: index + 1 }),
  );
}

/** Puts pages together again: the value they were made of. */
function join(pages: readonly Preview[]): unknown {
  const parts = pages.map(({ preview }) => preview);
  switch (pages[0]?.shown.unit) {
    case "items":
      return parts.flat(1);
    case "members":
      return Object.fromEntries(parts.flatMap((part) => Object.entries(part as object)));
    case "characters":
      return parts.join("");
    default:
      return typeof parts[0] === "string" ? strictJson(decodeValue(parts.join(""))) : parts[0];
  }
}

function expectPartition(value: unknown, pages: readonly Preview[]): void {
  expect(JSON.stringify(join(pages))).toBe(JSON.stringify(strictJson(value)));
  let end = 0;
  for (const { shown } of pages.filter(({ shown }) => shown.from !== undefined)) {
    expect(shown.from).toBe(end);
    end = shown.to ?? 0;
  }
  expect(end).toBe(pages[0]?.shown.total);
}

const rows = Array.from({ length: 250 }, (_, id) => ({ id, name: `user ${id}` }));

describe("pages", () => {
  const sizes = fc.record({
    maxSize: fc.integer({ min: 10, max: 400 }),
    pageSize: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  });

  test.each([
    ["any value", anyValue],
    ["lists", fc.array(fc.oneof(fc.integer(), anyText), { maxLength: 60 })],
    ["objects", fc.dictionary(fc.string({ maxLength: 6 }), fc.oneof(fc.integer(), anyText), { maxKeys: 60 })],
    ["strings", anyText],
    ["big integers", fc.array(fc.bigInt(), { maxLength: 30 })],
  ])("of %s partition it exactly and hold the limit", (_, values) => {
    const builtIn = fc.constantFrom(characters, tokens);
    fc.assert(
      fc.property(values as fc.Arbitrary<unknown>, sizes, builtIn, (value, asked, measure) => {
        // Each page is planned anew, so all pages of a large value would take the test too long.
        fc.pre((page(value, { ...asked, measure }).totalPages ?? 0) < 100);
        const pages = allPages(value, { ...asked, measure });
        expectPartition(value, pages);
        expect(pages.every(({ size, shortened }) => size <= asked.maxSize && !shortened)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test("in a plugged tokenizer's tokens partition the value too", () => {
    expectPartition(rows, allPages(rows, { measure: measures["gpt-tokenizer"] as SizeMeasure }));
  });

  test("of small items are exactly page_size long", () => {
    const pages = allPages(rows, { pageSize: 7, maxSize: 5000 });
    expect(pages.map(({ shown }) => shown.count)).toEqual([...Array(35).fill(7), 5]);
    expect(pages[1]).toMatchObject({
      preview: rows.slice(7, 14),
      page: 2,
      totalPages: 36,
      pageSize: 7,
      shown: { unit: "items", from: 7, to: 14, count: 7, total: 250 },
      totalItems: 250,
    });
  });

  test("hold as many items as fit, up to the largest page size", () => {
    expect(page(rows, { maxSize: 100_000 }).shown.count).toBe(100);
    expect(page([1, 2, 3, 4, 5, 6], { maxSize: 10 }).preview).toEqual([1, 2, 3, 4]);
  });

  test("of an object hold members in order", () => {
    const pages = allPages({ b: 1, a: 2, c: undefined, d: 3 }, { maxSize: 13 });
    expect(pages.map(({ preview }) => preview)).toEqual([{ b: 1, a: 2 }, { d: 3 }]);
  });

  test("keep an own __proto__ an own member", () => {
    const { preview } = page(JSON.parse('{"__proto__":1,"a":2}'));
    expect(JSON.stringify(preview)).toBe('{"__proto__":1,"a":2}');
  });

  test("of a string count escapes and split no pair", () => {
    const pages = allPages('a"😀\n😀', { maxSize: 10 }).map(({ preview }) => preview);
    expect(pages).toEqual(['a"😀\n', "😀"]);
  });

  test("of a string hold page_size characters, or one that takes two", () => {
    expect(allPages("ab😀c", { pageSize: 1 }).map(({ preview }) => preview)).toEqual(["a", "b", "😀", "c"]);
    expect(allPages("ab😀c", { pageSize: 3 }).map(({ preview }) => preview)).toEqual(["ab", "😀c"]);
  });

  test("are of the JSON text where one item is too large for a page", () => {
    const value = [{ id: 1, text: "x".repeat(500) }, 10n ** 400n, { id: 2 }];
    const pages = allPages(value);
    expect(pages[0]).toMatchObject({ shown: { unit: "json", from: 0 }, totalItems: 3, shortened: false });
    expect(pages[0]).not.toHaveProperty("pageSize");
    expect(decodeValue(pages.map(({ preview }) => preview).join(""))).toStrictEqual(value);
  });

  test("are of the JSON text where one item is too deep for JSON.stringify", () => {
    let deep: unknown = 1;
    for (let level = 0; level < 10_000; level++) deep = [deep];
    const pages = allPages([deep, 2], { maxSize: 15_000 });
    expect(pages.map(({ shown }) => shown.unit)).toEqual(["json", "json"]);
    expect(pages.map(({ preview }) => preview).join("")).toBe(
      `[${"[".repeat(10_000)}1${"]".repeat(10_000)},2]`,
    );
  });

  test.each([[[]], [{}], [""], [0], [null], [true]])("of %j are one", (value) => {
    expect(page(value)).toMatchObject({ preview: value, page: 1, totalPages: 1, shortened: false });
  });

  test("are asked for by page or page size, whatever the strategy", () => {
    expect(page(rows, { strategy: "sample", page: 2 })).toMatchObject({ strategy: "paginate", page: 2 });
    expect(page(rows, { strategy: "truncate", pageSize: 2 })).toMatchObject({
      strategy: "paginate",
      page: 1,
    });
  });

  test("that a plugged measure counts above the limit are shortened, and say so", () => {
    const value = [
      ...Array.from({ length: 50 }, () => "aaaa"),
      ...Array.from({ length: 50 }, () => "ZZZZ"),
      "aaaa",
    ];
    const costly: SizeMeasure = {
      unit: "characters",
      count: (text) => text.length + 30 * (text.match(/ZZ/g)?.length ?? 0),
    };
    const pages = Array.from({ length: page(value, { measure: costly }).totalPages ?? 0 }, (_, index) =>
      page(value, { measure: costly, page: index + 1 }),
    );
    expect(pages.every(({ size }) => size <= defaults.maxSize)).toBe(true);
    for (const { shown, preview } of pages) expect((preview as unknown[]).length).toBe(shown.count);
  });
});

describe("a page that does not exist", () => {
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 37])(
    "%d is refused, saying which do",
    (number) => {
      const ask = () => page(rows, { pageSize: 7, maxSize: 5000, page: number });
      expect(ask).toThrow(InvalidPageError);
      expect(ask).toThrow("There are 36 pages; page must be a whole number from 1 to 36.");
    },
  );

  test("is refused where there is only one", () => {
    expect(() => page([], { page: 2 })).toThrow("There is 1 page; page must be 1.");
  });

  test.each([0, -1, 1.5, Number.NaN, 101])("page_size %d is refused, saying what is accepted", (pageSize) => {
    expect(() => page(rows, { pageSize })).toThrow(InvalidPageError);
    expect(() => page(rows, { pageSize })).toThrow("page_size must be a whole number from 1 to 100.");
  });
});
