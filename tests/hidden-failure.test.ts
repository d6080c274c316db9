import { expect, test } from "vitest";
import { HiddenFailureError, HiddenResultError } from "../src/errors.js";
import { hideFailure } from "../src/hidden-failure.js";
import { recordingLogger } from "./helpers/recording-logger.js";

const throwing = () => {
  throw new Error("it was 61417");
};

test.each<[string, unknown]>([
  ["an error", new Error("it was 61417")],
  ["a text", "it was 61417"],
  ["nothing", undefined],
  ["an object that cannot be read", Object.defineProperty({}, "stack", { get: throwing })],
  ["an object that has no text", { toString: throwing }],
  ["an object without a prototype", Object.create(null)],
])("%s is hidden, and logged where that is asked for", (_what, error) => {
  for (const logHiddenErrors of [true, false]) {
    const logger = recordingLogger();
    const hidden = hideFailure(error, "load", { logger, logHiddenErrors });
    expect(hidden).toBeInstanceOf(HiddenFailureError);
    expect(`${hidden.message} ${hidden.stack}`).not.toContain("61417");
    expect(logger.lines).toHaveLength(1);
    expect(logger.lines[0]).toContain((hidden as HiddenFailureError).correlationId);
    if (!logHiddenErrors) expect(logger.lines[0]).not.toContain("61417");
  }
});

test("the text is in the log where it can be read", () => {
  const logger = recordingLogger();
  hideFailure(new Error("it was 61417"), "load", { logger, logHiddenErrors: true });
  expect(logger.lines[0]).toContain("it was 61417");
});

test("what is hidden already keeps its id and loses what was added", () => {
  const log = { logger: recordingLogger(), logHiddenErrors: false };
  const first = hideFailure(new Error("a"), "load", log) as HiddenFailureError;
  const again = hideFailure(Object.assign(first, { note: "61417" }), "outer", log) as HiddenFailureError;
  expect(again.correlationId).toBe(first.correlationId);
  expect(again).not.toHaveProperty("note");
  expect(log.logger.lines).toHaveLength(1);
  expect(hideFailure(new HiddenResultError(), "outer", log)).toBeInstanceOf(HiddenResultError);
});
