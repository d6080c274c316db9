import { RefCache, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { type Pair, pairs } from "./raw.js";
import { LARGE_SIZE, rowsOfSize, type Size, SMALL_SIZES } from "./values.js";

/** What is aimed at, by the size of the value: on Redis and SQLite what the store itself costs, and little more. */
const AIMS: Readonly<Record<string, readonly number[]>> = {
  "resolve, memory": [1.5, 1.5, 1.5],
  "set, memory": [1.5, 1.5, 1.5],
  "resolve, SQLite": [1.25, 1.05, 1.15],
  "set, SQLite": [1.15, 1.15, 1.15],
  "resolve, Redis": [1.1, 1.05, 1.02],
  "set, Redis": [1.35, 1.1, 1.05],
};
const SIZES: readonly Size[] = [...SMALL_SIZES, LARGE_SIZE];

/** `resolve` and `set` on every store, against the store itself. `isShort` leaves the large values out. */
export async function* storeContests(isShort: boolean): AsyncGenerator<Contest, void> {
  const sizes = isShort ? SMALL_SIZES : SIZES;
  for await (const pair of pairs()) {
    const cache = new RefCache({ name: "bench", backend: pair.backend });
    for (const size of sizes) {
      const value = rowsOfSize(size.characters);
      yield await resolving(pair, cache, size, value);
      yield setting(pair, cache, size, value);
      if (pair.name !== "memory" && size !== LARGE_SIZE) yield await backendAlone(pair, size, value);
    }
  }
}

async function resolving(pair: Pair, cache: RefCache, size: Size, value: unknown): Promise<Contest> {
  const { refId } = await cache.set("read", value);
  await pair.write("read", JSON.stringify(value));
  const what = `resolve, ${pair.name}`;
  return {
    what,
    size: size.name,
    against: pair.rawRead,
    ...aimOf(what, size),
    ours: inTurn(() => cache.resolve(refId, { actor: SYSTEM })),
    ceiling: inTurn(() => pair.read("read")),
  };
}

function setting(pair: Pair, cache: RefCache, size: Size, value: unknown): Contest {
  const what = `set, ${pair.name}`;
  return {
    what,
    size: size.name,
    against: pair.rawWrite,
    ...aimOf(what, size),
    ours: inTurn((n) => cache.set(`key ${n}`, value)),
    ceiling: inTurn((n) => pair.write(rawKey(n), JSON.stringify(value))),
    reset: () => reset(pair),
  };
}

function aimOf(what: string, size: Size): { aim?: number } {
  const aim = AIMS[what]?.[SIZES.indexOf(size)];
  return aim === undefined ? {} : { aim };
}

/** Leaves out the encoding, and the link by which a key is found: one write against one write. */
async function backendAlone(pair: Pair, size: Size, value: unknown): Promise<Contest> {
  const { backend } = pair;
  const cache = new RefCache({ name: "bench", backend });
  const { refId } = await cache.set("entry", value);
  const entry = await backend.get(refId);
  if (entry === undefined) throw new Error("the entry was not stored");
  const { json } = entry;
  return {
    what: `backend.set alone, ${pair.name}`,
    size: size.name,
    against: "the same write of a ready text",
    ours: inTurn((n) => backend.set(rawKey(n), entry)),
    ceiling: inTurn((n) => pair.write(rawKey(n), json)),
    reset: () => reset(pair),
  };
}

/** As long as a reference, and in no order either: where a row's key goes in an index is part of its price. */
function rawKey(n: number): string {
  const scrambled = Math.imul(n + 1, 2_654_435_761) >>> 0;
  return `bench:${scrambled.toString(16).padStart(8, "0").repeat(4)}`;
}

async function reset(pair: Pair): Promise<void> {
  await pair.backend.clear();
  await pair.reset();
}
