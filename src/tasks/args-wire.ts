import { decodeValue } from "../entry/decode.js";
import { encodeValue } from "../entry/encode.js";
import { canonicalText } from "../memo.js";

/**
 * The argument of a call as exact JSON text; `undefined` where another process would not get the same from it, as with
 * dates and class instances.
 */
export function argsToWire(
  args: unknown,
  limits: { readonly maxValueBytes: number; readonly maxDepth: number },
): string | undefined {
  if (args === undefined) return "";
  const text = canonicalText(args);
  if (text === undefined) return undefined;
  try {
    const { json } = encodeValue(args, limits);
    return canonicalText(decodeValue(json)) === text ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The argument that {@link argsToWire} made a text of. */
export function argsFromWire(json: string): unknown {
  return json === "" ? undefined : decodeValue(json);
}
