import { hash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { type AuditEvent, AuditLog, type AuditRecord } from "../../src/access/audit.js";
import { RefCache } from "../../src/index.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = {
  type: "user",
  id: "alice:1",
  sessionId: "session-canary",
  claims: { org: "claim-canary" },
};
const refId = "test:0123456789abcdef0123456789abcdef";
const event: AuditEvent = {
  actor: alice,
  operation: "get",
  permitted: false,
  reason: "role",
  namespace: "public",
  refId,
  milliseconds: 0.25,
};

beforeEach(() => void vi.useFakeTimers({ now: Date.parse("2030-01-02T03:04:05.678Z") }));
afterEach(() => void vi.useRealTimers());

function recorder() {
  const records: AuditRecord[] = [];
  return { records, log: new AuditLog((record) => void records.push(record), recordingLogger()) };
}

describe("a record", () => {
  test("has exactly these members", () => {
    const { records, log } = recorder();
    log.record(event);
    expect(records).toEqual([
      {
        time: "2030-01-02T03:04:05.678Z",
        actor: "user:alice%3A1",
        operation: "get",
        namespace: "public",
        reference: hash("sha256", refId, "hex").slice(0, 16),
        decision: "denied",
        reason: "role",
        milliseconds: 0.25,
      },
    ]);
    expect(Object.keys(records[0] ?? {})).toEqual([
      "time",
      "actor",
      "operation",
      "namespace",
      "reference",
      "decision",
      "reason",
      "milliseconds",
    ]);
  });

  test("names a reference by the same hash each time, and none where there is none", () => {
    const { records, log } = recorder();
    for (const id of [refId, refId, "test:00000000", undefined])
      log.record({ ...event, permitted: true, namespace: null, refId: id });
    const [one, again, other, none] = records.map(({ reference }) => reference);
    expect(one).toMatch(/^[0-9a-f]{16}$/);
    expect(again).toBe(one);
    expect(other).not.toBe(one);
    expect(none).toBeNull();
    expect(records[0]).toMatchObject({ decision: "permitted", namespace: null });
  });

  test("holds no value, no reference, no key, no session and no claim", async () => {
    const records: AuditRecord[] = [];
    const cache = new RefCache({ name: "test", audit: (record) => void records.push(record) });
    const actor = alice;
    const stored = await cache.set("key-canary", "value-canary", { actor });
    await cache.get(stored.refId, { actor });
    await cache.resolve(stored.refId, { actor: { type: "agent" } }).catch(() => {});
    await cache.lookup("key-canary", { actor });
    await cache.callAs(actor, () => cache.cached("n")(async (text: string) => text)(stored.refId));
    await cache.delete(stored.refId, { actor });
    expect(records.length).toBeGreaterThan(5);
    expect(JSON.stringify(records)).not.toMatch(/canary/);
    expect(JSON.stringify(records)).not.toContain(stored.refId.slice(5));
  });
});

describe("denials", () => {
  test("of one actor are a hundred a minute; how many more there were is told with the next", () => {
    const { records, log } = recorder();
    for (let n = 0; n < 250; n++) log.record(event);
    expect(records).toHaveLength(100);
    expect(records.some((record) => "suppressed" in record)).toBe(false);
    vi.advanceTimersByTime(59_999);
    log.record(event);
    expect(records).toHaveLength(100);
    vi.advanceTimersByTime(1);
    log.record(event);
    log.record(event);
    expect(records).toHaveLength(102);
    expect(records[100]).toMatchObject({ suppressed: 151 });
    expect(records[101]).not.toHaveProperty("suppressed");
    for (let n = 0; n < 98; n++) log.record(event);
    expect(records).toHaveLength(200);
    log.record(event);
    expect(records).toHaveLength(200);
  });

  test("of one actor do not cost another, nor what is permitted", () => {
    const { records, log } = recorder();
    for (let n = 0; n < 101; n++) log.record(event);
    log.record({ ...event, actor: { type: "user", id: "bob" } });
    log.record({ ...event, permitted: true });
    expect(records.slice(100)).toMatchObject([
      { actor: "user:bob", decision: "denied" },
      { actor: "user:alice%3A1", decision: "permitted" },
    ]);
    expect(records[101]).not.toHaveProperty("suppressed");
  });

  test("what is permitted is never left out", () => {
    const { records, log } = recorder();
    for (let n = 0; n < 500; n++) log.record({ ...event, permitted: true });
    expect(records).toHaveLength(500);
  });

  test("are counted for no more than ten thousand actors", () => {
    const { records, log } = recorder();
    for (let n = 0; n < 101; n++) log.record(event);
    for (let n = 0; n < 10_000; n++) log.record({ ...event, actor: { type: "user", id: `u${n}` } });
    log.record(event);
    expect(records).toHaveLength(10_101);
  });
});

test("a hook that does not fail is not logged, whatever it returns", () => {
  for (const returned of [undefined, 7, Promise.resolve()]) {
    const logger = recordingLogger();
    new AuditLog(() => returned, logger).record(event);
    expect(logger.lines).toEqual([]);
  }
});

describe("a hook that fails", () => {
  test.each([
    [new RangeError("canary"), "RangeError"],
    ["canary", "unknown"],
  ])("changes nothing, and is logged without its text", async (failure, name) => {
    const logger = recordingLogger();
    const fails = () => {
      throw failure;
    };
    const cache = new RefCache({ name: "test", audit: fails, logger });
    const { refId } = await cache.set("k", 1);
    expect(await cache.get(refId, { actor: alice })).toMatchObject({ value: 1 });
    expect(logger.lines).toEqual([
      `The audit function failed: ${name}`,
      `The audit function failed: ${name}`,
    ]);
  });

  test("later, as one that is asynchronous may, does not end the process", async () => {
    const logger = recordingLogger();
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    try {
      const log = new AuditLog((async () => Promise.reject(new RangeError("canary"))) as () => void, logger);
      log.record(event);
      vi.useRealTimers();
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("unhandledRejection", unhandled);
    }
    expect(unhandled).not.toHaveBeenCalled();
    expect(logger.lines).toEqual(["The audit function failed: RangeError"]);
  });
});
