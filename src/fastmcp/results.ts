import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { ContentResult } from "fastmcp";
import type { Answer } from "../answer.js";
import { DecryptionError, RefCacheError, StoreError } from "../errors.js";
import type { Logger } from "../logger.js";
import { InvalidArguments } from "./schemas.js";

/** The URI under which a reference can be read as a resource. */
export function resourceUri(refId: string): string {
  return `refcache://${refId}`;
}

/**
 * An answer as a tool's result. Clients show either the text or the structured content, so both are the same
 * object, whole. A large answer carries a link to itself as a resource.
 *
 * @param bare answer with the value alone where it is shown whole, as the tool's own output schema wants it.
 */
export function toResult(answer: Answer, bare: boolean): ContentResult {
  const shown = bare && answer.is_complete ? answer.value : answer;
  const content: ContentResult["content"] = [{ type: "text", text: JSON.stringify(shown) }];
  if (!answer.is_complete && !answer.is_async && answer.ref_id !== null) {
    content.push({
      type: "resource_link",
      uri: resourceUri(answer.ref_id),
      name: answer.ref_id,
      mimeType: "application/json",
    });
  }
  return { content, structuredContent: shown as Record<string, unknown> };
}

/** What formats the issues of a schema; FastMCP lets servers bring their own. */
export type FormatIssues = (issues: readonly StandardSchemaV1.Issue[]) => string;

/**
 * An error as a tool's result, where it is one that the caller can act on.
 * @throws the error itself where it is the tool's own, for FastMCP to tell.
 */
export function toErrorResult(
  error: unknown,
  tool: string,
  logger: Logger,
  formatIssues: FormatIssues = listIssues,
): ContentResult {
  if (error instanceof RefCacheError) return errorResult(messageFor(error, logger), error.code);
  if (!(error instanceof InvalidArguments)) throw error;
  const issues = formatIssues(error.issues);
  return errorResult(
    `Tool '${tool}' parameter validation failed: ${issues}. Please check the parameter types and values according to the tool's schema.`,
    "invalid_arguments",
  );
}

/** What whoever asked is told. Where the store is and what it says concerns the server's operator only. */
export function messageFor(error: RefCacheError, logger: Logger): string {
  if (error instanceof DecryptionError) logger.error(error.message); // somebody may have been at the store
  if (!(error instanceof StoreError)) return error.message;
  logger.error(error.message);
  return "The store of this server does not work at the moment. Try again later.";
}

function errorResult(text: string, code: string): ContentResult {
  return { isError: true, content: [{ type: "text", text }], _meta: { code } };
}

/** Says it as FastMCP does for arguments without references. */
function listIssues(issues: readonly StandardSchemaV1.Issue[]): string {
  return issues.map(({ path, message }) => `${path?.map(keyOf).join(".") || "root"}: ${message}`).join(", ");
}

function keyOf(segment: PropertyKey | StandardSchemaV1.PathSegment): string {
  return String(typeof segment === "object" ? segment.key : segment);
}
