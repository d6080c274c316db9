import fc from "fast-check";
import { expect, test } from "vitest";
import type { TaskFormat, TaskState } from "../../src/tasks/task.js";
import { isTaskAnswer, makeTaskAnswer, type TaskAnswerRequest } from "../../src/tasks/task-answer.js";
import { anyTaskState, STARTED, taskState } from "../helpers/task-states.js";

const REF = `jobs:${"0".repeat(40)}`;
const POLL = "Poll with get_cached_result(ref_id, wait_ms=20000).";

const answer = (state: Partial<TaskState> = {}, request: Partial<TaskAnswerRequest> = {}) =>
  makeTaskAnswer(REF, taskState(state), { mayRead: true, now: STARTED + 4000, ...request });
const messageOf = (state: Partial<TaskState>, request: Partial<TaskAnswerRequest> = {}) =>
  answer(state, request).message;

const HALF: Partial<TaskState> = {
  progress: { current: 1, total: 4, message: "report.pdf" },
  eta: STARTED + 15_400,
};

test("minimal tells that there is a task, and what has become of it", () => {
  expect(answer(HALF, { format: "minimal" })).toEqual({
    ref_id: REF,
    status: "processing",
    is_complete: false,
    is_async: true,
  });
});

test("standard adds the beginning, the progress, when it is done, and how to go on", () => {
  expect(answer(HALF)).toEqual({
    ref_id: REF,
    status: "processing",
    is_complete: false,
    is_async: true,
    started_at: "2023-11-14T22:13:20.000Z",
    progress: { current: 1, total: 4, percentage: 25, message: "report.pdf" },
    eta_seconds: 12,
    message: `report.pdf. ${POLL}`,
  });
  expect(answer()).toEqual({
    ref_id: REF,
    status: "processing",
    is_complete: false,
    is_async: true,
    started_at: "2023-11-14T22:13:20.000Z",
    progress: null,
    message: `Running. ${POLL}`,
  });
});

test("full adds what went wrong, whether it may be made again, and what the result will be", () => {
  const expectedSchema = { type: "object" };
  const full = { format: "full" } as const;
  expect(answer({ ...HALF, expectedSchema, retryCount: 2, canRetry: true }, full)).toEqual({
    ...answer(HALF),
    error: null,
    retry_count: 2,
    can_retry: true,
    expected_schema: expectedSchema,
  });
  expect(answer({}, full)).toEqual({
    ...answer(),
    eta_seconds: null,
    error: null,
    retry_count: 0,
    can_retry: false,
  });
  const error = { code: "tool_error", message: "no such file" };
  expect(answer({ status: "failed", error }, full)).toMatchObject({ error });
});

test("the format is the task's own where the poll does not say", () => {
  expect(answer({ format: "minimal" })).toEqual(answer({}, { format: "minimal" }));
  expect(answer({ format: "minimal" }, { format: "full" })).toEqual(answer({}, { format: "full" }));
});

test("an estimate whose time has come is none, unless all is done", () => {
  const late = { eta: STARTED + 4000 };
  expect(answer({ ...late, progress: { current: 3, total: 4 } })).not.toHaveProperty("eta_seconds");
  expect(answer({ ...late, progress: { current: 4, total: 4 } }).eta_seconds).toBe(0);
  expect(answer({ ...HALF, eta: STARTED + 4001 }).eta_seconds).toBe(1);
  expect(answer({ ...HALF, status: "failed" }, { format: "full" }).eta_seconds).toBeNull();
});

test("the line says what is done, in the tool's words first", () => {
  const note = "Tries again in 3 s";
  const progress = { current: 1, message: "Reading\n  page 3…" };
  expect(messageOf({ note })).toBe(`Tries again in 3 s. ${POLL}`);
  expect(messageOf({ note, progress })).toBe(`Reading page 3… Tries again in 3 s. ${POLL}`);
  expect(messageOf({ progress: { current: 1, message: "a".repeat(300) } })).toBe(
    `${"a".repeat(119)}… ${POLL}`,
  );
  expect(messageOf({ progress, isCancelling: true })).toBe(`Being cancelled. ${POLL}`);
  expect(messageOf({ progress: { current: 1, message: "\n" }, note: "" })).toBe(`Running. ${POLL}`);
  expect(messageOf({ status: "pending" })).toBe(`Waits for its turn. ${POLL}`);
  expect(messageOf({ status: "pending", note })).toBe(`Tries again in 3 s. ${POLL}`);
});

test("the line says of a task that is over what has become of it", () => {
  const error = { code: "tool_error", message: "The file is gone" };
  expect(messageOf({ status: "failed", error, canRetry: true })).toBe(
    "Failed: The file is gone. Calling the tool again may help.",
  );
  expect(messageOf({ status: "failed", error })).toBe(
    "Failed: The file is gone. Calling the tool again will hardly help.",
  );
  for (const silent of [undefined, { code: "tool_error", message: " " }]) {
    const said = messageOf({ status: "failed", error: silent });
    expect(said).toBe("Failed. Calling the tool again will hardly help.");
  }
  expect(messageOf({ status: "cancelled" })).toBe(
    "Cancelled: there is no result. Call the tool again to start anew.",
  );
  expect(messageOf({ status: "complete" })).toBe("Complete. Read the result with get_cached_result(ref_id).");
});

test("the line says of a task that runs when only this server knows of it", () => {
  const local = { isLocal: true };
  const away = "The store is away: for now, only this server answers polls.";
  expect(messageOf({}, local)).toBe(`Running. ${POLL} ${away}`);
  expect(messageOf({ status: "cancelled" }, local)).not.toContain(away);
});

const secretWords = ["SECRET", "31337"];
const SECRET: Partial<TaskState> = {
  progress: { current: 31337, total: 31337, message: "SECRET" },
  eta: STARTED + 31337_000,
  note: "SECRET",
  error: { code: "SECRET", message: "SECRET" },
  expectedSchema: { const: "SECRET" },
};

test.each(["pending", "processing", "complete", "failed", "cancelled"] as const)(
  "who may not see the result learns nothing of a %s task's contents",
  (status) => {
    for (const format of ["minimal", "standard", "full"] as TaskFormat[]) {
      const hidden = answer({ ...SECRET, status }, { format, mayRead: false });
      for (const word of secretWords) expect(JSON.stringify(hidden)).not.toContain(word);
      expect(hidden).not.toHaveProperty("progress");
      expect(hidden).not.toHaveProperty("expected_schema");
      expect(hidden).toMatchObject({ ref_id: REF, status });
    }
  },
);

test("who may not see the result is told that it failed, and that the reason is withheld", () => {
  const hidden = answer({ ...SECRET, status: "failed", canRetry: true }, { format: "full", mayRead: false });
  expect(hidden).toMatchObject({
    message: "Failed: The reason is withheld: you may not see this result. Calling the tool again may help.",
    error: { code: "tool_failed", message: "The reason is withheld: you may not see this result." },
    eta_seconds: null,
    can_retry: true,
  });
});

test("whatever the state: the members are those of the format, the line is one and short", () => {
  const formats = fc.constantFrom<TaskFormat | undefined>("minimal", "standard", "full", undefined);
  fc.assert(
    fc.property(anyTaskState, formats, fc.boolean(), fc.nat(), (state, format, mayRead, now) => {
      const made = makeTaskAnswer(REF, state, { mayRead, format, now });
      const effective = format ?? state.format;
      expect(isTaskAnswer(JSON.parse(JSON.stringify(made)))).toBe(true);
      expect("message" in made).toBe(effective !== "minimal");
      expect("error" in made).toBe(effective === "full");
      expect("progress" in made).toBe(effective !== "minimal" && mayRead);
      expect(made.message ?? "").not.toMatch(/\n/);
      expect((made.message ?? "").length).toBeLessThan(600);
    }),
  );
});

test.each([undefined, null, 3, REF, [], {}, { is_async: true, ref_id: REF }])(
  "%o is no task's answer",
  (value) => {
    expect(isTaskAnswer(value)).toBe(false);
  },
);

test.each([{ is_async: false }, { status: "input_required" }, { ref_id: null }])(
  "what has %o is no task's answer",
  (members) => {
    expect(isTaskAnswer({ ...answer(), ...members })).toBe(false);
  },
);
