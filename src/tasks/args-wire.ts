import { decodeValue } from "../entry/decode.js";
import { encodeValue } from "../entry/encode.js";
import { canonicalText } from "../memo.js";

/** Bytes of an argument that is kept in the record of its task, which is written each second. */
const MOST_BYTES = 262_144;

/**
 * The argument of a call as exact JSON text; `undefined` where another process would not get the same from it, as with
 * dates and class instances, or it is larger than 256 KiB: references stand for large values.
 */
export function argsToWire(args: unknown, maxDepth: number): string | undefined {
  if (args === undefined) return "";
  const text = canonicalText(args);
  if (text === undefined) return undefined;
  try {
    const { json } = encodeValue(args, { maxValueBytes: MOST_BYTES, maxDepth });
    return canonicalText(decodeValue(json)) === text ? json : undefined;
  } catch {
    return undefined;
  }
}

/** The argument that {@link argsToWire} made a text of. */
export function argsFromWire(json: string): unknown {
  return json === "" ? undefined : decodeValue(json);
}
