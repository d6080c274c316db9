import { RefCache } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { memoryPair, type Pair, pairs } from "./raw.js";
import { MANY_ROWS, rowsOfSize, type Size, SMALL_SIZES } from "./values.js";

/** Calls of a cached function that was called before: a reference found, a value read, an answer made. */
export async function* hitContests(): AsyncGenerator<Contest, void> {
  for await (const pair of pairs()) {
    const cache = new RefCache({ name: "bench", backend: pair.backend });
    for (const size of SMALL_SIZES) yield await hitting(pair, cache, size);
  }
}

async function hitting(pair: Pair, cache: RefCache, size: Size): Promise<Contest> {
  const value = rowsOfSize(size.characters);
  const report = cache.cached("reports", { name: `report of ${size.name}` })(async function report(_args: {
    year: number;
  }) {
    return value;
  });
  await report({ year: 2024 + size.characters });
  await pair.write("hit", JSON.stringify(value));
  return {
    what: `cached hit, ${pair.name}`,
    size: size.name,
    against: pair.rawRead,
    ...(pair.name === "memory" ? { aim: 1.3 } : {}),
    ours: inTurn(() => report({ year: 2024 + size.characters })),
    ceiling: inTurn(() => pair.read("hit")),
  };
}

/** What a tool with a large result costs over the least there is to do. */
export async function* rowContests(): AsyncGenerator<Contest, void> {
  const pair = memoryPair();
  const cache = new RefCache({ name: "bench", backend: pair.backend });
  const value = MANY_ROWS.make();
  const query = cache.cached("rows")(async function query(_args: { n: number }) {
    return value;
  });
  yield {
    what: "set and preview, memory",
    size: MANY_ROWS.name,
    against: "one `JSON.stringify` of them",
    aim: 1.5,
    ours: inTurn((n) => query({ n })),
    ceiling: inTurn(() => JSON.stringify(value)),
  };
  await pair.close();
}
