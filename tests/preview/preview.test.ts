import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeValue } from "../../src/entry/decode.js";
import { characters, type SizeMeasure, tokens } from "../../src/preview/measure.js";
import { makePreview, type PreviewRequest, type PreviewStrategy } from "../../src/preview/preview.js";
import { strictJson } from "../../src/preview/strict-json.js";
import { anyRequest, anyValue } from "./arbitraries.js";
import { ordinary } from "./corpora.js";
import { measures } from "./measures.js";

const strategies: readonly PreviewStrategy[] = ["sample", "truncate", "paginate"];
const everyWay = strategies.flatMap((strategy) =>
  Object.entries(measures).map(([name, measure]) => [strategy, name, measure] as const),
);

const rows = Array.from({ length: 10_000 }, (_, id) => ({
  id,
  name: `user ${id}`,
  score: id * 1.37,
  tags: ["a"],
}));

function nested(depth: number): unknown {
  let value: unknown = "bottom";
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { value };
  return value;
}

const hazards: Readonly<Record<string, unknown>> = {
  "one huge item": [{ body: "x".repeat(1_000_000) }],
  "a huge list in an object": { users: rows, next: null },
  "10,000 levels": nested(10_000),
  "a line of 1 MB": "a line without an end ".repeat(50_000),
  "1 MB of one letter": "a".repeat(1_000_000),
  Chinese: [ordinary.Chinese?.repeat(50)],
  emoji: { emoji: "👨‍👩‍👧‍👦😀".repeat(10_000) },
  "lone surrogates": "\ud83d".repeat(10_000),
  "control characters": ["\u0000".repeat(10_000)],
  "huge keys": { ["k".repeat(100_000)]: 1, ["l".repeat(100_000)]: { ["m".repeat(100_000)]: 2 } },
  "many members": Object.fromEntries(rows.map((row) => [`row ${row.id}`, row])),
  "a bigint of 10,000 digits": 10n ** 10_000n,
  "huge bigints": [10n ** 10_000n, -(10n ** 10_000n)],
  "many empty lists": Array.from({ length: 100_000 }, () => []),
  "a list of lists": Array.from({ length: 300 }, () => Array.from({ length: 300 }, () => 1.5)),
  "special tokens": ["<|endoftext|>".repeat(1000)],
  "a number": -Math.PI * 1e-300,
  nothing: null,
  "the marker's own name": { list: { "…": "x".repeat(9000), "……": 1, "………": 2, "…………": "y".repeat(9000) } },
};

function expectBounded(value: unknown, request: PreviewRequest): void {
  const made = makePreview(value, request);
  const text = JSON.stringify(made.preview);
  expect(isDeepStrictEqual(JSON.parse(text), made.preview)).toBe(true);
  expect(made.size).toBe(request.measure.count(text));
  if (made.preview !== null || made.shown.count > 0) expect(made.size).toBeLessThanOrEqual(request.maxSize);
  expect(made.shown.count).toBeLessThanOrEqual(made.shown.total);
}

describe.each(everyWay)("%s, in %s", (strategy, _, measure) => {
  test("is never above the limit, and is valid JSON", () => {
    fc.assert(fc.property(anyValue, anyRequest(strategy, measure), expectBounded), { numRuns: 40 });
  });

  test.each(Object.entries(hazards))("holds the limit for %s", (_hazard, value) => {
    for (const maxSize of [10, 300]) {
      expectBounded(value, { strategy, measure, maxSize, maxPageSize: 100 });
    }
  });
});

describe.each(strategies)("%s", (strategy) => {
  const request = (measure: SizeMeasure, maxSize: number): PreviewRequest => ({
    strategy,
    measure,
    maxSize,
    maxPageSize: 1000,
  });

  test("is the same every time", () => {
    fc.assert(
      fc.property(anyValue, anyRequest(strategy, tokens), (value, asked) => {
        const again = makePreview(structuredClone(value), asked);
        expect(JSON.stringify(makePreview(value, asked))).toBe(JSON.stringify(again));
      }),
    );
  });

  test("is the same for the value a tool returned and for the one read back", () => {
    const returned = {
      when: new Date(0),
      gone: undefined,
      small: 5n,
      large: [2n ** 64n, 2 ** 60, 1e21, -0, Number.NaN, Number.NEGATIVE_INFINITY],
      bare: Object.assign(Object.create(null), { a: 1 }),
      rows: rows.slice(0, 50),
    };
    const stored =
      '{"when":"1970-01-01T00:00:00.000Z","small":5,"large":[18446744073709551616,1.152921504606847e+18,1e+21,-0.0,' +
      `NaN,-Infinity],"bare":{"a":1},"rows":${JSON.stringify(returned.rows)}}`;
    for (const maxSize of [20, 100, 300, 5000]) {
      const live = makePreview(returned, request(tokens, maxSize));
      const parsed = makePreview(decodeValue(stored), request(tokens, maxSize));
      expect(JSON.stringify(live)).toBe(JSON.stringify(parsed));
    }
  });

  test("shows a value that fits as it is", () => {
    fc.assert(
      fc.property(anyValue, (value) => {
        fc.pre(JSON.stringify(strictJson(value)).length < 5000);
        const made = makePreview(value, request(characters, 5000));
        expect(isDeepStrictEqual(made.preview, strictJson(value))).toBe(true);
        expect(made.shortened).toBe(false);
      }),
    );
  });

  test.each(["rows", "users", "text", "ints"])("fills the limit well for %s", (kind) => {
    const values = {
      rows,
      users: { users: rows, total: 5 },
      text: "some words ".repeat(9999),
      ints: rows.map((row) => row.id),
    };
    for (const measure of Object.values(measures).slice(0, 3)) {
      const made = makePreview(values[kind as keyof typeof values], request(measure, 600));
      // Pages are planned by an estimate that errs on the safe side, so exact tokens fill them less.
      const least = strategy === "paginate" ? 0.35 : 0.7;
      expect(made.size / 600).toBeGreaterThanOrEqual(least);
    }
  });
});

describe("a measure that nothing holds", () => {
  test("gets null", () => {
    const measure: SizeMeasure = { unit: "tokens", count: () => 99 };
    const made = makePreview([1, 2], { strategy: "sample", measure, maxSize: 10, maxPageSize: 10 });
    expect(made).toMatchObject({ preview: null, shown: { count: 0, total: 2 }, totalItems: 2 });
  });

  test("gets what is empty, if that does", () => {
    const measure: SizeMeasure = { unit: "tokens", count: (text) => (text === "{}" ? 2 : 99) };
    const made = makePreview({ a: 1 }, { strategy: "truncate", measure, maxSize: 10, maxPageSize: 10 });
    expect(made).toMatchObject({ preview: {}, size: 2, shown: { count: 0, total: 1 } });
  });
});
