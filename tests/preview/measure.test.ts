import { describe, expect, test } from "vitest";
import { gptTokens } from "../../src/preview/gpt-tokens.js";
import { approximateSize, characters, estimateTokens, tokens } from "../../src/preview/measure.js";
import { ordinary, unusual } from "./corpora.js";

const exact = await Promise.all([gptTokens("o200k_base"), gptTokens("cl100k_base")]);

describe("estimateTokens", () => {
  test.each(Object.entries({ ...ordinary, ...unusual }))("is not below the real count of %s", (_, text) => {
    for (const measure of exact) expect(estimateTokens(text)).toBeGreaterThanOrEqual(measure.count(text));
  });

  test.each(Object.entries(ordinary))("is not far above the real count of %s", (_, text) => {
    const real = Math.max(...exact.map((measure) => measure.count(text)));
    expect(estimateTokens(text)).toBeLessThanOrEqual(2.5 * real);
  });

  test("is the same however long the text is that it is part of", () => {
    const text = `${ordinary["JSON rows"]}`;
    const list = `[${Array(50).fill(text).join(",")}]`;
    expect(estimateTokens(list)).toBeGreaterThan(49 * estimateTokens(text));
    expect(estimateTokens(list)).toBeLessThan(51 * estimateTokens(text));
  });

  test("of nothing is nothing", () => {
    expect(estimateTokens("")).toBe(0);
  });
});

describe("characters", () => {
  test("counts UTF-16 code units", () => {
    expect(characters.count("a😀")).toBe(3);
  });
});

describe("approximateSize", () => {
  const long = `${ordinary["JSON rows"]}\n${ordinary["English prose"]}`.repeat(40);

  test("counts a text of up to 64 KiB in full", () => {
    const text = long.slice(0, 65_536);
    expect(approximateSize(tokens, text)).toBe(tokens.count(text));
  });

  test("comes close for a longer text, from no more than 64 KiB of it", () => {
    let looked = 0;
    const count = (text: string) => {
      looked += text.length;
      return tokens.count(text);
    };
    const counting = { ...tokens, count };
    const size = approximateSize(counting, long);
    expect(looked).toBe(65_536);
    expect(Math.abs(size / tokens.count(long) - 1)).toBeLessThan(0.05);
  });

  test("is exact for characters", () => {
    expect(approximateSize(characters, long)).toBe(long.length);
  });

  test("is the same every time", () => {
    expect(approximateSize(tokens, long)).toBe(approximateSize(tokens, long));
  });
});
