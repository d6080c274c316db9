import { PeerDependencyError } from "../errors.js";
import type { SizeMeasure } from "./measure.js";
import { tokenizer } from "./tokenizer.js";

/** The encodings of OpenAI models; `o200k_base` is that of the current ones. */
export type GptEncoding = "o200k_base" | "cl100k_base";

/**
 * Measures in exact tokens of OpenAI models, by the optional peer dependency `gpt-tokenizer`, which is loaded
 * here and not before (150 ms and 70 MB).
 * @throws {PeerDependencyError} when `gpt-tokenizer` is not installed.
 */
export async function gptTokens(encoding: GptEncoding = "o200k_base"): Promise<SizeMeasure> {
  const { encode } = await load(encoding);
  const options = { disallowedSpecial: new Set<string>() };
  return tokenizer((text) => encode(text, options));
}

async function load(encoding: GptEncoding) {
  try {
    return encoding === "cl100k_base"
      ? await import("gpt-tokenizer/encoding/cl100k_base")
      : await import("gpt-tokenizer/encoding/o200k_base");
  } catch (cause) {
    throw new PeerDependencyError(
      "Exact token counts need gpt-tokenizer. Install it with: npm install gpt-tokenizer@4",
      { cause },
    );
  }
}
