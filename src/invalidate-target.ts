import { z } from "zod";
import { checkTags, type Label } from "./entry/labels.js";
import { ConfigurationError } from "./errors.js";
import { checkShape } from "./options.js";

/** What {@link RefCache.invalidate} removes: exactly one of the three. */
export type InvalidateTarget =
  | { readonly tags: string | readonly string[]; readonly namespace?: undefined; readonly tool?: undefined }
  | { readonly namespace: string; readonly tags?: undefined; readonly tool?: undefined }
  | { readonly tool: string; readonly tags?: undefined; readonly namespace?: undefined };

const name = z.string().min(1, "must not be an empty text").optional();
const shape = z.strictObject({ tags: z.unknown().optional(), namespace: name, tool: name });

/**
 * The labels that are meant; each of several tags.
 * @throws {ConfigurationError} unless it is exactly one kind, and acceptable.
 */
export function labelsToInvalidate(target: InvalidateTarget): readonly Label[] {
  checkShape(shape, target);
  const { tags, namespace, tool } = target;
  if ([tags, namespace, tool].filter((given) => given !== undefined).length !== 1)
    throw new ConfigurationError("invalidate", "takes exactly one of tags, namespace and tool");
  if (namespace !== undefined) return [{ kind: "namespace", name: namespace }];
  if (tool !== undefined) return [{ kind: "tool", name: tool }];
  return checkTags(typeof tags === "string" ? [tags] : tags).map((tag) => ({ kind: "tag", name: tag }));
}
