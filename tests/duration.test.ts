import { expect, test } from "vitest";
import { parseDuration } from "../src/duration.js";
import { ConfigurationError } from "../src/errors.js";

test.each<[number | string, number]>([
  [1500, 1500],
  ["500ms", 500],
  ["90s", 90_000],
  ["1.5m", 90_000],
  ["1h", 3_600_000],
  ["7d", 604_800_000],
  ["2 h", 7_200_000],
])("%j is %d milliseconds", (duration, milliseconds) => {
  expect(parseDuration(duration, "ttl")).toBe(milliseconds);
});

test.each([
  "",
  "soon",
  "1",
  "1w",
  "-1s",
  "1e3s",
  "0s",
  0,
  -5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  null,
  undefined,
  {},
])("%j is none", (duration) => {
  expect(() => parseDuration(duration, "ttl")).toThrow(ConfigurationError);
  expect(() => parseDuration(duration, "ttl")).toThrow(/^ttl: /);
});
