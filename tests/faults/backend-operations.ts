import { all, entry } from "../helpers/entries.js";
import { compare, id, link, listed, nextSeed, present, raw, read, rows, write } from "./operation-kit.js";
import type { Operation, Server } from "./operations.js";

/** What every backend does, with heads and names. */
export async function prepareBackend(
  server: Server,
  observer: Server,
  length?: number,
): Promise<Operation[]> {
  const { backend } = server;
  const [known, fresh, linked, replaced] = [nextSeed(), nextSeed(), nextSeed(), nextSeed()];
  const [doomed, cleared, space] = [nextSeed(), nextSeed(), nextSeed()];
  const namespace = `raw ${space}`;
  const store = (seed: number, wish = {}) =>
    observer.backend.set(id(seed), entry({ value: rows(seed), ...wish }));
  await Promise.all([known, replaced, doomed].map((seed) => store(seed, { namespace })));
  await store(cleared, { namespace: `${namespace} cleared` });
  await observer.backend.setLinked(id(known), entry({ value: rows(known), namespace }), link(known));
  const value = (seed: number) => entry({ value: rows(seed, length), namespace });
  const stored = (seed: number, length?: number) => async (observer: Server) =>
    compare((await observer.backend.get(id(seed)))?.json, JSON.stringify(rows(seed, length)));
  return raw([
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
  ]);
}
