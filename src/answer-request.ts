import type { AnswerRequest } from "./answer.js";
import type { CachedOptions } from "./call.js";
import type { ResolvedOptions } from "./options.js";
import type { Place } from "./placement.js";

/** How the results of a function's calls are answered: as the call's options say, else the namespace's. */
export function answerRequestOf(
  { preview, maxSize }: CachedOptions,
  { settings }: Place,
  { limits, measure }: ResolvedOptions,
): Omit<AnswerRequest, "mayRead"> {
  return {
    measure,
    preview: preview ?? settings.preview,
    maxSize: Math.min(maxSize ?? settings.maxSize, limits.maxPreviewSize),
    maxPageSize: limits.maxPageSize,
    repeat: { max_size: maxSize },
  };
}
