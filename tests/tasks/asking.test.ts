import { expect, test } from "vitest";
import { RefCache, StoreUnavailableError } from "../../src/index.js";
import { sqlite } from "../helpers/sqlite.js";
import { alice, as, early, gate, poll } from "../helpers/tasks.js";

const UNKNOWN = `test:${"0".repeat(40)}`;

test("getMany tells of tasks among results, each as get does", async () => {
  const cache = new RefCache({ name: "test" });
  const tool = cache.cached("jobs", { asyncTimeout: 30 })((_: object) => new Promise(() => {}));
  const { ref_id } = early(await as(alice, () => tool({})));
  const { refId } = await cache.set("k", "kept", { actor: alice });
  const [task, result, unknown] = await cache.getMany([ref_id, refId, UNKNOWN], { actor: alice });
  expect(task).toMatchObject({
    status: "fulfilled",
    value: { ref_id, status: "processing", is_async: true },
  });
  expect(result).toMatchObject({ status: "fulfilled", value: { value: "kept" } });
  expect(unknown).toMatchObject({ status: "rejected", reason: { code: "reference_unavailable" } });
});

test("a large result that was made in time is looked for among records once at most", async () => {
  let looks = 0;
  const backend = sqlite();
  const readTask = backend.readTask.bind(backend);
  backend.readTask = (refId) => {
    looks++;
    return readTask(refId);
  };
  const cache = new RefCache({ name: "test", backend });
  const tool = cache.cached("rows", { asyncTimeout: "1m" })(async function* rows() {
    for (let id = 0; id < 40_000; id++) yield { id, text: `row ${id} ${"x".repeat(40)}` };
  });
  const { ref_id } = await as(alice, async () => tool({}));
  for (let n = 0; n < 3; n++) expect(await poll(cache, ref_id ?? "")).toMatchObject({ total_items: 40_000 });
  expect(looks).toBeLessThanOrEqual(1);
});

test("a wait of nothing is none", async () => {
  const cache = new RefCache({ name: "test" });
  const tool = cache.cached("jobs", { asyncTimeout: 30 })((_: object) => new Promise(() => {}));
  const { ref_id } = early(await as(alice, () => tool({})));
  expect(await poll(cache, ref_id, alice, { wait: 0 })).toMatchObject({ status: "processing" });
  await expect(poll(cache, UNKNOWN, alice, { wait: 0 })).rejects.toMatchObject({
    code: "reference_unavailable",
  });
});

test("a store error of the tool's own is not told as the loss of its result", async () => {
  const cache = new RefCache({ name: "test" });
  const work = gate();
  const tool = cache.cached("jobs", { asyncTimeout: 30 })((_: object) => work.promise);
  const { ref_id } = early(await as(alice, () => tool({})));
  work.fail(new StoreUnavailableError("the tool's own store at /srv/other"));
  expect(await poll(cache, ref_id, alice, { wait: "5s", responseFormat: "full" })).toMatchObject({
    status: "failed",
    error: { code: "store_unavailable", message: "The store of this server did not work." },
  });
});
