import type { CopiedKey } from "../backend.js";

/** An entry, as something that is copied. */
export function entryKey(refId: string): CopiedKey {
  return { kind: "entry", name: refId };
}

/** A link, as something that is copied. */
export function linkKey(name: string): CopiedKey {
  return { kind: "link", name };
}
