import type { Weigh } from "./batch-reading.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { isPlainObject } from "./entry/plain.js";
import { readValue } from "./entry/value.js";
import { LimitExceededError } from "./errors.js";
import { isReference, type RefId } from "./reference.js";

/** Texts of a reference's form that one call may hold, references or not; each distinct one is looked up. */
const MOST_LOOK_ALIKES = 1000;

/** Bounds on what one call may resolve. */
export interface ResolutionLimits {
  readonly maxDepth: number;
  readonly maxReferences: number;
  /** Bytes of JSON text. */
  readonly maxResolvedBytes: number;
}

/** Gets the entry of a reference that the caller may use, or `undefined` when there is none for them. */
export type FetchEntry = (refId: RefId) => Promise<Entry | undefined>;

/** Where entries come from. */
export interface EntrySource {
  readonly fetch: FetchEntry;
  /** Reads several ahead, for `fetch` to be replaced by what it gives. Absent where that is no faster. */
  readonly ahead?: ((refIds: readonly RefId[], weigh: Weigh) => Promise<FetchEntry>) | undefined;
}

/**
 * Tells entries whose size the caller may not know. They have a bound of their own: weighed together with a value of
 * known size, they would tell theirs by when the bound is met.
 */
export type IsHidden = (head: EntryHead) => boolean;

/** Arguments with their references replaced. */
export interface Resolution {
  readonly value: unknown;
  /** Look-alikes left as they were, since they lead to nothing the caller may use. */
  readonly missing: readonly RefId[];
}

/** Tells whether anything in the arguments has the form of a reference, or they are too much to tell. */
export function mayHaveReference(args: unknown, limits: ResolutionLimits): boolean {
  try {
    return countReferences(args, limits).size > 0;
  } catch {
    return true; // resolving them will say what is wrong
  }
}

/**
 * Puts values where the arguments hold references, at any depth. Only the arguments are searched: a text inside
 * a stored value is data, even where it looks like a reference. The arguments themselves are not changed.
 *
 * @throws {LimitExceededError} when there are too many references, or their values are too large together.
 */
export async function resolveReferences(
  args: unknown,
  source: EntrySource,
  limits: ResolutionLimits,
  isHidden: IsHidden = () => false,
): Promise<Resolution> {
  const found = countReferences(args, limits);
  if (found.size === 0) return { value: args, missing: [] };
  const entries = await fetchAll(found, source, () => new Bounds(found, limits, isHidden));
  const missing = [...found.keys()].filter((refId) => !entries.has(refId));
  return { value: entries.size === 0 ? args : substitute(args, entries), missing };
}

/** How often each reference occurs. Descends into lists and plain objects only. */
function countReferences(args: unknown, limits: ResolutionLimits): Map<RefId, number> {
  const found = new Map<RefId, number>();
  const visit = (value: unknown, depth: number): void => {
    if (typeof value === "string") {
      if (!isReference(value)) return;
      found.set(value, (found.get(value) ?? 0) + 1);
      if (found.size > MOST_LOOK_ALIKES) throw tooMany(MOST_LOOK_ALIKES);
    } else if (typeof value === "object" && value !== null) {
      if (depth >= limits.maxDepth) throw tooDeep(limits);
      for (const member of membersOf(value)) visit(member, depth + 1);
    }
  };
  visit(args, 0);
  return found;
}

function membersOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return isPlainObject(value) ? Object.values(value) : [];
}

/** One after the other, so that the bound on bytes is met before the store has sent all of them. */
async function fetchAll(
  references: ReadonlyMap<RefId, number>,
  { fetch, ahead }: EntrySource,
  bounds: () => Bounds,
): Promise<Map<RefId, Entry>> {
  const weigh = (heads: ReadonlyMap<RefId, EntryHead>) => {
    const known = bounds();
    for (const [refId, head] of heads) known.add(refId, head, head.metadata.totalSize ?? 0);
  };
  const isBatch = ahead !== undefined && references.size > 1;
  const take = isBatch ? await ahead([...references.keys()], weigh) : fetch;
  const entries = new Map<RefId, Entry>();
  const taken = bounds();
  for (const refId of references.keys()) {
    const entry = await take(refId);
    if (entry === undefined) continue;
    taken.add(refId, entry, Math.max(entry.metadata.totalSize ?? 0, entry.json.length));
    entries.set(refId, entry);
  }
  return entries;
}

/** Counts what a call uses, each place of a reference. */
class Bounds {
  readonly #references: ReadonlyMap<RefId, number>;
  readonly #limits: ResolutionLimits;
  readonly #isHidden: IsHidden;
  readonly #bytes = { seen: 0, hidden: 0 };
  #total = 0;

  constructor(references: ReadonlyMap<RefId, number>, limits: ResolutionLimits, isHidden: IsHidden) {
    this.#references = references;
    this.#limits = limits;
    this.#isHidden = isHidden;
  }

  /** @throws {LimitExceededError} when that is too much. */
  add(refId: RefId, head: EntryHead, bytes: number): void {
    const occurrences = this.#references.get(refId) ?? 0;
    this.#total += occurrences;
    if (this.#total > this.#limits.maxReferences) throw tooMany(this.#limits.maxReferences);
    const kind = this.#isHidden(head) ? "hidden" : "seen";
    this.#bytes[kind] += occurrences * bytes;
    if (this.#bytes[kind] > this.#limits.maxResolvedBytes) throw tooLarge(this.#limits);
  }
}

/** Each place gets a copy of its own, so that a tool may change what it was given. */
function substitute(value: unknown, entries: ReadonlyMap<RefId, Entry>): unknown {
  if (typeof value === "string") {
    const entry = entries.get(value);
    return entry === undefined ? value : readValue(value, entry);
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, entries));
  if (typeof value !== "object" || value === null || !isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, substitute(member, entries)]));
}

function tooDeep({ maxDepth }: ResolutionLimits): LimitExceededError {
  return new LimitExceededError("limits.maxDepth", `The arguments are nested deeper than ${maxDepth} levels`);
}

function tooMany(most: number): LimitExceededError {
  const problem = `The arguments hold more references than the ${most} one call may use`;
  return new LimitExceededError("limits.maxReferences", problem);
}

function tooLarge({ maxResolvedBytes }: ResolutionLimits): LimitExceededError {
  const problem = `The referenced values are larger together than the ${maxResolvedBytes} bytes one call may use`;
  return new LimitExceededError("limits.maxResolvedBytes", problem);
}
