import fc from "fast-check";
import { expect, test } from "vitest";
import { policies } from "../../src/index.js";
import { readTaskState, writeTaskState } from "../../src/tasks/state-wire.js";
import type { TaskState } from "../../src/tasks/task.js";
import { errorOf } from "../helpers/errors.js";
import { anyTaskState, STARTED, taskState } from "../helpers/task-states.js";

const FULL: TaskState = taskState({
  progress: { current: 1, total: 2, message: "one" },
  eta: STARTED + 5000,
  note: "waits",
  error: { code: "tool_error", message: "no" },
  expectedSchema: { type: "object", ["__proto__"]: { not: "ours" } },
  order: {
    tool: "jobs#1",
    toolName: "jobs",
    caller: { type: "agent", id: "alice", sessionId: "s1", claims: { org_id: "acme" } },
    asker: { type: "user" },
    args: "{}",
    missing: ["jobs:00000000"],
    used: [policies.executeOnly],
    isPending: true,
    isElsewhere: false,
  },
});

/** The written form, with one member changed: `undefined` leaves it out. */
function written(path: string, value: unknown): string {
  const wire = JSON.parse(writeTaskState(FULL));
  const names = path.split(".");
  const last = names.pop() as string;
  names.reduce((members, name) => members[name], wire)[last] = value;
  return JSON.stringify(wire);
}

test("what is written is read back the same", () => {
  fc.assert(
    fc.property(anyTaskState, (state) => {
      expect(readTaskState(writeTaskState(state))).toEqual(state);
    }),
  );
});

test("its members have the names of the wire", () => {
  const wire = JSON.parse(writeTaskState(FULL));
  const names = [wire, wire.progress, wire.error, wire.order, wire.order.caller].flatMap(Object.keys);
  for (const name of names) expect(name).toMatch(/^[a-z]+(_[a-z]+)*$/);
  expect(wire).toMatchObject({ started_at: STARTED, order: { caller: { session_id: "s1" } } });
});

test("members that it does not know are left out", () => {
  for (const path of ["newer", "progress.newer", "order.newer", "order.caller.newer", "error.newer"])
    expect(readTaskState(written(path, { any: "thing" }))).toEqual(FULL);
});

test.each([
  ["status", "dreaming"],
  ["status", undefined],
  ["started_at", "SECRET"],
  ["started_at", -1],
  ["updated_at", null],
  ["deadline", 9e15],
  ["progress", "SECRET"],
  ["progress.current", -1],
  ["progress.message", 3],
  ["eta", "SECRET"],
  ["error.message", undefined],
  ["retry_count", 1.5],
  ["owner", undefined],
  ["is_cancelling", "SECRET"],
  ["format", "SECRET"],
  ["order.caller", undefined],
  ["order.caller", { type: "SECRET" }],
  ["order.asker", "SECRET"],
  ["order.asker", { type: "user", id: "" }],
  ["order.args", { a: "SECRET" }],
])("names %s when it is %o, and quotes nothing", async (path, value) => {
  const error = await errorOf(() => readTaskState(written(path, value)));
  expect(error.message).toBe(`The state of a task is malformed: ${path}.`);
});

test.each(["", "SECRET", "{", "null", "3", '"SECRET"', "[]"])("refuses %o", async (json) => {
  const error = await errorOf(() => readTaskState(json));
  expect(error.message).toMatch(/^The state of a task is malformed: it is (not JSON|no object)\.$/);
  expect(error.cause).toBeUndefined();
});
