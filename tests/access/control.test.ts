import { afterEach, describe, expect, test, vi } from "vitest";
import type { Actor } from "../../src/access/actor.js";
import { SYSTEM } from "../../src/access/actor.js";
import { AuditLog, type AuditRecord } from "../../src/access/audit.js";
import { AccessControl, type Membership } from "../../src/access/control.js";
import type { Group } from "../../src/access/namespace.js";
import { type Policy, policies } from "../../src/access/policy.js";
import { Usage } from "../../src/access/usage.js";
import { RefCache, runAs } from "../../src/index.js";
import { all } from "../helpers/entries.js";
import { recordingLogger } from "../helpers/recording-logger.js";

afterEach(() => void vi.useRealTimers());

const alice: Actor = { type: "user", id: "alice" };
const acme = { namespace: "org:acme:reports", policy: policies.public };
const questionsOf = (members: Membership | undefined, actor = alice, logger = recordingLogger()) =>
  new AccessControl({ members, logger }).questionsOf(actor);

describe("the members hook", () => {
  test("is told who asks and of which group, under their own ids", async () => {
    const members = vi.fn((_actor: Actor, group: Group) => group.id === "acme:1");
    const questions = questionsOf(members);
    expect(await questions.permits("get", { ...acme, namespace: "org:acme%3A1" })).toBe(true);
    expect(await questions.permits("get", { ...acme, namespace: "shared:acme" })).toBe(false);
    expect(members.mock.calls).toEqual([
      [alice, { kind: "org", id: "acme:1" }],
      [alice, { kind: "shared", id: "acme" }],
    ]);
  });

  test("may take its time", async () => {
    const members = async () => new Promise<boolean>((resolve) => setImmediate(() => resolve(true)));
    expect(await questionsOf(members).permits("get", acme)).toBe(true);
  });

  test("that is missing has nobody for a member", async () => {
    expect(await questionsOf(undefined).permits("get", acme)).toBe(false);
    expect(await questionsOf(undefined, SYSTEM).permits("get", acme)).toBe(true);
  });

  test.each([1, "true", {}, null, undefined, [true]])("that says %j has not said yes", async (answer) => {
    expect(await questionsOf((() => answer) as never).permits("get", acme)).toBe(false);
    expect(await questionsOf((async () => answer) as never).permits("get", acme)).toBe(false);
  });

  test("that throws says no, and the log says which kind of error it was, and not its text", async () => {
    for (const failure of [new TypeError("canary"), "canary"]) {
      const logger = recordingLogger();
      const throws = () => {
        throw failure;
      };
      const rejects = () => Promise.reject(failure);
      for (const members of [throws, rejects])
        expect(await questionsOf(members, alice, logger).permits("get", acme)).toBe(false);
      const name = failure instanceof Error ? "TypeError" : "no error was thrown";
      const line = `The members function failed: ${name}. Nobody is taken for a member.`;
      expect(logger.lines).toEqual([line, line]);
    }
  });

  test("that hangs says no after five seconds", async () => {
    vi.useFakeTimers();
    const logger = recordingLogger();
    const decided = vi.fn();
    const hanging = questionsOf(() => new Promise(() => {}), alice, logger).permits("get", acme);
    void Promise.resolve(hanging).then(decided);
    await vi.advanceTimersByTimeAsync(4999);
    expect(decided).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(decided).toHaveBeenCalledWith(false);
    expect(logger.lines).toEqual([expect.stringContaining("TimeoutError")]);
  });

  test("that hung once is not asked again in the course of the operation, but in the next", async () => {
    vi.useFakeTimers();
    const members = vi.fn(() => new Promise<boolean>(() => {}));
    const access = new AccessControl({ members, logger: recordingLogger() });
    const ask = async () => {
      const questions = access.questionsOf(alice);
      for (let n = 0; n < 1000; n++) await questions.permits("list", { ...acme, namespace: `org:o${n}` });
    };
    const asking = ask();
    await vi.advanceTimersByTimeAsync(5000);
    await asking;
    expect(members).toHaveBeenCalledTimes(1);
    const again = ask();
    await vi.advanceTimersByTimeAsync(5000);
    await again;
    expect(members).toHaveBeenCalledTimes(2);
  });

  test("that threw once is asked about the next group", async () => {
    const members = vi.fn((_: Actor, { id }: Group) => {
      if (id === "a") throw new Error("away");
      return true;
    });
    const questions = questionsOf(members);
    expect(await questions.permits("get", { ...acme, namespace: "org:a" })).toBe(false);
    expect(await questions.permits("get", { ...acme, namespace: "org:b" })).toBe(true);
  });

  test("is asked about a group once in an operation, in the next again", async () => {
    const members = vi.fn(() => true);
    const control = new AccessControl({ members, logger: recordingLogger() });
    for (let operation = 1; operation <= 2; operation++) {
      const questions = control.questionsOf(alice);
      for (let entry = 0; entry < 5; entry++) expect(await questions.permits("list", acme)).toBe(true);
      expect(await questions.wouldPermit("get", acme)).toBe(true);
      expect(members).toHaveBeenCalledTimes(operation);
    }
  });

  test("is asked once also where a result and what it was made of are of one group", async () => {
    const members = vi.fn(() => true);
    const policy: Policy = { ...policies.public, within: ["org:acme", "org:acme:user:alice"] };
    expect(await questionsOf(members).permits("get", { ...acme, policy })).toBe(true);
    expect(members).toHaveBeenCalledTimes(1);
  });

  test("is asked once also by questions that are asked at a time", async () => {
    const members = vi.fn(async () => true);
    const questions = questionsOf(members);
    expect(await Promise.all([1, 2, 3].map(() => questions.permits("get", acme)))).toEqual([
      true,
      true,
      true,
    ]);
    expect(members).toHaveBeenCalledTimes(1);
  });

  test("that says no stays heard: nobody is asked twice to say yes", async () => {
    const members = vi.fn(() => false);
    const questions = questionsOf(members);
    for (let time = 0; time < 3; time++) expect(await questions.permits("get", acme)).toBe(false);
    expect(members).toHaveBeenCalledTimes(1);
  });

  test("is not asked about the anonymous, nor by the server itself, nor where no group is", async () => {
    const members = vi.fn(() => true);
    expect(await questionsOf(members, { type: "user", sessionId: "s1" }).permits("get", acme)).toBe(false);
    expect(await questionsOf(members, { type: "agent" }).permits("get", acme)).toBe(false);
    expect(await questionsOf(members, SYSTEM).permits("get", acme)).toBe(true);
    expect(await questionsOf(members, { type: "system", id: "cron" }).permits("get", acme)).toBe(true);
    expect(await questionsOf(members).permits("get", { ...acme, namespace: "user:alice" })).toBe(true);
    expect(members).not.toHaveBeenCalled();
  });

  test.each(["org:", "org", "org:%20", "org:%zz", "shared:%00", `org:${"x".repeat(257)}`])(
    "is not asked about %s, which is no group",
    async (namespace) => {
      const members = vi.fn(() => true);
      expect(await questionsOf(members).permits("get", { ...acme, namespace })).toBe(false);
      expect(members).not.toHaveBeenCalled();
    },
  );

  test("is asked by every way in and out of a cache, and lists ask it once", async () => {
    const members = vi.fn((actor: Actor) => actor.id === "alice");
    const cache = new RefCache({ name: "test", members });
    const actor = alice;
    const { refId } = await cache.set("k", 1, { namespace: "org:acme", actor });
    for (let n = 0; n < 5; n++) await cache.set(`k${n}`, n, { namespace: "org:acme", actor });
    members.mockClear();
    expect(await all(cache.list({ actor }))).toHaveLength(6);
    expect(members).toHaveBeenCalledTimes(1);
    expect(await cache.get(refId, { actor })).toMatchObject({ value: 1 });
    expect(members).toHaveBeenCalledTimes(2);
    expect(await cache.exists(refId, { actor: { ...actor, id: "bob" } })).toBe(false);
  });
});

describe("decisions", () => {
  test("are made on the spot where no group is asked about", () => {
    const questions = questionsOf(() => true);
    expect(questions.permits("get", { ...acme, namespace: "public" })).toBe(true);
    expect(questions.wouldPermit("get", { ...acme, namespace: "public" })).toBe(true);
    expect(questions.permits("get", acme)).toBeInstanceOf(Promise);
  });

  test("that cannot wait take groups for closed until they are known", async () => {
    const questions = questionsOf(() => true);
    expect(questions.surelyPermits("answer", acme)).toBe(false);
    expect(await questions.permits("answer", acme)).toBe(true);
    expect(questions.surelyPermits("answer", acme)).toBe(true);
    expect(questions.permits("answer", acme)).toBe(true);
  });

  test("that take READ or EXECUTE are content with either", async () => {
    const agent: Actor = { type: "agent", id: "x" };
    const with_ = (agentPermissions: number) => ({
      namespace: "public",
      policy: { ...policies.public, agentPermissions },
    });
    for (const operation of ["lookup", "exists", "list", "info"] as const) {
      expect(await questionsOf(undefined, agent).permits(operation, with_(1))).toBe(true);
      expect(await questionsOf(undefined, agent).permits(operation, with_(16))).toBe(true);
      expect(await questionsOf(undefined, agent).permits(operation, with_(14))).toBe(false);
    }
  });

  test("about all that a call used are no as soon as one is", async () => {
    const usage = new Usage(alice);
    const questions = questionsOf((_, { id }) => id === "acme");
    expect(await questions.mayReadAll(usage)).toBe(true);
    usage.add(acme);
    expect(await questions.mayReadAll(usage)).toBe(true);
    usage.add({ namespace: "shared:team", policy: policies.public });
    expect(await questions.mayReadAll(usage)).toBe(false);
    expect(await questionsOf(() => true).mayReadAll(usage)).toBe(true);
    usage.add({ namespace: "public", policy: { ...policies.public, userPermissions: 30 } });
    expect(await questionsOf(() => true).mayReadAll(usage)).toBe(false);
  });
});

describe("the record", () => {
  const recorded = (actor: Actor, members?: Membership) => {
    const records: AuditRecord[] = [];
    const logger = recordingLogger();
    const audit = new AuditLog((record) => void records.push(record), logger);
    return { records, questions: new AccessControl({ members, audit, logger }).questionsOf(actor) };
  };

  test("holds each decision that was asked for, with the rule that decided, and none of the cache's own", async () => {
    const { records, questions } = recorded(alice, () => false);
    await questions.permits("get", { ...acme, namespace: "public" }, "test:00000001");
    await questions.permits("delete", acme, "test:00000001");
    await questions.wouldPermit("get", acme);
    questions.surelyPermits("get", acme);
    await questions.mayReadAll(new Usage(alice));
    expect(
      records.map(({ operation, decision, reason, namespace }) => [operation, decision, reason, namespace]),
    ).toEqual([
      ["get", "permitted", "role", "public"],
      ["delete", "denied", "namespace", "org:acme:reports"],
    ]);
  });

  test.each<[string, Partial<Policy>, string]>([
    ["denied", { deniedActors: ["user:alice"], boundSession: "x" }, "public"],
    ["session", { boundSession: "x", allowedActors: [] }, "user:bob"],
    ["namespace", { allowedActors: [], owner: "user:alice" }, "user:bob"],
    ["not_allowed", { allowedActors: [], owner: "user:alice" }, "public"],
    ["owner", { owner: "user:alice" }, "public"],
    ["role", { owner: "user:bob" }, "public"],
  ])("says %s where that is the first rule to decide", async (reason, members, namespace) => {
    const { records, questions } = recorded(alice);
    await questions.permits("get", { namespace, policy: { ...policies.public, ...members } });
    expect(records).toMatchObject([{ reason }]);
  });

  test("says owner_agent for those who act for the owner, and role where nothing is said of them", async () => {
    const { records, questions } = recorded({ type: "agent", id: "alice" });
    const owned = { ...policies.public, owner: "user:alice" };
    await questions.permits("get", { namespace: "public", policy: { ...owned, ownerAgentPermissions: 1 } });
    await questions.permits("get", { namespace: "public", policy: owned });
    await questions.permits("get", {
      namespace: "public",
      policy: { ...owned, owner: "user:bob", ownerAgentPermissions: 1 },
    });
    expect(records.map(({ reason }) => reason)).toEqual(["owner_agent", "role", "role"]);
  });

  test("says system for the server itself, who is in no list", async () => {
    const { records, questions } = recorded(SYSTEM);
    await questions.permits("get", {
      namespace: "user:bob",
      policy: { ...policies.public, deniedActors: ["*"] },
    });
    expect(records).toMatchObject([{ actor: "system:", decision: "permitted", reason: "system" }]);
  });

  test("tells how long it took from the beginning of the operation", async () => {
    const now = vi.spyOn(performance, "now").mockReturnValue(100);
    const { records, questions } = recorded(alice);
    now.mockReturnValue(107.5);
    await questions.permits("get", { ...acme, namespace: "public" });
    now.mockRestore();
    expect(records[0]?.milliseconds).toBe(7.5);
  });

  test("costs no clock where nobody keeps it", async () => {
    const now = vi.spyOn(performance, "now");
    await questionsOf(() => true).permits("get", acme);
    const calls = now.mock.calls.length;
    now.mockRestore();
    expect(calls).toBe(0);
  });
});

describe("a cache's record", () => {
  const made = () => {
    const records: AuditRecord[] = [];
    return { records, cache: new RefCache({ name: "test", audit: (record) => void records.push(record) }) };
  };
  const short = ({ operation, decision, reason, namespace }: AuditRecord) =>
    [operation, decision, reason, namespace].join(" ");

  test("says missing where nothing was found, whatever was asked for", async () => {
    const { cache, records } = made();
    const gone = "test:00000000";
    await cache.get(gone, { actor: alice }).catch(() => {});
    await cache.resolve(gone, { actor: alice }).catch(() => {});
    await cache.get("no reference", { actor: alice }).catch(() => {});
    await cache.exists(gone, { actor: alice });
    await cache.delete(gone, { actor: alice });
    expect(records.map(short)).toEqual([
      "get denied missing ",
      "resolve denied missing ",
      "get denied missing ",
      "exists denied missing ",
      "delete denied missing ",
    ]);
    expect(records.map(({ namespace }) => namespace)).toEqual([null, null, null, null, null]);
  });

  test("holds every way in and out, once each", async () => {
    const { cache, records } = made();
    const actor = alice;
    const { refId } = await cache.set("k", [1], { actor });
    await cache.set("k", [2], { actor });
    await cache.get(refId, { actor });
    await cache.resolve(refId, { actor });
    await cache.lookup("k", { actor });
    await cache.exists(refId, { actor });
    await all(cache.list({ actor }));
    await cache.delete(refId, { actor });
    await cache.clear("public", { actor });
    expect(records.map(short)).toEqual([
      "set permitted role public",
      "set permitted role public",
      "update permitted owner public",
      "get permitted owner public",
      "resolve permitted owner public",
      "lookup permitted owner public",
      "exists permitted owner public",
      "list permitted owner public",
      "list permitted owner public",
      "delete permitted owner public",
      "clear permitted owner public",
    ]);
  });

  test("is not flooded by a listing of what others have", async () => {
    const { cache, records } = made();
    for (let n = 0; n < 150; n++) await cache.set("k", n, { actor: alice });
    records.length = 0;
    const bob: Actor = { type: "user", id: "bob" };
    expect(await all(cache.list({ actor: bob }))).toEqual([]);
    expect(await cache.clear("public", { actor: bob })).toBe(0);
    expect(records).toEqual([]);
    await cache.get("test:00000000", { actor: bob }).catch(() => {});
    expect(records.map(short)).toEqual(["get denied missing "]);
  });

  test("says what was withheld, and each call that declassified its arguments", async () => {
    const { cache, records } = made();
    const agent: Actor = { type: "agent", id: "alice" };
    const { refId } = await cache.set("k", [1, 2], { policy: policies.executeOnly });
    const sum = cache.cached("sums", { declassify: true })(async function sum({ data }: { data: unknown }) {
      return (data as number[]).length;
    });
    const count = () => runAs(agent, () => sum({ data: refId }));
    expect([await count(), await count()]).toMatchObject([{ value: 2 }, { value: 2 }]);
    await cache.callAs(agent, () => cache.resolve(refId)).catch(() => {});
    const fails = async () => {
      throw new Error(String(await cache.resolve(refId)));
    };
    await cache.callAs(agent, fails).catch(() => {});
    expect(records.map(short).filter((line) => /withhold|declassify/.test(line))).toEqual([
      "declassify permitted declassify sums",
      "declassify permitted declassify sums",
      "withhold denied hidden ",
      "withhold denied hidden ",
    ]);
  });

  test("names the server itself where it does what needs no permission", async () => {
    const { cache, records } = made();
    const actor = SYSTEM;
    const { refId } = await cache.set("k", [1]);
    await cache.exists(refId, { actor });
    await cache.delete(refId, { actor });
    await cache.clear("n", { actor });
    await cache.clear(undefined, { actor });
    expect(records.map(short)).toEqual([
      "set permitted system public",
      "exists permitted system ",
      "delete permitted system ",
      "clear permitted system n",
      "clear permitted system ",
    ]);
    expect(records[1]?.reference).toMatch(/^[0-9a-f]{16}$/);
    expect(records[3]?.reference).toBeNull();
  });
});
