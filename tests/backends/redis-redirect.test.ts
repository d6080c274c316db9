import { expect, test } from "vitest";
import { redirectOf } from "../../src/backends/redis/redirect.js";
import { slotOf } from "../../src/backends/redis/slot.js";

test.each([
  ["MOVED 3999 127.0.0.1:6381", { kind: "MOVED", address: "127.0.0.1:6381", asking: false }],
  ["ASK 3999 127.0.0.1:6381", { kind: "ASK", address: "127.0.0.1:6381", asking: true }],
  ["MOVED 3999 ::1:6381", { kind: "MOVED", asking: false }],
  ["MOVED 3999 fe80::1:6381", { kind: "MOVED", address: "fe80::1:6381", asking: false }],
  ["MOVED 3999 :6381", { kind: "MOVED", asking: false }],
  ["MOVED 3999 ?:6381", { kind: "MOVED", asking: false }],
  ["MOVED 3999", { kind: "MOVED", asking: false }],
  ["TRYAGAIN Multiple keys request during rehashing of slot", { kind: "TRYAGAIN", asking: false }],
  ["WRONGTYPE Operation against a key", undefined],
  ["MOVEDX 1 a:1", undefined],
])("the reply %s", (message, expected) => {
  expect(redirectOf(new Error(message))).toEqual(expected);
});

test("an address is the one by which it is reached from here", () => {
  const natMap = { "172.17.0.2:6379": { host: "cache.example", port: 7001 } };
  expect(redirectOf(new Error("MOVED 1 172.17.0.2:6379"), natMap)?.address).toBe("cache.example:7001");
});

// The first is the check value of the specification, the others are of CLUSTER KEYSLOT.
test.each([
  ["123456789", 12_739],
  ["foo", 12_182],
  ["{foo}.bar", 12_182],
  ["a{foo}{bar}", 12_182],
  ["", 0],
])("the slot of %j", (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});
