import { admit, admitAgain, type CountedAsking, foundBy } from "./admission.js";
import { type CacheBackend, type Found, hasBatches, hasHeads } from "./backends/backend.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { DecryptionError, EntryUnreadableError } from "./errors.js";
import { isReference, type RefId } from "./reference.js";

/** What became of one of several references: its entry, nothing, or why it cannot be read. */
export type Outcome = Entry | undefined | EntryUnreadableError | DecryptionError;

/** Looks at the heads of what the asker may have before any value is read; throws where that is too much. */
export type Weigh = (heads: ReadonlyMap<RefId, EntryHead>) => void;

/** What a batch is read from, and for whom. */
export interface BatchReading extends CountedAsking {
  readonly backend: CacheBackend;
  /** See {@link Protection.open}. */
  open(refId: RefId, sealed: Entry): Entry | undefined | Promise<Entry | undefined>;
}

/** References by whether they may be had: the head or the whole entry, nothing, or that it cannot be read. */
type Admitted = ReadonlyMap<string, Found<EntryHead>>;

/**
 * The entries of several references, for those who may do this with them, each as if it were asked for alone. Takes one
 * round trip to each node of the store for the heads, unless the server itself asks, and one for the values.
 * @throws {StoreError}
 */
export async function readMany(
  refIds: readonly string[],
  reading: BatchReading,
): Promise<readonly Outcome[]> {
  const { backend, questions } = reading;
  const isWhole = !hasHeads(backend) || questions.actor.type === "system";
  const admitted = await admitMany(refIds, isWhole ? getMany : headMany, reading);
  const wholes = isWhole ? admitted : await wholesOf([...headsOf(admitted).keys()], backend);
  return Promise.all(
    refIds.map((refId) => {
      const head = admitted.get(refId);
      return isHead(head) ? opened(refId, head, wholes.get(refId), reading) : head;
    }),
  );
}

/**
 * Reads several references ahead, for who then takes one after the other: the heads at once, and the values of known
 * size at once. The others are read when they are taken.
 * @throws {StoreError}, and what `weigh` throws.
 */
export async function readAhead(
  refIds: readonly RefId[],
  reading: BatchReading,
  weigh: Weigh,
): Promise<(refId: RefId) => Promise<Entry | undefined>> {
  const { backend } = reading;
  const admitted = await admitMany(refIds, headMany, reading);
  const heads = headsOf(admitted);
  weigh(heads);
  const ofKnownSize = [...heads].filter(([, { metadata }]) => metadata.totalSize !== null);
  const wholes = await wholesOf(
    ofKnownSize.map(([refId]) => refId),
    backend,
  );
  return async (refId) => {
    const head = admitted.get(refId);
    if (!isHead(head)) return orThrow(head);
    const whole = wholes.has(refId) ? wholes.get(refId) : await foundBy(backend.get(refId));
    return orThrow(await opened(refId, head, whole, reading));
  };
}

async function admitMany(
  refIds: readonly string[],
  read: (backend: CacheBackend, refIds: readonly RefId[]) => Promise<readonly Found<EntryHead>[]>,
  reading: BatchReading,
): Promise<Admitted> {
  const known = [...new Set(refIds)].filter(isReference);
  const found = known.length === 0 ? [] : await read(reading.backend, known);
  const byReference = new Map(known.map((refId, n) => [refId, found[n]]));
  const admitted = await Promise.all(
    refIds.map((refId) => foundBy(admit(refId, byReference.get(refId), reading))),
  );
  return new Map(refIds.map((refId, n) => [refId, admitted[n]]));
}

async function wholesOf(refIds: readonly RefId[], backend: CacheBackend): Promise<Admitted> {
  const found = refIds.length === 0 ? [] : await getMany(backend, refIds);
  return new Map(refIds.map((refId, n) => [refId, found[n]]));
}

async function opened(
  refId: RefId,
  asked: EntryHead,
  whole: Found<EntryHead>,
  reading: BatchReading,
): Promise<Outcome> {
  const sealed = await admitAgain(asked, whole as Found<Entry>, reading);
  try {
    return sealed && (await reading.open(refId, sealed));
  } catch (error) {
    if (error instanceof DecryptionError || error instanceof EntryUnreadableError) return error;
    throw error;
  }
}

async function getMany(backend: CacheBackend, refIds: readonly RefId[]): Promise<readonly Found<Entry>[]> {
  if (hasBatches(backend)) return backend.getMany(refIds);
  return Promise.all(refIds.map((refId) => foundBy(backend.get(refId))));
}

async function headMany(
  backend: CacheBackend,
  refIds: readonly RefId[],
): Promise<readonly Found<EntryHead>[]> {
  if (hasBatches(backend)) return backend.headMany(refIds);
  const read = (refId: RefId) => (hasHeads(backend) ? backend.head(refId) : backend.get(refId));
  return Promise.all(refIds.map((refId) => foundBy(read(refId))));
}

function headsOf(admitted: Admitted): Map<RefId, EntryHead> {
  return new Map([...admitted].flatMap(([refId, head]) => (isHead(head) ? [[refId, head]] : [])));
}

function isHead(found: Found<EntryHead>): found is EntryHead {
  return found !== undefined && !(found instanceof EntryUnreadableError);
}

function orThrow(outcome: Outcome): Entry | undefined {
  if (outcome instanceof Error) throw outcome;
  return outcome;
}
