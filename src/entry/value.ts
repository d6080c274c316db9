import { EntryUnreadableError } from "../errors.js";
import { decodeValue } from "./decode.js";
import type { Entry } from "./entry.js";

/**
 * The value of an entry, a copy of the caller's own.
 * @throws {EntryUnreadableError} when the text is not JSON.
 */
export function readValue(refId: string, { json, metadata }: Entry): unknown {
  try {
    return decodeValue(json, metadata.strictJson);
  } catch {
    throw new EntryUnreadableError(refId, "its value is not JSON"); // no cause: it would quote the value
  }
}
