import type { Entry } from "./entry/entry.js";
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

/**
 * Tells entries whose size the caller may not know. They have a bound of their own: weighed together with a value of
 * known size, they would tell theirs by when the bound is met.
 */
export type IsHidden = (entry: Entry) => boolean;

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
  fetch: FetchEntry,
  limits: ResolutionLimits,
  isHidden: IsHidden = () => false,
): Promise<Resolution> {
  const found = countReferences(args, limits);
  if (found.size === 0) return { value: args, missing: [] };
  const entries = await fetchAll(found, fetch, limits, isHidden);
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
  fetch: FetchEntry,
  limits: ResolutionLimits,
  isHidden: IsHidden,
): Promise<Map<RefId, Entry>> {
  const entries = new Map<RefId, Entry>();
  const bytes = { seen: 0, hidden: 0 };
  let total = 0;
  for (const [refId, occurrences] of references) {
    const entry = await fetch(refId);
    if (entry === undefined) continue;
    total += occurrences;
    if (total > limits.maxReferences) throw tooMany(limits.maxReferences);
    const kind = isHidden(entry) ? "hidden" : "seen";
    bytes[kind] += occurrences * Math.max(entry.metadata.totalSize ?? 0, entry.json.length);
    if (bytes[kind] > limits.maxResolvedBytes) throw tooLarge(limits);
    entries.set(refId, entry);
  }
  return entries;
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
