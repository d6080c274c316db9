import { ANONYMOUS_AGENT, RefCache, runAs, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { rowsOfSize, SMALL_SIZES } from "./values.js";

/** A cached call of a tool with `asyncTimeout` that ends in time, against the same of a tool without. */
export async function* taskContests(): AsyncGenerator<Contest, void> {
  const size = SMALL_SIZES[0];
  if (size === undefined) return;
  const cache = new RefCache({ name: "bench" });
  const value = rowsOfSize(size.characters);
  const make = async (_: { readonly n: number }) => value;
  for (const [what, key] of [
    ["hit", { name: "hit" }],
    ["run", { key: false }],
  ] as const) {
    const plain = cache.cached("plain", key)(make);
    const long = cache.cached("long", { ...key, asyncTimeout: 60_000 })(make);
    yield {
      what: `asyncTimeout, a ${what} that ends in time, memory`,
      size: size.name,
      against: "the same without asyncTimeout",
      aimExtra: 5,
      calls: 5000, // long rounds: some microseconds are sought
      ours: (calls) => runAs(ANONYMOUS_AGENT, () => inTurn(() => long({ n: 1 }))(calls)),
      ceiling: (calls) => runAs(ANONYMOUS_AGENT, () => inTurn(() => plain({ n: 1 }))(calls)),
      reset: () => (what === "run" ? cache.clear(undefined, { actor: SYSTEM }) : undefined),
    };
  }
  await cache.close();
}
