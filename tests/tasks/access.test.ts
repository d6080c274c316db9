import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { cachedTarget } from "../../src/decorate.js";
import {
  type Actor,
  ANONYMOUS_AGENT,
  MemoryBackend,
  Permission,
  RefCache,
  SYSTEM,
  taskContext,
} from "../../src/index.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { alice, as, bob, early, gate, pass, poll } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CANARY = "canary-51d7";
const { READ, EXECUTE, DELETE } = Permission;
const carol: Actor = { type: "agent", id: "carol" };

/** What somebody hears of a call while it waits. */
interface Heard {
  readonly actor: Actor;
  readonly progress: unknown[];
}

/** Calls a cached function as somebody who listens. */
function listening(tool: unknown, actor: Actor, args: object): { answer: Promise<unknown>; heard: Heard } {
  const heard: Heard = { actor, progress: [] };
  const answer = as(actor, async () =>
    cachedTarget(tool)?.cached.call({
      self: undefined,
      params: [args],
      onProgress: (progress) => void heard.progress.push(progress ?? "some"),
    }),
  );
  answer.catch(() => {});
  return { answer, heard };
}

describe("who may know of a task", () => {
  const policy = {
    owner: "user:alice",
    ownerPermissions: READ | EXECUTE | DELETE,
    userPermissions: EXECUTE,
    agentPermissions: 0,
  };

  async function start() {
    const cache = new RefCache({ name: "test" });
    const work = gate<string>();
    const tool = cache.cached("jobs", { asyncTimeout: 10, scope: "shared", policy })(
      async (_: object, { progress }) => {
        progress({ current: 1, total: 2, message: CANARY });
        return work.promise;
      },
    );
    const { answer, heard } = listening(tool, alice, {});
    await pass(10);
    return { cache, work, heard, ref_id: early(await answer).ref_id };
  }
  const full = { responseFormat: "full" };

  test("READ: all of it", async () => {
    const { cache, ref_id, work, heard } = await start();
    expect(heard.progress).toEqual([{ current: 1, total: 2, message: CANARY }]);
    for (const actor of [alice, SYSTEM])
      expect(await poll(cache, ref_id, actor, full)).toMatchObject({
        progress: { current: 1, total: 2, message: CANARY },
        message: expect.stringContaining(CANARY),
      });
    work.fail(new Error(`cannot read ${CANARY}`));
    await pass(0);
    expect(await poll(cache, ref_id, alice, full)).toMatchObject({
      error: { message: `cannot read ${CANARY}` },
    });
  });

  test("EXECUTE only: that it runs, and how it ended, and nothing of what it says", async () => {
    const { cache, ref_id, work } = await start();
    await pass(5000);
    const running = await poll(cache, ref_id, bob, full);
    expect(running).toMatchObject({ status: "processing", eta_seconds: null });
    expect(running).not.toHaveProperty("progress");
    const seen: unknown[] = [];
    const waiting = cache.get(ref_id, {
      actor: bob,
      wait: 1000,
      onProgress: (progress) => seen.push(progress),
    });
    await pass(0);
    work.fail(new Error(`cannot read ${CANARY}`));
    const failed = await waiting;
    expect(failed).toMatchObject({ status: "failed" });
    const told = everythingIn([running, failed, seen, await poll(cache, ref_id, bob, full)]);
    expect(told).not.toContain(CANARY);
    expect(told).toContain("The reason is withheld");
  });

  test("neither: it is as if there were none, running, failed, or waited for", async () => {
    const { cache, ref_id, work } = await start();
    const unknown = await errorOf(() => poll(cache, `test:${"0".repeat(40)}`, carol));
    const refused = async () => {
      for (const options of [{}, full, { wait: 1000 }]) {
        const error = await errorOf(() => poll(cache, ref_id, carol, options));
        expect(everythingIn({ ...error, stack: "" })).toBe(everythingIn({ ...unknown, stack: "" }));
        expect(error).toMatchObject({ code: "reference_unavailable", message: unknown.message });
      }
      await expect(cache.resolve(ref_id, { actor: carol })).rejects.toMatchObject({
        code: "reference_unavailable",
      });
      await expect(cache.cancelTask(ref_id, { actor: carol })).rejects.toMatchObject({
        code: "reference_unavailable",
      });
    };
    await refused();
    expect(await poll(cache, ref_id)).toMatchObject({ status: "processing" });
    work.fail(new Error(CANARY));
    await pass(0);
    await refused();
  });

  test("cancel: who called, and who may DELETE, but nobody who may only use it", async () => {
    for (const [actor, may] of [
      [alice, true],
      [SYSTEM, true],
      [bob, false],
      [{ type: "agent", id: "alice" }, false],
      [ANONYMOUS_AGENT, false],
    ] as const) {
      const { cache, ref_id, work } = await start();
      const outcome = cache.cancelTask(ref_id, { actor }).then(
        ({ status }) => status,
        ({ code }) => code,
      );
      await pass(1);
      expect(await outcome).toBe(may ? "processing" : "reference_unavailable");
      work.open("done");
      await pass(0);
      expect(await poll(cache, ref_id)).toMatchObject(may ? { status: "cancelled" } : { value: "done" });
    }
  });

  test("a task's reference in an argument is a clear error to who may know, the ordinary one to others", async () => {
    const { cache, ref_id, work } = await start();
    const length = cache.cached("n")(async ({ text }: { text: string }) => text.length);
    const use = (actor: Actor) => as(actor, () => length({ text: ref_id }));
    for (const actor of [alice, bob]) {
      await expect(use(actor)).rejects.toMatchObject({ code: "task_not_complete" });
      await expect(cache.resolve(ref_id, { actor })).rejects.toMatchObject({ code: "task_not_complete" });
    }
    expect(await use(carol)).toMatchObject({ value: ref_id.length }); // as any look-alike of a reference
    expect(await as(carol, () => length({ text: `test:${"0".repeat(40)}` }))).toMatchObject({
      value: ref_id.length,
    });
    work.open("four");
    await pass(0);
    expect(await use(alice)).toMatchObject({ value: 4 });
  });
});

describe("a task that used what its caller may not see", () => {
  const hidden = {
    policy: {
      owner: "user:alice",
      ownerPermissions: READ | EXECUTE | DELETE,
      userPermissions: EXECUTE,
      agentPermissions: EXECUTE,
    },
  };

  /** A shared tool that tells all it can of a value, and fails with it. */
  async function start(outcome: "fails" | "succeeds") {
    const logger = recordingLogger();
    const backend = new MemoryBackend();
    const encryption = { keys: { k: randomBytes(32) }, current: "k" };
    const options = { name: "test", backend, logger, encryption };
    const cache = new RefCache(options);
    const other = new RefCache(options);
    const work = gate();
    const tool = cache.cached("jobs", { asyncTimeout: 3000, scope: "shared", retries: 1 })(
      async ({ data }: { data: unknown }, { progress }) => {
        for (let current = 1; current < 4; current++) {
          progress({ current, total: 4, message: `${current} ${data}` });
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        await work.promise;
        if (outcome === "fails") throw new RangeError(`no luck with ${data}`);
        return `about ${data}`;
      },
    );
    const { refId } = await cache.set("k", CANARY, { actor: SYSTEM, ...hidden });
    return { cache, other, backend, tool, refId, work, logger };
  }

  test.each(["fails", "succeeds"] as const)(
    "tells nothing of it to any but who may READ: one that %s",
    async (outcome) => {
      const { cache, other, backend, tool, refId, work, logger } = await start(outcome);
      const callers = [bob, carol, alice].map((actor) => listening(tool, actor, { data: refId }));
      await pass(3000);
      const answers = await Promise.all(callers.map(({ answer }) => answer));
      const { ref_id } = early(answers[0]);
      const told: Record<string, unknown[]> = { bob: [], carol: [], alice: [] };
      const ask = async () => {
        for (const actor of [bob, carol, alice])
          for (const asked of [cache, other])
            told[actor.id ?? ""]?.push(
              await asked.get(ref_id, { actor, responseFormat: "full" }).catch((error) => error),
            );
      };
      await ask();
      const seen: unknown[] = [];
      const onProgress = (progress: unknown) => seen.push(progress);
      const wait = other.get(ref_id, { actor: bob, wait: 2000, onProgress }).catch((error) => error);
      await pass(1000);
      work.open();
      await pass(1500);
      told.bob?.push(await wait);
      await ask();
      const hears = callers.map(({ heard }) => heard);
      for (const { actor, progress } of hears) {
        expect(progress).toHaveLength(3);
        if (actor !== alice) expect(progress).toEqual(["some", "some", "some"]);
      }
      expect(everythingIn([told.bob, told.carol, seen, answers.slice(0, 2), logger.lines])).not.toContain(
        CANARY,
      );
      const hers = everythingIn(told.alice);
      expect(hers).toContain(CANARY);
      expect(hers).toContain(outcome === "fails" ? "no luck with" : "about");
      expect(everythingIn(backend)).not.toContain(CANARY);
    },
  );

  test("tells its caller that it failed, in time or late, without the reason", async () => {
    const { tool, refId, work, cache } = await start("fails");
    const call = () => listening(tool, bob, { data: refId });
    work.open();
    const { answer, heard } = call();
    await pass(2000);
    const error = await errorOf(() => answer);
    expect(error).toMatchObject({ code: "tool_failed" });
    expect(everythingIn([error, heard, await cache.stats()])).not.toContain(CANARY);
  });
});

describe("nested calls", () => {
  test("a cached tool that calls a long one gets its early answer, and may wait for it by get", async () => {
    const cache = new RefCache({ name: "test" });
    const inner = cache.cached("inner", { asyncTimeout: 100 })(async (_: object, { progress }) => {
      progress({ current: 1, total: 2, message: "inner works" });
      await new Promise((resolve) => setTimeout(resolve, 5000));
      return "inner result";
    });
    const outer = cache.cached("outer")(async () => {
      const started = early(await inner({}));
      const done = await cache.get(started.ref_id, { wait: "20s" });
      return [started.status, started.progress?.message, done.value];
    });
    const answer = as(alice, () => outer());
    await pass(6000);
    expect(await answer).toMatchObject({ value: ["processing", "inner works", "inner result"] });
  });

  test("what an inner call says to the outer one's listener is told as the inner call's own words would be", async () => {
    const cache = new RefCache({ name: "test" });
    const { refId } = await cache.set("k", CANARY, {
      actor: SYSTEM,
      policy: { owner: "user:alice", ownerPermissions: READ | EXECUTE, userPermissions: EXECUTE },
    });
    const inner = cache.cached("inner")(async ({ data }: { data: string }) => {
      taskContext().progress({ current: 2, total: 3, message: `inner: ${data}` });
      await new Promise((resolve) => setTimeout(resolve, 5000));
      return 1;
    });
    const outer = cache.cached("outer", { asyncTimeout: 1000 })(async (_: object, { progress }) => {
      progress({ current: 1, total: 3, message: "outer" });
      await inner({ data: refId });
      return 2;
    });
    const { answer, heard } = listening(outer, bob, {});
    await pass(1000);
    const { ref_id } = early(await answer);
    const told = [await answer, await poll(cache, ref_id, bob, { responseFormat: "full" }), heard];
    expect(everythingIn(told)).not.toContain(CANARY);
    expect(heard.progress).toEqual([{ current: 1, total: 3, message: "outer" }, "some"]);
    await pass(5000);
    expect(await poll(cache, ref_id, bob)).toMatchObject({ value: 2 });
    const hers = listening(outer, alice, {});
    await pass(1000);
    expect(hers.heard.progress.at(-1)).toEqual({ current: 2, total: 3, message: `inner: ${CANARY}` });
    await pass(5000);
  });

  test("what an inner call says that used no more than the outer one is noted as its own", async () => {
    const cache = new RefCache({ name: "test" });
    const inner = cache.cached("inner")(async () => {
      taskContext().progress({ current: 2, total: 3, message: "inner" });
      await new Promise((resolve) => setTimeout(resolve, 5000));
    });
    const outer = cache.cached("outer", { asyncTimeout: 1000 })(async () => inner());
    const answer = as(alice, async () => outer({}));
    await pass(1000);
    expect(await poll(cache, early(await answer).ref_id)).toMatchObject({ progress: { message: "inner" } });
  });

  test("callAs: a plain tool's call of a long one is its caller's, who may poll it", async () => {
    const cache = new RefCache({ name: "test" });
    const work = gate<string>();
    const long = cache.cached("user:{user_id}:jobs", { asyncTimeout: 10 })(async () => work.promise);
    const answer = cache.callAs(bob, () => long({}));
    await pass(10);
    const { ref_id } = early(await answer);
    await expect(poll(cache, ref_id, alice)).rejects.toMatchObject({ code: "reference_unavailable" });
    expect(await poll(cache, ref_id, bob)).toMatchObject({ status: "processing" });
    work.open("his");
    await pass(0);
    expect(await poll(cache, ref_id, bob)).toMatchObject({ value: "his" });
  });
});

describe("a tool that declassifies", () => {
  test("lets its caller follow its task, without what it says before its end", async () => {
    const cache = new RefCache({ name: "test" });
    const closed = { userPermissions: 0, agentPermissions: 0 };
    const { refId } = await cache.set("secret", CANARY, { actor: SYSTEM, policy: closed });
    const work = gate<string>();
    const tool = cache.cached("jobs", { asyncTimeout: 10, declassify: true })(
      async (_: object, { progress }) => {
        const secret = await cache.resolve<string>(refId, { actor: SYSTEM });
        progress({ current: 1, total: 2, message: secret });
        return work.promise;
      },
    );
    const { answer, heard } = listening(tool, alice, {});
    await pass(10);
    const { ref_id } = early(await answer);
    const running = await poll(cache, ref_id, alice, { responseFormat: "full" });
    expect(running).toMatchObject({ status: "processing" });
    expect(everythingIn([running, heard.progress])).not.toContain(CANARY);
    expect(await errorOf(() => poll(cache, ref_id, bob))).toMatchObject({ code: "reference_unavailable" });
    work.open("a yes");
    await pass(0);
    expect(await poll(cache, ref_id)).toMatchObject({ value: "a yes" });
  });

  test("lets its caller cancel its task", async () => {
    const cache = new RefCache({ name: "test" });
    const closed = { userPermissions: 0, agentPermissions: 0 };
    const { refId } = await cache.set("secret", CANARY, { actor: SYSTEM, policy: closed });
    const tool = cache.cached("jobs", { asyncTimeout: 10, declassify: true })(
      async (_: object, { signal }) => {
        await cache.resolve(refId, { actor: SYSTEM });
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      },
    );
    const { answer } = listening(tool, alice, {});
    await pass(10);
    const { ref_id } = early(await answer);
    await cache.cancelTask(ref_id, { actor: alice });
    await pass(10);
    expect(await poll(cache, ref_id)).toMatchObject({ status: "cancelled" });
  });
});
