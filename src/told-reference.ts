import type { EntryHead } from "./entry/entry.js";
import type { RefId } from "./reference.js";

/** A stored value by name, with what may be told of it. */
export interface Reference {
  readonly refId: RefId;
  readonly namespace: string;
  /** Unix time in milliseconds. */
  readonly createdAt: number;
  /** Unix time in milliseconds, `null` for never. */
  readonly expiresAt: number | null;
  /** The tool that made it, or `null`. */
  readonly toolName: string | null;
  /** Items of a list, members of an object, else `null`; also `null` for those who may use and not see it. */
  readonly totalItems: number | null;
  /** Size of the value as JSON text in bytes, where known; `null` for those who may use and not see it. */
  readonly bytes: number | null;
}

/** All that is known of a reference, for those who may READ its value. */
export function toReference(
  refId: RefId,
  { namespace, createdAt, expiresAt, metadata }: EntryHead,
): Reference {
  const { toolName, totalItems, totalSize } = metadata;
  return { refId, namespace, createdAt, expiresAt, toolName, totalItems, bytes: totalSize };
}
