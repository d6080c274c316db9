import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Protection } from "../../src/at-rest/protection.js";
import { MemoryBackend, RefCache } from "../../src/index.js";
import { TaskRecords } from "../../src/tasks/records.js";
import type { TaskState } from "../../src/tasks/task.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { alice, as, early, gate, pass, poll } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const LEASE = 9000;

/** A task of one server, as another on the same store sees it. */
async function start(asyncTimeout = 10) {
  const backend = new MemoryBackend();
  const [one, other] = [1, 2].map(() => new RefCache({ name: "test", backend, tasks: { lease: LEASE } }));
  if (one === undefined || other === undefined) throw new Error("unreachable");
  const work = gate<string>();
  let told: (current: number) => void = () => {};
  let signal: AbortSignal | undefined;
  const tool = one.cached("jobs", { asyncTimeout })(async (_: object, task) => {
    told = (current) => task.progress({ current, total: 100 });
    signal = task.signal;
    return work.promise;
  });
  const answer = as(alice, async () => tool({}));
  await pass(asyncTimeout);
  const { ref_id } = early(await answer);
  /** Writes into the record as another server would. */
  const records = new TaskRecords(backend, new Protection(undefined, recordingLogger()), 60_000);
  const read = async () => {
    const known = await records.read(ref_id);
    if (known === undefined) throw new Error("no record");
    return known;
  };
  const meddle = async (change: Partial<TaskState>, lease?: number) => {
    const known = await read();
    const changed = await records.change(known, { ...known, state: { ...known.state, ...change } }, lease);
    expect(changed).toBeDefined();
  };
  return {
    backend,
    one,
    other,
    work,
    ref_id,
    read,
    meddle,
    tell: (n: number) => told(n),
    signal: () => signal,
  };
}

describe("the record of a running task", () => {
  test("is kept by its lease, however long it runs and is watched", async () => {
    const { other, ref_id, work } = await start();
    for (let minute = 0; minute < 10; minute++) {
      await pass(60_000);
      expect(await poll(other, ref_id)).toMatchObject({ status: "processing" });
    }
    work.open("done");
    await pass(0);
    expect(await poll(other, ref_id)).toMatchObject({ value: "done" });
  });

  test("has its progress, not more often than once a second, and the last of it", async () => {
    const { backend, other, ref_id, tell } = await start();
    const changes = vi.spyOn(backend, "changeTask");
    for (let n = 1; n <= 40; n++) {
      tell(n);
      await pass(50);
    }
    expect(changes.mock.calls.length).toBeGreaterThanOrEqual(2);
    expect(changes.mock.calls.length).toBeLessThanOrEqual(3);
    await pass(1000);
    expect(await poll(other, ref_id)).toMatchObject({
      progress: { current: 40, total: 100, percentage: 40 },
    });
    const before = changes.mock.calls.length;
    await pass(2000);
    expect(changes.mock.calls.length).toBe(before);
  });

  test("is stored again where the store has lost it", async () => {
    const { backend, other, ref_id, work } = await start();
    await backend.clear();
    await expect(poll(other, ref_id)).rejects.toMatchObject({ code: "reference_unavailable" });
    await pass(LEASE / 3);
    expect(await poll(other, ref_id)).toMatchObject({ status: "processing" });
    work.open("done");
    await pass(0);
    expect(await poll(other, ref_id)).toMatchObject({ value: "done" });
  });

  test("stands where others have given the task up: its result is dropped, its signal aborted", async () => {
    const { backend, one, other, ref_id, work, meddle, signal } = await start();
    await meddle({ status: "failed", error: { code: "interrupted", message: "Its server was gone." } }, 0);
    work.open("too late");
    await pass(0);
    for (const cache of [one, other])
      expect(await poll(cache, ref_id)).toMatchObject({
        status: "failed",
        message: expect.stringContaining("gone"),
      });
    expect(await backend.exists(ref_id)).toBe(false);
    expect(signal()?.reason).toMatchObject({ code: "interrupted" });
  });

  test("stands where they have done so while the result was stored, which is removed", async () => {
    const { backend, other, ref_id, work, meddle } = await start();
    const setLinked = backend.setLinked.bind(backend);
    vi.spyOn(backend, "setLinked").mockImplementationOnce(async (...args) => {
      await setLinked(...args);
      await meddle({ status: "failed" }, 0);
    });
    work.open("too late");
    await pass(0);
    expect(await poll(other, ref_id)).toMatchObject({ status: "failed" });
    expect(await backend.exists(ref_id)).toBe(false);
  });

  test("that another server has taken over is left to it", async () => {
    const { meddle, read, signal } = await start();
    await meddle({ owner: "another server", runs: 2 }, LEASE);
    await pass(LEASE / 3);
    expect(signal()?.reason).toMatchObject({ code: "interrupted" });
    await pass(1000);
    expect((await read()).state).toMatchObject({ owner: "another server", status: "processing", runs: 2 });
  });

  test("that says somebody wants it to end is heeded with the next renewal, though nobody told", async () => {
    const { meddle, signal } = await start();
    await meddle({ isCancelling: true });
    await pass(LEASE / 3 - 1);
    expect(signal()?.aborted).toBe(false);
    await pass(1);
    expect(signal()?.reason).toMatchObject({ code: "task_cancelled" });
  });

  test("of a server that went without a word becomes interrupted, for who polls it", async () => {
    const { other, ref_id, meddle } = await start();
    await meddle({ owner: "a server that died" }, 1);
    await pass(LEASE / 2);
    expect(await poll(other, ref_id)).toMatchObject({ status: "processing" });
    await pass(LEASE / 2);
    expect(await poll(other, ref_id, alice, { responseFormat: "full" })).toMatchObject({
      status: "failed",
      error: { code: "interrupted" },
      can_retry: true,
    });
  });
});
