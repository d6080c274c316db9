import { expect, test } from "vitest";
import { type CacheEvent, CacheEvents } from "../../src/telemetry/events.js";
import { NamespaceLabels } from "../../src/telemetry/namespace-labels.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const event: CacheEvent = {
  ...{ operation: "get", code: "found", tool: null, namespaceLabel: "public", namespace: "public" },
  ...{ refId: null, milliseconds: 1, bytes: 2, count: 1 },
};

test("a listener hears what it asked for, until it is told to stop", () => {
  const events = new CacheEvents(recordingLogger());
  const heard: CacheEvent[] = [];
  const stop = events.on("hit", (hit) => heard.push(hit));
  events.emit("hit", () => event);
  events.emit("miss", () => event);
  stop();
  events.emit("hit", () => event);
  expect(heard).toEqual([event]);
  expect(events.isHeard("hit")).toBe(false);
});

test("an event that nobody listens for is not made", () => {
  const events = new CacheEvents(recordingLogger());
  events.on("miss", () => {});
  events.emit("hit", () => {
    throw new Error("made");
  });
});

test("a listener that throws or rejects keeps nobody from hearing, and is logged once, without its message", async () => {
  const logger = recordingLogger();
  const events = new CacheEvents(logger);
  let heard = 0;
  events.on("hit", () => {
    throw new RangeError("canary");
  });
  events.on("hit", (async () => {
    throw new TypeError("canary");
  }) as () => void);
  events.on("hit", () => heard++);
  for (let n = 0; n < 3; n++) events.emit("hit", () => event);
  await new Promise(setImmediate);
  expect(heard).toBe(3);
  const lines = logger.lines.map(String);
  expect(lines).toHaveLength(2);
  expect(lines.join()).toMatch(/RangeError.*TypeError/s);
  expect(lines.join()).not.toContain("canary");
});

test("no listener can change what the next one hears", () => {
  const events = new CacheEvents(recordingLogger());
  events.on("hit", (heard) => expect(Object.isFrozen(heard)).toBe(true));
  events.emit("hit", () => ({ ...event }));
  expect.assertions(1);
});

test("there are few labels, however many namespaces there are", () => {
  const labels = new NamespaceLabels();
  expect(labels.of("user:alice")).toBe("user:*");
  expect(labels.of("user:bob:drafts")).toBe("user:*");
  const made = Array.from({ length: 1000 }, (_, n) => labels.of(`run-${n}`));
  expect(new Set(made).size).toBe(100); // 99 of them, and "other"
  expect(made.at(-1)).toBe("other");
  expect(labels.of("user:carol")).toBe("user:*");
});
