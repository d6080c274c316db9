import { isDeepStrictEqual } from "node:util";
import { EntryUnreadableError } from "../../src/errors.js";
import { SYSTEM } from "../../src/index.js";
import { entry } from "../helpers/entries.js";
import { NAMESPACE } from "./cache-operations.js";
import {
  compare,
  id,
  link,
  nextSeed,
  present,
  raw,
  read,
  right,
  rows,
  together,
  write,
} from "./operation-kit.js";
import type { Operation, Remains, Server } from "./operations.js";

/** What is done with several entries at once. */
export async function prepareBatches(server: Server, observer: Server): Promise<Operation[]> {
  const [ofCache, ofBackend] = await Promise.all([
    prepareCached(server, observer),
    prepareRaw(server, observer),
  ]);
  return [...ofCache, ...raw(ofBackend)];
}

async function prepareCached({ cache }: Server, observer: Server): Promise<Operation[]> {
  const known = [nextSeed(), nextSeed()];
  const fresh = [nextSeed(), nextSeed(), nextSeed()];
  const as = { actor: SYSTEM };
  const stored = await observer.cache.setMany(known.map((seed) => ({ value: rows(seed) })));
  const refIds = stored.map(({ refId }) => refId);
  return [
    read("getMany", 1, async () => {
      const answers = settled(await cache.getMany(refIds, { ...as, page: 2, pageSize: 10 }));
      return right(
        answers.map(({ preview }) => preview),
        known.map((seed) => rows(seed).slice(10, 20)),
      );
    }),
    read("resolveMany", 1, async () =>
      right(
        settled(await cache.resolveMany(refIds, as)),
        known.map((seed) => rows(seed)),
      ),
    ),
    write(
      "setMany",
      1,
      () =>
        cache.setMany(fresh.map((seed) => ({ value: rows(seed), key: `key ${seed}`, namespace: NAMESPACE }))),
      ({ cache }) => each(fresh, (seed) => ofKey(cache, seed)),
    ),
  ];
}

async function ofKey(cache: Server["cache"], seed: number): Promise<Remains> {
  const as = { actor: SYSTEM, namespace: NAMESPACE };
  const found = await cache.lookup(`key ${seed}`, as);
  if (found === undefined) return "undone";
  return isDeepStrictEqual(await cache.resolve(found.refId, as), rows(seed)) ? "done" : "wrong";
}

async function prepareRaw({ backend }: Server, observer: Server): Promise<Operation[]> {
  const known = [nextSeed(), nextSeed()];
  const fresh = [nextSeed(), nextSeed(), nextSeed()];
  const [first, second] = known.map((seed) => ({ refId: id(seed), entry: entry({ value: rows(seed) }) }));
  if (first === undefined || second === undefined) throw new Error("two are needed");
  await observer.backend.setMany([first, second]);
  const refIds = [first.refId, second.refId];
  const missing = id(nextSeed());
  return [
    read("backend getMany", 1, async () => {
      const [one, two, none] = (await backend.getMany([...refIds, missing])).map(orThrow);
      right(none, undefined);
      if (one === undefined || two === undefined) return "miss";
      return right([one.json, two.json], [first.entry.json, second.entry.json]);
    }),
    read("backend headMany", 2, async () => {
      const [one, two] = (await backend.headMany(refIds)).map(orThrow);
      return present(two && one?.metadata.totalSize, first.entry.metadata.totalSize);
    }),
    write(
      "backend setMany",
      3,
      () =>
        backend.setMany(
          fresh.map((seed) => ({
            refId: id(seed),
            entry: entry({ value: rows(seed) }),
            name: link(seed),
          })),
        ),
      ({ backend }) =>
        each(fresh, async (seed) => {
          const json = (await backend.get(id(seed)))?.json;
          const target = await backend.getLink(link(seed));
          const remains = compare(json, JSON.stringify(rows(seed)));
          return target === undefined || remains === "done" ? remains : "wrong";
        }),
    ),
  ];
}

async function each(
  seeds: readonly number[],
  remainsOf: (seed: number) => Promise<Remains>,
): Promise<Remains> {
  return together(await Promise.all(seeds.map(remainsOf)));
}

function settled<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}

function orThrow<T>(found: T | EntryUnreadableError): T {
  if (found instanceof EntryUnreadableError) throw found;
  return found;
}
