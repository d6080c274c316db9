import type {
  BatchStore,
  ChannelStore,
  HeadStore,
  LabelStore,
  LeaseStore,
  LinkStore,
  RangeStore,
  ReplaceStore,
  TaskStore,
} from "../../src/backends/backend.js";
import {
  hasBatches,
  hasChannel,
  hasHeads,
  hasLabels,
  hasLeases,
  hasLinks,
  hasRanges,
  hasReplace,
  hasTasks,
} from "../../src/backends/backend.js";
import { type Answer, type CacheBackend, RefCache, RefCacheError } from "../../src/index.js";
import { prepareBackend } from "./backend-operations.js";
import { prepareBatches } from "./batch-operations.js";
import { NAMESPACE, NO_LIST, prepareCache } from "./cache-operations.js";
import { prepareLabels } from "./label-operations.js";
import { prepareLeases } from "./lease-operations.js";
import { rows } from "./operation-kit.js";
import { prepareRanges } from "./range-operations.js";
import { prepareTasks } from "./task-operations.js";

/** A backend that can do all there is to do. */
export type FullBackend = CacheBackend &
  HeadStore &
  LinkStore &
  ReplaceStore &
  RangeStore &
  ChannelStore &
  LeaseStore &
  LabelStore &
  BatchStore &
  TaskStore;

/** A server on a store: a cache as tools use it, and a backend as the cache does. */
export interface Server {
  readonly cache: RefCache;
  readonly backend: FullBackend;
  /** A tool whose results are cached. */
  readonly rows: (args: { seed: number }) => Promise<Answer>;
  /** A tool that takes a reference. */
  readonly count: (args: { list: unknown }) => Promise<Answer>;
}

/**
 * How an operation ended: `value` is the right one, or an acknowledged write; `unstored` a tool's answer without a
 * reference; anything else the code of a typed error.
 */
export type Outcome = "value" | "miss" | "unstored" | string;

/** How an operation ended, and when. */
export interface Ended {
  readonly operation: Operation;
  readonly outcome: Outcome;
  /** Whether it failed, and may have been done all the same. */
  readonly outcomeUnknown: boolean;
  readonly elapsed: number;
}

/**
 * What there is of a write afterwards: all of it, nothing, some where it does several things, or something that must
 * never be.
 */
export type Remains = "done" | "undone" | "partly" | "wrong";

/** One thing to do on a store that may fail. */
export interface Operation {
  readonly name: string;
  /** A message is sent where writes are refused, too. */
  readonly kind: "read" | "write" | "tool" | "message";
  /** Whether it goes past the cache to the backend. */
  readonly isRaw?: boolean;
  /** How many commands it gives one after the other, each with a deadline of its own. */
  readonly steps: number;
  /** Does it. Throws an error that is not ours where what comes back is wrong. */
  run(): Promise<Outcome>;
  /** What there is of a write afterwards. */
  found?(observer: Server): Promise<Remains>;
}

/** A server of a backend for itself and one for its cache. */
export function serverOn(make: () => CacheBackend): Server {
  const backend = make();
  if (!canAll(backend)) throw new Error("a capability is missing");
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  const cache = new RefCache({ name: "faults", backend: make(), logger });
  return {
    cache,
    backend,
    rows: cache.cached(NAMESPACE, { name: "rows" })(async ({ seed }: { seed: number }) => rows(seed)),
    count: cache.cached(NAMESPACE, { name: "count" })(async ({ list }: { list: unknown }) => lengthOf(list)),
  };
}

/** Ends what a server holds. */
export async function closeServer({ cache, backend }: Server): Promise<void> {
  await Promise.all([cache.close(), backend.close()]);
}

/** Every operation there is, as `server` does them on what `observer` has stored before. */
export async function prepareOperations(
  server: Server,
  observer: Server,
  length?: number,
): Promise<Operation[]> {
  const prepared = await Promise.all(PREPARATIONS.map((prepare) => prepare(server, observer, length)));
  return prepared.flat();
}

const PREPARATIONS = [
  prepareCache,
  prepareBackend,
  prepareRanges,
  prepareBatches,
  prepareLabels,
  prepareLeases,
  prepareTasks,
] as const;

/** Does it, and tells how it ended; what is not one of our errors comes out as it is. */
export async function endOf(operation: Operation): Promise<Ended> {
  const start = performance.now();
  const told = await operation.run().then(
    (outcome) => ({ outcome, outcomeUnknown: false }),
    (error: unknown) => {
      if (!(error instanceof RefCacheError)) throw new Error(`${operation.name}: ${error}`, { cause: error });
      const outcome = error.code === "reference_unavailable" ? "miss" : error.code;
      return { outcome, outcomeUnknown: "outcomeUnknown" in error && error.outcomeUnknown === true };
    },
  );
  return { operation, ...told, elapsed: performance.now() - start };
}

/** A reference that leads nowhere comes as the text that it is, to a tool that takes anything. */
function lengthOf(list: unknown): number | string {
  return Array.isArray(list) ? list.length : NO_LIST;
}

function canAll(backend: CacheBackend): backend is FullBackend {
  return GUARDS.every((guard) => guard(backend));
}

const GUARDS = [
  ...[hasHeads, hasLinks, hasReplace, hasRanges, hasChannel, hasLeases, hasLabels, hasBatches],
  hasTasks,
];
