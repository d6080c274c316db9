import { expect, test, vi } from "vitest";
import { PeerDependencyError } from "../../src/errors.js";
import { gptTokens } from "../../src/preview/gpt-tokens.js";

vi.mock("gpt-tokenizer/encoding/o200k_base", () => {
  throw new Error("Cannot find package 'gpt-tokenizer'");
});

test("a missing gpt-tokenizer is an error that says what to install", async () => {
  const failure = gptTokens();
  await expect(failure).rejects.toBeInstanceOf(PeerDependencyError);
  await expect(failure).rejects.toThrow("npm install gpt-tokenizer@4");
});
