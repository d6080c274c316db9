import { expect, test } from "vitest";
import { InvalidReferenceError } from "../src/errors.js";
import { checkCacheName, isReference, mintReference, parseReference } from "../src/reference.js";

test.each([
  "calculator:c256f65be89e9674",
  "a:00000000",
  "A-b_9:0123456789abcdef0123456789abcdef",
  "commit:deadbeef12",
])("%s is a reference", (text) => {
  expect(isReference(text)).toBe(true);
  expect(parseReference(text)).toEqual({ cacheName: text.split(":")[0], id: text.split(":")[1] });
});

test.each([
  "",
  "calculator",
  "calculator:",
  "calculator:1234567",
  "calculator:DEADBEEF",
  "calculator:deadbeeg",
  "1st:deadbeef",
  "-a:deadbeef",
  "a b:deadbeef",
  "a:b:deadbeef",
  " a:deadbeef",
  "a:deadbeef\n",
  "a:deadbeef ",
  "ä:deadbeef",
  7,
  null,
  ["a:deadbeef"],
])("%j is none", (text) => {
  expect(isReference(text)).toBe(false);
  expect(() => parseReference(text as string)).toThrow(InvalidReferenceError);
});

test("new ones have 128 random bits", () => {
  expect(mintReference("a")).toMatch(/^a:[0-9a-f]{32}$/);
  expect(new Set(Array.from({ length: 10_000 }, () => mintReference("a"))).size).toBe(10_000);
});

test("cache names are those a reference can begin with", () => {
  expect(checkCacheName("My-cache_1")).toBe("My-cache_1");
  for (const name of ["", "1a", "a:b", "a b", "a\n", undefined])
    expect(() => checkCacheName(name)).toThrow("name");
});
