import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { encodeValue } from "../../src/entry/encode.js";
import { buildOutline } from "../../src/outline/build.js";
import { previewLarge } from "../../src/outline/large-preview.js";
import { LargeValue } from "../../src/outline/large-value.js";
import type { Grain } from "../../src/outline/outline.js";
import { StoredText, TextChangedError } from "../../src/outline/stored-text.js";
import { HeldText } from "../../src/outline/text.js";
import { readOutline, writeOutline } from "../../src/outline/wire.js";
import { characters, tokens } from "../../src/preview/measure.js";
import { makePreview, type Preview, type PreviewRequest } from "../../src/preview/preview.js";
import { strictJson } from "../../src/preview/strict-json.js";
import { anyText, anyValue } from "../preview/arbitraries.js";

const NO_LIMITS = { maxValueBytes: 1e9, maxDepth: 500 };
const FINE: Grain = { node: 12, block: 8 };
const defaults = { strategy: "paginate", measure: characters, maxSize: 200, maxPageSize: 100 } as const;

async function outlineOf(json: string, grain?: Grain): Promise<LargeValue | undefined> {
  const text = Buffer.from(json);
  const outline = await buildOutline(text, grain);
  if (outline === undefined) return undefined;
  const written = readOutline(writeOutline(outline, "it"), "it");
  expect(written).toEqual(outline);
  return new LargeValue(outline, new HeldText(text));
}

async function allPages(large: LargeValue, asked: Partial<PreviewRequest>): Promise<Preview[]> {
  const first = await previewLarge(large, { ...defaults, ...asked });
  const pages: Preview[] = [];
  for (let page = 1; page <= (first.totalPages ?? 0); page++)
    pages.push(await previewLarge(large, { ...defaults, ...asked, page }));
  return pages;
}

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
      return strictJson(decodeValue(parts.join("")));
  }
}

/** The JSON text as the other language writes it: blanks after separators, everything beyond ASCII escaped. */
function spaced(json: string): string {
  const outside = json.replace(/"(?:[^"\\]|\\.)*"|[,:]/g, (token) =>
    token.length === 1 ? `${token} ` : token,
  );
  return outside.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

describe("pages of a large value", () => {
  const sizes = fc.record({
    maxSize: fc.integer({ min: 12, max: 400 }),
    pageSize: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
    measure: fc.constantFrom(characters, tokens),
  });
  const values = fc.oneof(
    anyValue,
    anyText,
    fc.array(fc.oneof(fc.integer(), anyText), { maxLength: 60 }),
    fc.dictionary(fc.string({ maxLength: 6 }), fc.oneof(fc.integer(), anyText), { maxKeys: 60 }),
  );

  test.each([
    ["as this package writes it", (json: string) => json],
    ["as Python writes it", spaced],
  ])("partition it, within the limit, %s", async (_, write) => {
    await fc.assert(
      fc.asyncProperty(values, sizes, async (value, asked) => {
        const json = write(encodeValue(value, NO_LIMITS).json);
        const large = await outlineOf(json, FINE);
        if (large === undefined) return;
        const pages = await allPages(large, asked);
        let end = 0;
        for (const { shown, size, shortened, preview } of pages) {
          expect(size).toBeLessThanOrEqual(asked.maxSize);
          expect(size).toBe(asked.measure.count(JSON.stringify(preview)));
          if (shortened) return; // a number that is shorter in the store than in an answer
          expect(shown.from).toBe(end);
          end = shown.to ?? 0;
        }
        expect(end).toBe(pages[0]?.shown.total);
        expect(JSON.stringify(join(pages))).toBe(JSON.stringify(strictJson(decodeValue(json))));
      }),
      { numRuns: 300 },
    );
  });

  test("hold as many rows as are asked for, where they fit", async () => {
    const rows = Array.from({ length: 5000 }, (_, id) => ({ id, name: `row ${id}` }));
    const large = await outlineOf(JSON.stringify(rows));
    const asked = { ...defaults, measure: tokens, maxSize: 2000, pageSize: 40 };
    const page = await previewLarge(large as LargeValue, { ...asked, page: 3 });
    expect(page.preview).toEqual(rows.slice(80, 120));
    expect(page.totalPages).toBe(125);
  });

  test("are refused where there is none", async () => {
    const large = await outlineOf(JSON.stringify(Array.from({ length: 5000 }, (_, id) => id)));
    await expect(previewLarge(large as LargeValue, { ...defaults, page: 100_000 })).rejects.toThrow(
      "There are",
    );
    await expect(previewLarge(large as LargeValue, { ...defaults, pageSize: 101 })).rejects.toThrow(
      "page_size",
    );
  });
});

describe("previews of a large value", () => {
  const filler = fc.oneof(anyText, fc.integer(), fc.record({ id: fc.nat(), text: anyText }));
  const long = fc.oneof(
    fc.array(filler, { minLength: 200, maxLength: 400 }),
    fc.tuple(anyText, fc.integer({ min: 800, max: 2000 })).map(([text, times]) => `${text}-`.repeat(times)),
  );
  const shapes = fc.oneof(
    long,
    fc.record({ total: fc.nat(), rows: long, note: anyText }),
    fc.array(long, { minLength: 1, maxLength: 5 }),
    fc.dictionary(fc.string({ maxLength: 8 }), filler, { minKeys: 150, maxKeys: 300 }),
    fc.record({ data: fc.record({ rows: long, more: long }) }),
  );

  test.each(["sample", "truncate"] as const)("%s: are those of the whole value", async (strategy) => {
    await fc.assert(
      fc.asyncProperty(shapes, fc.integer({ min: 12, max: 60 }), async (value, maxSize) => {
        const json = JSON.stringify(value);
        fc.pre(json.length > 2000);
        const large = (await outlineOf(json, { node: 1000, block: 100 })) as LargeValue;
        for (const measure of [tokens, characters]) {
          const request = { ...defaults, strategy, measure, maxSize };
          expect(await previewLarge(large, request)).toEqual(makePreview(JSON.parse(json), request));
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("a stored text", () => {
  const json = JSON.stringify(Array.from({ length: 20_000 }, (_, id) => ({ id, text: `row ${id}` })));
  const text = Buffer.from(json);

  test("is read by segments that the page needs", async () => {
    const outline = await buildOutline(text);
    const read: number[] = [];
    const stored = new StoredText(async (ranges) => {
      read.push(...ranges.map(({ from, to }) => to - from));
      return ranges.map(({ from, to }) => text.subarray(from, to));
    }, outline as never);
    const page = await previewLarge(new LargeValue(outline as never, stored, true), {
      ...defaults,
      measure: tokens,
      maxSize: 1000,
      page: 200,
    });
    expect(page.shown.count).toBeGreaterThan(10);
    expect(read.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(100_000);
  });

  test.each([
    ["another text of the same length", () => Buffer.alloc(text.length, 0x20)],
    ["a shorter text", () => text.subarray(0, 100)],
    ["nothing", () => undefined],
  ])("tells %s from the one it was", async (_, now) => {
    const outline = await buildOutline(text);
    const stored = new StoredText(
      async (ranges) => now() && ranges.map(({ from, to }) => now()?.subarray(from, to) as Buffer),
      outline as never,
    );
    const large = new LargeValue(outline as never, stored, true);
    await expect(previewLarge(large, { ...defaults, page: 3 })).rejects.toThrow(TextChangedError);
  });
});

describe("an outline in a store", () => {
  test("is not read where it was changed, cut, or made of another entry", async () => {
    const outline = await buildOutline(
      Buffer.from(JSON.stringify(Array.from({ length: 9000 }, (_, n) => n))),
    );
    const written = writeOutline(outline as never, "entry 1");
    expect(readOutline(written, "entry 1")).toEqual(outline);
    expect(readOutline(written, "entry 2")).toBeUndefined();
    for (const length of [0, 4, 20, written.length - 4])
      expect(readOutline(written.subarray(0, length), "entry 1")).toBeUndefined();
    for (const at of [0, 5, 30, written.length - 1]) {
      const changed = Buffer.from(written);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(readOutline(changed, "entry 1")).toBeUndefined();
    }
  });

  test.each(["[1,2", '{"a":', "", "nul", "]", '"abc', "12", "[[[", "{}", "[]", '""', "[ ]"])(
    "of %j does no harm",
    async (json) => {
      const outline = await buildOutline(Buffer.from(json), FINE);
      expect(outline?.root.count ?? 0).toBeLessThan(4);
    },
  );
});
