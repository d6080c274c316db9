import { DEFAULT_POLICY, type Policy } from "../../src/access/policy.js";
import type { Entry, EntryMetadata } from "../../src/entry/entry.js";

/** What a test wants to say of an entry; everything else is ordinary. */
export interface EntryWish {
  /** The value; `json` beats it. */
  value?: unknown;
  /** The value as text, for what `JSON.stringify` does not write. */
  json?: string;
  namespace?: string;
  policy?: Partial<Policy>;
  /** Milliseconds from now until it expires; `null` or absent for never. */
  expiresIn?: number | null;
  metadata?: Partial<EntryMetadata>;
}

/** An entry as wished for: `entry({ namespace: "users", value: [1, 2], expiresIn: 50 })`. */
export function entry(wish: EntryWish = {}): Entry {
  const json = wish.json ?? JSON.stringify(wish.value ?? { rows: [1, 2, 3] });
  const now = Date.now();
  return {
    json,
    namespace: wish.namespace ?? "public",
    policy: { ...DEFAULT_POLICY, ...wish.policy },
    createdAt: now,
    expiresAt: wish.expiresIn == null ? null : now + wish.expiresIn,
    metadata: {
      toolName: null,
      totalItems: null,
      totalSize: Buffer.byteLength(json),
      strictJson: true,
      ...wish.metadata,
    },
  };
}

/** An entry that expired a second ago. */
export function expiredEntry(wish: EntryWish = {}): Entry {
  return entry({ ...wish, expiresIn: -1000 });
}

/** The n-th of a row of distinct, well-formed references. */
export function reference(n: number): string {
  return `test:${n.toString(16).padStart(32, "0")}`;
}

/** Everything an async iterable yields, in order. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
