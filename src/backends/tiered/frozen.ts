import { type Entry, type EntryHead, storedSizeOf } from "../../entry/entry.js";

/** What a head takes at most, with what is kept of it beside, in bytes. */
export const HEAD_BYTES = 1024;

/** What an entry takes in memory at most, in bytes. */
export function bytesOf({ json, metadata }: Entry): number {
  return HEAD_BYTES + (storedSizeOf(metadata) === json.length ? json.length : 2 * json.length);
}

/** The head of an entry. */
export function headOf({ json: _, ...head }: Entry): EntryHead {
  return head;
}

/** A copy that nobody can change. */
export function frozenCopy({ json, ...head }: Entry): Entry {
  return Object.freeze({ json, ...frozenHead(head) });
}

/** A head that nobody can change. */
export function frozenHead(head: EntryHead): EntryHead {
  const { namespace, policy, createdAt, expiresAt, metadata } = head;
  return Object.freeze({
    namespace,
    policy: deepFreeze(structuredClone(policy)),
    createdAt,
    expiresAt,
    metadata: deepFreeze(structuredClone(metadata)),
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value))
    Object.values(Object.freeze(value)).forEach(deepFreeze);
  return value;
}
