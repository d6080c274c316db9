import { isDeepStrictEqual } from "node:util";
import type { HeadStore, LinkStore, ReplaceStore } from "../../src/backends/backend.js";
import { hasHeads, hasLinks, hasReplace } from "../../src/backends/backend.js";
import { type Answer, type CacheBackend, RefCache, RefCacheError, SYSTEM } from "../../src/index.js";
import { all, entry } from "../helpers/entries.js";

/** A backend that can do all there is to do. */
export type FullBackend = CacheBackend & HeadStore & LinkStore & ReplaceStore;

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

/** One thing to do on a store that may fail. */
export interface Operation {
  readonly name: string;
  readonly kind: "read" | "write" | "tool";
  /** Whether it goes past the cache to the backend. */
  readonly isRaw?: boolean;
  /** How many commands it gives one after the other, each with a deadline of its own. */
  readonly steps: number;
  /** Does it. Throws an error that is not ours where what comes back is wrong. */
  run(): Promise<Outcome>;
  /** What there is afterwards, for a write: all of it, nothing, or something that must never be. */
  found?(observer: Server): Promise<"done" | "undone" | "wrong">;
}

const NAMESPACE = "faults";
const NO_LIST = "no list";
let made = 0;

/** A server of a backend for itself and one for its cache. */
export function serverOn(make: () => CacheBackend): Server {
  const backend = make();
  if (!hasHeads(backend) || !hasLinks(backend) || !hasReplace(backend))
    throw new Error("a capability is missing");
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
  const [ofCache, ofBackend] = await Promise.all([
    prepareCache(server, observer, length),
    prepareBackend(server, observer, length),
  ]);
  return [...ofCache, ...ofBackend.map((operation) => ({ ...operation, isRaw: true }))];
}

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

async function prepareCache(server: Server, observer: Server, length?: number): Promise<Operation[]> {
  const { cache } = server;
  const [seed, doomed, over, fresh, cleared] = [nextSeed(), nextSeed(), nextSeed(), nextSeed(), nextSeed()];
  const options = { namespace: NAMESPACE };
  const as = { actor: SYSTEM };
  const store = (key: number, namespace = NAMESPACE) =>
    observer.cache.set(`key ${key}`, rows(key), { namespace });
  const { refId } = await store(seed);
  const doomedId = (await store(doomed)).refId;
  const overId = (await store(over)).refId;
  await store(cleared, `cleared ${cleared}`);
  await observer.rows({ seed });
  const findKey = async ({ cache }: Server, key: number) =>
    (await cache.lookup(`key ${key}`, { ...as, ...options }))?.refId;
  return [
    tool("a cached call, known", () => server.rows({ seed }), rows(seed).length),
    tool("a cached call, new", () => server.rows({ seed: nextSeed() }), rows(seed).length),
    read("a call with a reference", 3, async () => {
      const answer = await server.count({ list: refId });
      return answer.value === NO_LIST ? "miss" : right(answer.value, rows(seed).length);
    }),
    read("resolve", 1, async () => right(await cache.resolve(refId, as), rows(seed))),
    read("get a page", 1, async () => {
      const { preview } = await cache.get(refId, { ...as, page: 2, pageSize: 10 });
      return right(preview, rows(seed).slice(10, 20));
    }),
    read("lookup", 2, async () =>
      present((await cache.lookup(`key ${seed}`, { ...as, ...options }))?.refId, refId),
    ),
    read("info", 1, async () => present((await cache.info(refId, as))?.totalItems, rows(seed).length)),
    read("exists", 1, async () => ((await cache.exists(refId, as)) ? "value" : "miss")),
    read("list", 4, async () =>
      listed(
        (await all(cache.list({ ...as, ...options }))).map((told) => told.refId),
        refId,
      ),
    ),
    write(
      "set",
      1,
      () => cache.set(`key ${fresh}`, rows(fresh, length), options),
      async (observer) => {
        const found = await findKey(observer, fresh);
        if (found === undefined) return "undone";
        return isDeepStrictEqual(await observer.cache.resolve(found, as), rows(fresh, length))
          ? "done"
          : "wrong";
      },
    ),
    write(
      "set over a key",
      1,
      () => cache.set(`key ${over}`, rows(over, length), options),
      async (observer) => {
        const found = await findKey(observer, over);
        if (found === undefined) return "wrong";
        const expected = found === overId ? rows(over) : rows(over, length);
        if (!isDeepStrictEqual(await observer.cache.resolve(found, as), expected)) return "wrong";
        return found === overId ? "undone" : "done";
      },
    ),
    write(
      "delete",
      1,
      () => cache.delete(doomedId, as),
      async (observer) => ((await observer.cache.exists(doomedId, as)) ? "undone" : "done"),
    ),
    write(
      "clear",
      4,
      () => cache.clear(`cleared ${cleared}`, as),
      async (observer) =>
        (await all(observer.cache.list({ ...as, namespace: `cleared ${cleared}` }))).length > 0
          ? "undone"
          : "done",
    ),
  ];
}

async function prepareBackend(server: Server, observer: Server, length?: number): Promise<Operation[]> {
  const { backend } = server;
  const seeds = Array.from({ length: 7 }, nextSeed);
  const [known, fresh, linked, replaced, doomed, cleared, space] = seeds as [
    number,
    ...number[],
  ] as number[] & [number, number, number, number, number, number, number];
  const namespace = `raw ${space}`;
  const store = (seed: number, wish = {}) =>
    observer.backend.set(id(seed), entry({ value: rows(seed), ...wish }));
  await Promise.all([known, replaced, doomed].map((seed) => store(seed, { namespace })));
  await store(cleared, { namespace: `${namespace} cleared` });
  await observer.backend.setLinked(id(known), entry({ value: rows(known), namespace }), link(known));
  const value = (seed: number) => entry({ value: rows(seed, length), namespace });
  const stored = (seed: number, length?: number) => async (observer: Server) =>
    compare((await observer.backend.get(id(seed)))?.json, JSON.stringify(rows(seed, length)));
  return [
    read("backend get", 1, async () =>
      present((await backend.get(id(known)))?.json, JSON.stringify(rows(known))),
    ),
    read("backend head", 2, async () => present((await backend.head(id(known)))?.namespace, namespace)),
    read("backend exists", 2, async () => ((await backend.exists(id(known))) ? "value" : "miss")),
    read("backend heads", 4, async () =>
      listed(
        (await all(backend.heads(namespace))).map(([key]) => key),
        id(known),
      ),
    ),
    read("backend keys", 4, async () => listed(await all(backend.keys(namespace)), id(known))),
    read("backend getLink", 1, async () => present(await backend.getLink(link(known)), id(known))),
    write("backend set", 1, () => backend.set(id(fresh), value(fresh)), stored(fresh, length)),
    write(
      "backend setLinked",
      1,
      () => backend.setLinked(id(linked), value(linked), link(linked)),
      async (observer) => {
        const target = await observer.backend.getLink(link(linked));
        const entry = await stored(linked, length)(observer);
        return (target === id(linked)) === (entry === "done") ? entry : "wrong";
      },
    ),
    write(
      "backend replace",
      1,
      () => backend.replace(id(replaced), entry({ value: "new" })),
      async (observer) => {
        const json = (await observer.backend.get(id(replaced)))?.json;
        return json === '"new"' ? "done" : json === JSON.stringify(rows(replaced)) ? "undone" : "wrong";
      },
    ),
    write(
      "backend delete",
      1,
      () => backend.delete(id(doomed)),
      async (observer) => {
        const found = await stored(doomed)(observer);
        return found === "done" ? "undone" : found === "undone" ? "done" : "wrong";
      },
    ),
    write(
      "backend clear",
      4,
      () => backend.clear(`${namespace} cleared`),
      async (observer) => ((await observer.backend.exists(id(cleared))) ? "undone" : "done"),
    ),
  ];
}

function read(name: string, steps: number, run: () => Promise<Outcome>): Operation {
  return { name, kind: "read", steps, run };
}

function write(
  name: string,
  steps: number,
  work: () => Promise<unknown>,
  found: NonNullable<Operation["found"]>,
): Operation {
  const run = async () => {
    await work();
    return "value";
  };
  return { name, kind: "write", steps, run, found };
}

/** A tool answers whatever the store does: look up, fetch and keep may each run out of time. */
function tool(name: string, call: () => Promise<Answer>, items: number): Operation {
  const run = async () => {
    const answer = await call();
    right(answer.total_items, items);
    return answer.is_stored === false ? "unstored" : "value";
  };
  return { name, kind: "tool", steps: 3, run };
}

/** A reference that leads nowhere comes as the text that it is, to a tool that takes anything. */
function lengthOf(list: unknown): number | string {
  return Array.isArray(list) ? list.length : NO_LIST;
}

/** Some 24 KB of numbers that no other seed has, more than a socket takes at a time. */
function rows(seed: number, length = 3000): number[] {
  return Array.from({ length }, (_, n) => seed * 1_000_000 + n);
}

function nextSeed(): number {
  return ++made;
}

function id(seed: number): string {
  return `raw:${seed.toString(16).padStart(32, "0")}`;
}

function link(seed: number): string {
  return `faults-${seed}`;
}

function right(found: unknown, expected: unknown): Outcome {
  if (isDeepStrictEqual(found, expected)) return "value";
  throw new Error(`a wrong value: ${JSON.stringify(found)?.slice(0, 100)}`);
}

function present(found: unknown, expected: unknown): Outcome {
  return found === undefined ? "miss" : right(found, expected);
}

function listed(found: readonly string[], expected: string): Outcome {
  return found.includes(expected) ? "value" : "miss";
}

function compare(found: unknown, expected: unknown): "done" | "undone" | "wrong" {
  return found === undefined ? "undone" : found === expected ? "done" : "wrong";
}
