import { encode } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import { gptTokens } from "../../src/preview/gpt-tokens.js";
import { tokenizer } from "../../src/preview/tokenizer.js";
import { ordinary } from "./corpora.js";

/** A tokenizer that records what it is given. */
function recording() {
  const pieces: string[] = [];
  const measure = tokenizer((text) => {
    pieces.push(text);
    return text;
  });
  return { pieces, measure };
}

describe("tokenizer", () => {
  test.each(Object.entries(ordinary))("counts %s as the tokenizer does", (_, text) => {
    const real = encode(text).length;
    expect(tokenizer(encode).count(text)).toBeGreaterThanOrEqual(real);
    expect(tokenizer(encode).count(text)).toBeLessThanOrEqual(Math.ceil(real * 1.01));
  });

  test.each(["a", "=", " ", "中", "\n"])("cuts a long run of %j", (unit) => {
    const { pieces, measure } = recording();
    expect(measure.count(unit.repeat(10_000))).toBe(10_000);
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(512);
  });

  test("cuts no surrogate pair", () => {
    const { pieces, measure } = recording();
    measure.count(`x${"😀".repeat(2000)}`);
    expect(pieces.join("")).toBe(`x${"😀".repeat(2000)}`);
    expect(pieces.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false);
  });

  test("loses nothing of a text with runs and special tokens", () => {
    const { pieces, measure } = recording();
    const text = `<|endoftext|> ${"ab<|".repeat(500)} \n\n ${"😀".repeat(600)}\ud83d <`;
    measure.count(text);
    expect(pieces.join("")).toBe(text);
  });

  test("hands ordinary text over in one piece", () => {
    const { pieces, measure } = recording();
    measure.count("an ordinary text");
    expect(pieces).toEqual(["an ordinary text"]);
  });

  test("counts a special token as text, with a tokenizer that throws on it", () => {
    expect(() => encode("<|endoftext|>")).toThrow();
    expect(tokenizer(encode).count("<|endoftext|>")).toBeGreaterThan(3);
  });
});

describe("gptTokens", () => {
  test("counts exactly", async () => {
    expect((await gptTokens()).count("hello world")).toBe(2);
    expect((await gptTokens("cl100k_base")).count("hello world")).toBe(2);
  });

  test("counts a special token as text", async () => {
    expect((await gptTokens()).count("<|endoftext|>")).toBeGreaterThan(3);
  });

  test("is quick with one long run", async () => {
    expect((await gptTokens()).count("a".repeat(100_000))).toBeGreaterThan(0);
  }, 5_000);
});
