import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { MemoryTasks, MOST_TASKS } from "../../../src/backends/memory/tasks.js";
import { MemoryBackend, StoreFullError } from "../../../src/index.js";
import { entry } from "../../helpers/entries.js";

const LEASE = 30_000;
const HOUR = 3_600_000;
const refId = (n: number) => `test:${n.toString(16).padStart(40, "0")}`;
const record = (expiresIn = HOUR) => entry({ value: "state", expiresIn });

describe("MemoryTasks, by itself", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  async function full(): Promise<MemoryTasks> {
    const tasks = new MemoryTasks();
    for (let n = 0; n < MOST_TASKS; n++)
      await tasks.addTask(refId(n), record(), { lease: LEASE, name: `name ${n}` });
    return tasks;
  }

  test("keeps so many, and the ones that were finished first go before others", async () => {
    const tasks = await full();
    for (const n of [7, 3]) await tasks.changeTask(refId(n), record(), 1, 0);
    for (const n of [-1, -2])
      expect(await tasks.addTask(refId(MOST_TASKS - n), record(), { lease: LEASE })).toBe(true);
    expect(await tasks.readTask(refId(7))).toBeUndefined();
    expect(await tasks.taskOf("name 7")).toBeUndefined();
    expect(await tasks.readTask(refId(3))).toBeUndefined();
    expect(await tasks.readTask(refId(0))).toMatchObject({ revision: 1 });
  });

  test("refuses one more where none is finished, and forgets none", async () => {
    const tasks = await full();
    const another = tasks.addTask(refId(MOST_TASKS), record(), { lease: LEASE, name: "name 0" });
    await expect(another).rejects.toThrow(StoreFullError);
    expect(await tasks.taskOf("name 0")).toBe(refId(0));
    await tasks.changeTask(refId(1), record(1000), 1, LEASE);
    vi.advanceTimersByTime(1000);
    expect(await tasks.addTask(refId(MOST_TASKS), record(), { lease: LEASE })).toBe(true);
    expect(await tasks.readTask(refId(0))).toBeDefined();
  });

  test("leases end by the clock of the process, records by the time of day", async () => {
    const tasks = new MemoryTasks();
    await tasks.addTask(refId(1), record(), { lease: LEASE });
    vi.advanceTimersByTime(LEASE / 3);
    expect(await tasks.readTask(refId(1))).toMatchObject({ leaseLeft: (2 * LEASE) / 3 });
    await tasks.renewTask(refId(1), 1, LEASE);
    vi.advanceTimersByTime(LEASE - 1);
    expect(await tasks.abandonedTasks(1)).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(await tasks.abandonedTasks(1)).toEqual([refId(1)]);
    vi.setSystemTime(Date.now() + HOUR);
    expect(await tasks.abandonedTasks(1)).toEqual([]);
  });
});

test("a backend forgets expired records without being asked", async () => {
  const swept = vi.spyOn(MemoryTasks.prototype, "sweep");
  const backend = new MemoryBackend({ sweepInterval: 5 });
  await vi.waitFor(() => expect(swept).toHaveBeenCalled());
  await backend.close();
  swept.mockRestore();
});
