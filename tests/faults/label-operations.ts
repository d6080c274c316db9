import { SYSTEM } from "../../src/index.js";
import { entry } from "../helpers/entries.js";
import { id, nextSeed, raw, rows, together, write } from "./operation-kit.js";
import type { Operation, Server } from "./operations.js";

/** What is found by its labels. */
export async function prepareLabels(server: Server, observer: Server): Promise<Operation[]> {
  const [tags, actor] = [[`tag ${nextSeed()}`, `tag ${nextSeed()}`], SYSTEM];
  const made = await observer.cache.setMany(tags.map((tag) => ({ value: rows(nextSeed()), tags: [tag] })));
  const [kept, doomed, label] = [nextSeed(), nextSeed(), `label ${nextSeed()}`];
  await observer.backend.set(id(kept), entry({ metadata: { tags: [`${label}, another`] } }));
  await observer.backend.set(id(doomed), entry({ value: rows(doomed), metadata: { tags: [label] } }));
  const invalidate = write(
    "invalidate",
    1 + 5 * tags.length,
    () => server.cache.invalidate({ tags }, { actor }),
    async ({ cache }) => {
      const exist = await Promise.all(made.map(({ refId }) => cache.exists(refId, { actor })));
      return together(exist.map((exists) => (exists ? "undone" : "done")));
    },
  );
  const removeLabelled = write(
    "backend removeLabelled",
    5,
    () => server.backend.removeLabelled({ kind: "tag", name: label }),
    async ({ backend }) => {
      if (!(await backend.exists(id(kept)))) return "wrong";
      return (await backend.exists(id(doomed))) ? "undone" : "done";
    },
  );
  return [invalidate, ...raw([removeLabelled])];
}
