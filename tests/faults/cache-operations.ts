import { isDeepStrictEqual } from "node:util";
import { type Answer, SYSTEM } from "../../src/index.js";
import { all } from "../helpers/entries.js";
import { listed, nextSeed, present, read, right, rows, write } from "./operation-kit.js";
import type { Operation, Server } from "./operations.js";

/** Where what the operations store is. */
export const NAMESPACE = "faults";
/** What the tool that takes a list says of anything else. */
export const NO_LIST = "no list";

/** What tools and servers do by a cache. */
export async function prepareCache(server: Server, observer: Server, length?: number): Promise<Operation[]> {
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

/** A tool answers whatever the store does: look up, fetch and keep may each run out of time. */
function tool(name: string, call: () => Promise<Answer>, items: number): Operation {
  const run = async () => {
    const answer = await call();
    right(answer.total_items, items);
    return answer.is_stored === false ? "unstored" : "value";
  };
  return { name, kind: "tool", steps: 3, run };
}
