import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { RefCache } from "../../src/index.js";
import { temporaryFolder } from "../helpers/folders.js";
import { sqlite } from "../helpers/sqlite.js";
import { alice, as, early, type Gate, gate, poll } from "../helpers/tasks.js";

/** Two servers on one store, in one process. */
function servers(works: readonly Gate<string>[], options: object = {}) {
  const path = join(temporaryFolder(), "cache.db");
  let runs = 0;
  return [1, 2].map(() => {
    const cache = new RefCache({ name: "test", backend: sqlite(path), tasks: { lease: 2000 } });
    const tool = cache.cached("jobs", { asyncTimeout: 200, tags: ["t"], ...options })(async function job() {
      return works[runs++]?.promise;
    });
    return { cache, call: () => as(alice, async () => tool({})), runs: () => runs };
  });
}

describe("servers on one store", () => {
  test("join each other's tasks: one reference, one run, one result", async () => {
    const work = gate<string>();
    const [one, other] = servers([work]);
    const { ref_id } = early(await one?.call());
    expect(early(await other?.call())).toMatchObject({ ref_id, status: "processing" });
    const joined = other?.call();
    work.open("done");
    await joined;
    for (const server of [one, other]) {
      expect(await server?.cache.get(ref_id, { actor: alice, wait: "10s" })).toMatchObject({ value: "done" });
      expect(await server?.call()).toMatchObject({ ref_id, value: "done" });
    }
    expect(one?.runs()).toBe(1);
  });

  test("after an invalidation, calls join no task from before it, on either", async () => {
    const works = [gate<string>(), gate<string>()];
    const [one, other] = servers(works);
    const old = early(await one?.call()).ref_id;
    await one?.cache.invalidate({ tags: ["t"] }, { actor: alice });
    const answers = await Promise.all([one?.call(), other?.call()]);
    for (const answer of answers) expect(early(answer).ref_id).not.toBe(old);
    works[0]?.open("old");
    works[1]?.open("young");
    expect(await poll(one?.cache as RefCache, old, alice, { wait: "10s" })).toMatchObject({ value: "old" });
    expect(await other?.call()).toMatchObject({ value: "young" });
  });
});
