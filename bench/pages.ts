import { RefCache, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { type Pair, pairs } from "./raw.js";
import { MANY_ROWS } from "./values.js";

/** Milliseconds that a page may take on Redis, whatever it is a page of. */
const AIM_MS = 5;

/** One page of a large list, against reading the list. */
export async function* pageContests(): AsyncGenerator<Contest, void> {
  const value = MANY_ROWS.make();
  for await (const pair of pairs()) yield await paging(pair, value);
}

async function paging(pair: Pair, value: unknown): Promise<Contest> {
  const { backend } = pair;
  const storing = new RefCache({ name: "bench", backend: onLoan(backend) });
  const { refId } = await storing.set("rows", value);
  await storing.close(); // what it keeps beside the entry is there
  await pair.write("rows", JSON.stringify(value));
  const cache = new RefCache({ name: "bench", backend });
  const page = await middlePage(cache, refId);
  return {
    what: `a page in the middle, ${pair.name}`,
    size: MANY_ROWS.name,
    against: `all of them: ${pair.rawRead}`,
    ...(pair.name === "Redis" ? { aimTime: AIM_MS } : {}),
    ours: inTurn(() => cache.get(refId, { actor: SYSTEM, page })),
    ceiling: inTurn(() => pair.read("rows")),
  };
}

/** The same backend, which stays open when who borrowed it is closed. */
function onLoan<B extends object>(backend: B): B {
  const close = async () => {};
  return new Proxy(backend, {
    get: (target, member) => {
      const value: unknown = member === "close" ? close : Reflect.get(target, member, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function middlePage(cache: RefCache, refId: string): Promise<number> {
  const first = await cache.get(refId, { actor: SYSTEM, page: 1 });
  const total = "total_pages" in first ? (first.total_pages ?? 1) : 1;
  return Math.ceil(total / 2);
}
