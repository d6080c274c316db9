import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { RequestOptions } from "@modelcontextprotocol/sdk/shared/protocol.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { tokens } from "mcp-refcache";
import { z } from "zod";

/** What a model sees of an answer, as far as the walk looks at it. */
const answerSchema = z.object({
  ref_id: z.string().optional(),
  is_complete: z.boolean().optional(),
  message: z.string().optional(),
  value: z.unknown().optional(),
  preview: z.unknown().optional(),
  total_items: z.number().nullish(),
  size: z.number().optional(),
  original_size: z.number().optional(),
  preview_size: z.number().optional(),
  page: z.number().optional(),
  total_pages: z.number().optional(),
});

/** A tool's answer. */
export interface Called {
  /** What was in `structuredContent`. */
  readonly answer: z.output<typeof answerSchema>;
  /** The whole of `structuredContent`. */
  readonly content: Record<string, unknown>;
  /** The text a model reads. */
  readonly text: string;
  /** How many tokens that text is. */
  readonly seen: number;
}

/**
 * Calls a tool as a model's client does.
 * @param options `onprogress` hears how far it is.
 * @throws {Error} with the tool's own words when it answers with an error.
 */
export async function callTool(
  client: Client,
  name: string,
  args: Record<string, unknown>,
  options: RequestOptions = {},
): Promise<Called> {
  const result = CallToolResultSchema.parse(
    await client.callTool({ name, arguments: args }, undefined, options),
  );
  const text = result.content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
  if (result.isError === true) throw new Error(`${name}: ${text}`);
  const content = result.structuredContent ?? {};
  return { answer: answerSchema.parse(content), content, text, seen: tokens.count(text) };
}
