import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { policies } from "../../src/index.js";
import { AbandonedTasks } from "../../src/tasks/abandoned.js";
import type { KnownTask } from "../../src/tasks/records.js";
import type { TaskOrder, TaskState } from "../../src/tasks/task.js";
import { taskState } from "../helpers/task-states.js";
import { alice, pass } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers({ now: 1_700_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const LEASE = 10_000;
const order: TaskOrder = {
  tool: "known",
  toolName: "job",
  caller: alice,
  asker: alice,
  args: "",
  missing: [],
  used: [],
  isPending: false,
  isElsewhere: false,
};

function task(state: Partial<TaskState> = {}, known: Partial<KnownTask> = {}): KnownTask {
  const guarded = { namespace: "n", policy: policies.public };
  const revision = 3;
  return {
    refId: "test:1",
    guarded,
    toolName: "job",
    state: taskState(state),
    revision,
    leaseLeft: 0,
    ...known,
  };
}

/** The verdict on a task that is looked at again when its patience is over. */
async function verdictOn(known: KnownTask) {
  const abandoned = new AbandonedTasks(LEASE, (tool) => tool === "known");
  expect(abandoned.judge(known)).toBe("leave");
  await pass(LEASE / 2);
  return abandoned.judge(known);
}

describe("what becomes of a task whose server is gone", () => {
  test.each([
    ["it may not be run again", {}, "interrupted"],
    ["it may be", { isIdempotent: true, order }, "take_over"],
    ["nobody here has its function", { isIdempotent: true, order: { ...order, tool: "other" } }, "leave"],
    ["a queue brings it", { isIdempotent: true, order: { ...order, isElsewhere: true } }, "leave"],
    ["its arguments were no plain data", { isIdempotent: true }, "interrupted"],
    ["it was begun too often", { isIdempotent: true, order, runs: 3 }, "interrupted"],
    ["it was begun often", { isIdempotent: true, order, runs: 2 }, "take_over"],
    ["it is too old by now", { isIdempotent: true, order, deadline: 1_700_000_000_000 }, "too_old"],
    ["nobody has begun it, and it is too old", { owner: null, deadline: 1_700_000_000_000 }, "too_old"],
    ["it ran, and is too old", { deadline: 1_700_000_000_000 }, "interrupted"],
    ["it has failed", { status: "failed" }, "leave"],
    ["it is complete", { status: "complete" }, "leave"],
  ] as const)("%s", async (_, state, verdict) => {
    expect(await verdictOn(task(state))).toBe(verdict);
  });

  test("it is suspected first, for half a lease, as its store may have been away", async () => {
    const abandoned = new AbandonedTasks(LEASE, () => true);
    expect(abandoned.judge(task())).toBe("leave");
    await pass(LEASE / 2 - 1);
    expect(abandoned.judge(task())).toBe("leave");
    await pass(1);
    expect(abandoned.judge(task())).toBe("interrupted");
  });

  test.each([
    ["its lease was renewed", { leaseLeft: 1 }],
    ["its record was changed", { revision: 4 }],
  ])("not when %s meanwhile", async (_, sign) => {
    const abandoned = new AbandonedTasks(LEASE, () => true);
    abandoned.judge(task());
    await pass(LEASE);
    expect(abandoned.judge(task({}, sign))).toBe("leave");
    await pass(LEASE / 2 - 1);
    const after = task({}, { ...sign, leaseLeft: 0 });
    expect(abandoned.judge(after)).toBe("leave"); // from the beginning
    await pass(LEASE / 2);
    expect(abandoned.judge(after)).toBe("interrupted");
  });

  test("not at once when its lease ends twice, long apart, as it is looked at in between", async () => {
    const looks: string[] = [];
    const abandoned = new AbandonedTasks(
      LEASE,
      () => true,
      (refId) => {
        looks.push(refId);
        abandoned.judge(task({}, { leaseLeft: 1 }));
      },
    );
    abandoned.judge(task());
    await pass(LEASE);
    expect(looks).toEqual(["test:1"]);
    await pass(100 * LEASE);
    expect(abandoned.judge(task())).toBe("leave");
  });

  test("not at once when nothing could be found out in between", async () => {
    const abandoned = new AbandonedTasks(
      LEASE,
      () => true,
      (refId) => abandoned.forget(refId),
    );
    abandoned.judge(task());
    await pass(100 * LEASE);
    expect(abandoned.judge(task())).toBe("leave");
  });
});
