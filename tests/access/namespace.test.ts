import { expect, test } from "vitest";
import { checkNamespace, pickForNamespace } from "../../src/access/namespace.js";

test.each(["public", "user:alice", "a b", "日本", "*", "x".repeat(400)])("%j is a namespace", (namespace) => {
  expect(checkNamespace(namespace)).toBe(namespace);
});

test.each(["", "x".repeat(401), "a\nb", "\u0000", "\u007f", null, 7])("%j is none", (namespace) => {
  expect(() => checkNamespace(namespace, "cached namespace")).toThrow("cached namespace");
});

test("the exact name first, then the longest prefix", () => {
  const configured = new Map([
    ["user:*", "any user"],
    ["user:vip:*", "any vip"],
    ["user:vip:1", "this vip"],
  ]);
  const pick = (namespace: string) => pickForNamespace(configured, namespace);
  expect(pick("user:vip:1")).toBe("this vip");
  expect(pick("user:vip:2")).toBe("any vip");
  expect(pick("user:vip:1:x")).toBe("any vip");
  expect(pick("user:vip")).toBe("any user");
  expect(pick("user:")).toBe("any user");
  expect(pick("user")).toBeUndefined();
  expect(pick("users:1")).toBeUndefined();
  expect(pick(":user")).toBeUndefined();
});
