import { TaskSchema } from "@modelcontextprotocol/sdk/types.js";
import { expect, test } from "vitest";
import type { Answer } from "../../src/answer.js";
import { RefCache } from "../../src/refcache.js";
import { toMcpTask } from "../../src/tasks/mcp-task.js";
import { makeTaskAnswer } from "../../src/tasks/task-answer.js";
import { STARTED, taskState } from "../helpers/task-states.js";

const REF = `jobs:${"0".repeat(40)}`;
const FACTS = { createdAt: STARTED, lastUpdatedAt: STARTED + 1000, ttl: 60_000, pollInterval: 5000 };

test.each([
  ["pending", "working"],
  ["processing", "working"],
  ["complete", "completed"],
  ["failed", "failed"],
  ["cancelled", "cancelled"],
] as const)("a task that is %s is %s there", (status, theirs) => {
  for (const format of ["minimal", "standard", "full"] as const) {
    const answer = makeTaskAnswer(REF, taskState({ status }), { mayRead: true, now: STARTED, format });
    const task = toMcpTask(answer, FACTS);
    expect(TaskSchema.parse(task)).toEqual(task);
    expect(task).toEqual({
      taskId: REF,
      status: theirs,
      ...(format === "minimal" ? {} : { statusMessage: answer.message }),
      createdAt: "2023-11-14T22:13:20.000Z",
      lastUpdatedAt: "2023-11-14T22:13:21.000Z",
      ttl: 60_000,
      pollInterval: 5000,
    });
  }
});

test("an ordinary answer is a task that is completed", async () => {
  const cache = new RefCache({ name: "jobs" });
  for (const value of [7, Array.from({ length: 20_000 }, (_, index) => index)]) {
    const answer = await cache.cached("numbers", { key: false })(async () => value)();
    const task = toMcpTask(answer, { ...FACTS, ttl: null, pollInterval: undefined });
    expect(TaskSchema.parse(task)).toEqual(task);
    expect(task).toMatchObject({ taskId: answer.ref_id, status: "completed", ttl: null });
    expect("pollInterval" in task).toBe(false);
  }
  await cache.close();
});

test("an answer without a reference is no task", () => {
  const unstored: Answer = {
    ref_id: null,
    is_async: false,
    is_stored: false,
    expires_at: null,
    is_complete: true,
    total_items: null,
    size: 1,
    value: 7,
  };
  expect(() => toMcpTask(unstored, FACTS)).toThrow("answer: has no reference");
});
