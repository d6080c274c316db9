import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { MemoryBackend, RefCache } from "../../src/index.js";
import { FlakyBackend } from "../helpers/flaky-backend.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { sqlite } from "../helpers/sqlite.js";
import { alice, as, bob, early, type Gate, gate, poll } from "../helpers/tasks.js";

/** Streams take real turns, and so does SQLite: these tests use short, real times. */
const LARGE = 40_000;
const row = (id: number) => ({ id, text: `row ${id} ${"x".repeat(40)}` });
const all = Array.from({ length: LARGE }, (_, id) => row(id));

describe("a tool that gives its result in pieces", () => {
  /** Gives the first half, waits for the test, and gives the rest. */
  const generator = (cache: RefCache, half: Gate<void>, counts = { runs: 0 }, first = LARGE / 2) =>
    cache.cached("rows", { asyncTimeout: 400 })(async function* rows() {
      counts.runs++;
      for (let id = 0; id < first; id++) yield row(id);
      await half.promise;
      for (let id = first; id < LARGE; id++) yield row(id);
    });

  test.each([
    ["SQLite, begun to be written before the early answer", sqlite, LARGE / 2],
    ["SQLite, written after it", sqlite, 0],
    ["memory", () => new MemoryBackend(), LARGE / 2],
    ["a store that takes no pieces", () => new MinimalBackend(), LARGE / 2],
  ])("has one reference, and is whole: %s", async (_, backend, first) => {
    const cache = new RefCache({ name: "test", backend: backend() });
    const [half, counts] = [gate(), { runs: 0 }];
    const tool = generator(cache, half, counts, first);
    const { ref_id } = early(await as(alice, async () => tool({})));
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    half.open();
    const result = await poll(cache, ref_id, alice, { wait: "20s" });
    expect(result).toMatchObject({ ref_id, is_complete: false, total_items: LARGE });
    expect(await cache.resolve(ref_id, { actor: alice })).toEqual(all);
    expect(await as(alice, async () => tool({}))).toMatchObject({ ref_id, total_items: LARGE });
    expect(counts.runs).toBe(1);
  });

  test("in time, it needs no early answer, whatever its reference looks like", async () => {
    const cache = new RefCache({ name: "test", backend: sqlite() });
    const tool = cache.cached("rows", { asyncTimeout: "1m" })(async function* rows() {
      yield* all;
    });
    const result = await as(alice, async () => tool({}));
    expect(result).toMatchObject({ is_async: false, total_items: LARGE });
    expect(await poll(cache, result.ref_id ?? "", alice, { page: 2, pageSize: 1 })).toMatchObject({
      preview: [row(1)],
    });
    expect(await as(alice, async () => tool({}))).toMatchObject({ ref_id: result.ref_id });
  });

  test("invalidated while it is being stored, says so, as nothing can be told of it any more", async () => {
    const backend = sqlite();
    const cache = new RefCache({ name: "test", backend });
    const open = backend.openText.bind(backend);
    vi.spyOn(backend, "openText").mockImplementationOnce(async (refId) => {
      const writer = await open(refId);
      const commit = writer.commit.bind(writer);
      writer.commit = async (...args) => {
        const isStored = await commit(...args);
        await cache.invalidate({ namespace: "rows" }, { actor: alice });
        return isStored;
      };
      return writer;
    });
    const half = gate();
    const tool = generator(cache, half);
    const { ref_id } = early(await as(alice, async () => tool({})));
    half.open();
    expect(await poll(cache, ref_id, alice, { wait: "20s", responseFormat: "full" })).toMatchObject({
      status: "failed",
      error: { code: "invalidated" },
      can_retry: true,
    });
  });

  test("cancelled on its way, leaves nothing", async () => {
    const backend = sqlite();
    const cache = new RefCache({ name: "test", backend });
    const tool = generator(cache, gate());
    const { ref_id } = early(await as(alice, async () => tool({})));
    await cache.cancelTask(ref_id, { actor: alice });
    expect(await poll(cache, ref_id, alice, { wait: "10s" })).toMatchObject({ status: "cancelled" });
    expect(await backend.exists(ref_id)).toBe(false);
  });
});

describe("a store that keeps no records of tasks", () => {
  test("is enough for one process: early answer, poll, wait, cancel, result", async () => {
    const cache = new RefCache({ name: "test", backend: new MinimalBackend() });
    const works = [gate<string>(), gate<string>(), gate<string>()];
    const tool = cache.cached("jobs", { asyncTimeout: 20 })(
      async ({ n }: { n: number }) => works[n]?.promise,
    );
    const begin = async (n: number) => early(await as(alice, () => tool({ n }))).ref_id;
    const [done, failed, cancelled] = await Promise.all([0, 1, 2].map(begin));
    expect(await poll(cache, done ?? "")).toMatchObject({ status: "processing" });
    await cache.cancelTask(cancelled ?? "", { actor: alice });
    works[0]?.open("done");
    works[1]?.fail(new Error("no"));
    works[2]?.open("dropped");
    const ends = [done, failed, cancelled].map((refId) => poll(cache, refId ?? "", alice, { wait: "10s" }));
    expect(await Promise.all(ends)).toMatchObject([
      { value: "done" },
      { status: "failed" },
      { status: "cancelled" },
    ]);
    expect(await poll(cache, failed ?? "")).toMatchObject({ status: "failed" });
    await expect(poll(cache, done ?? "", bob)).rejects.toMatchObject({ code: "reference_unavailable" });
  });
});

/** A store whose records of tasks fail with the rest. */
class FlakyTasks extends FlakyBackend {
  isAway = false;
  override addTask(...args: Parameters<MemoryBackend["addTask"]>) {
    return this.#unlessAway(() => super.addTask(...args));
  }
  override changeTask(...args: Parameters<MemoryBackend["changeTask"]>) {
    return this.#unlessAway(() => super.changeTask(...args));
  }
  override renewTask(...args: Parameters<MemoryBackend["renewTask"]>) {
    return this.#unlessAway(() => super.renewTask(...args));
  }
  override readTask(...args: Parameters<MemoryBackend["readTask"]>) {
    return this.#unlessAway(() => super.readTask(...args));
  }
  goAway(): void {
    this.isAway = true;
    this.goDown();
  }
  comeBack(): void {
    this.isAway = false;
    this.down.clear();
  }
  async #unlessAway<T>(act: () => Promise<T>): Promise<T> {
    if (this.isAway) await this.get("test:00000000"); // as everything else fails
    return act();
  }
}

describe.each(["answer", "throw"] as const)("a store that is away, onStoreError: %s", (onStoreError) => {
  function start() {
    const backend = new FlakyTasks();
    const logger = recordingLogger();
    const cache = new RefCache({ name: "test", backend, onStoreError, logger, tasks: { lease: 600 } });
    const work = gate<string>();
    let runs = 0;
    const tool = cache.cached("jobs", { asyncTimeout: 50 })(async () => {
      runs++;
      return work.promise;
    });
    return { backend, cache, work, logger, runs: () => runs, call: () => as(alice, async () => tool({})) };
  }

  test("while the result is made: it waits for the store, and says so", async () => {
    const { backend, cache, work, call, runs } = start();
    const { ref_id, message } = early(await call());
    expect(message).not.toContain("store");
    backend.goAway();
    work.open("done");
    await expect
      .poll(async () => (await poll(cache, ref_id)).message)
      .toContain("Its result is made, and waits for the store.");
    backend.comeBack();
    expect(await poll(cache, ref_id, alice, { wait: "15s" })).toMatchObject({ ref_id, value: "done" });
    expect(await call()).toMatchObject({ ref_id, value: "done" });
    expect(runs()).toBe(1);
  });

  test("at the early answer: it says who can be asked, and the record comes when the store is back", async () => {
    const { backend, cache, work, call } = start();
    const other = new RefCache({ name: "test", backend });
    const answer = call();
    await sleep(10); // the call is under way
    backend.goAway();
    const { ref_id, message } = early(await answer);
    expect(message).toContain("The store is away: for now, only this server answers polls.");
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    backend.comeBack();
    await expect
      .poll(async () => other.get(ref_id, { actor: alice }).catch(({ code }) => code), { timeout: 5000 })
      .toMatchObject({ status: "processing" });
    work.open("done");
    expect(await other.get(ref_id, { actor: alice, wait: "10s" })).toMatchObject({ ref_id, value: "done" });
  });

  test("a failure that it cannot note is told of here, and noted when it is back", async () => {
    const { backend, cache, work, call } = start();
    const other = new RefCache({ name: "test", backend });
    const { ref_id } = early(await call());
    backend.goAway();
    work.fail(new Error("no paper"));
    await expect.poll(async () => poll(cache, ref_id)).toMatchObject({ status: "failed" });
    backend.comeBack();
    await expect
      .poll(async () => other.get(ref_id, { actor: alice }), { timeout: 5000 })
      .toMatchObject({ status: "failed", message: expect.stringContaining("no paper") });
  });
});

test("a store that is away when a call in time ends costs its reference, or the call, as ever", async () => {
  const backend = new FlakyTasks();
  for (const onStoreError of ["answer", "throw"] as const) {
    const logger = recordingLogger();
    const cache = new RefCache({ name: "test", backend, onStoreError, logger });
    const tool = cache.cached("jobs", { asyncTimeout: "1m" })(async () => {
      backend.goAway();
      return "done";
    });
    const answer = as(alice, async () => tool({}));
    if (onStoreError === "answer") expect(await answer).toMatchObject({ value: "done", ref_id: null });
    else await expect(answer).rejects.toMatchObject({ code: "store_unavailable" });
    backend.comeBack();
  }
});

test("a store whose records fail in ways of their own costs them, not the process", async () => {
  class Odd extends MemoryBackend {
    override addTask(): Promise<boolean> {
      return Promise.reject(new TypeError("not a function"));
    }
  }
  const cache = new RefCache({ name: "test", backend: new Odd(), logger: recordingLogger() });
  const work = gate<string>();
  const tool = cache.cached("jobs", { asyncTimeout: 20 })(async () => work.promise);
  const { ref_id, message } = early(await as(alice, async () => tool({})));
  expect(message).toContain("The store is away");
  work.open("done");
  expect(await poll(cache, ref_id, alice, { wait: "5s" })).toMatchObject({ value: "done" });
  await sleep(50); // nothing is left unhandled
});
