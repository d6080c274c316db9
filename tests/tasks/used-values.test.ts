import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Answer, HiddenResultError, Permission, RefCache, SYSTEM } from "../../src/index.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { alice, as, bob, early, gate, pass, poll } from "../helpers/tasks.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const CANARY = "canary-e4a8";
const FULL = { responseFormat: "full" } as const;
const usable = { userPermissions: Permission.EXECUTE, agentPermissions: Permission.EXECUTE };

/** A cache with a long tool that tells what it was given. */
function start() {
  const cache = new RefCache({ name: "test" });
  const work = gate();
  const tool = cache.cached("jobs", { asyncTimeout: 50 })(
    async ({ data }: { data: string }, { progress }) => {
      progress({ current: 1, total: 4, message: `has ${data}` });
      await work.promise;
      return `about ${data}`;
    },
  );
  return { cache, work, tool };
}

describe("a cached tool", () => {
  test.each(["the early answer", "what a poll answers", "what cancelling answers"])(
    "does not keep %s of a task as a result",
    async (which) => {
      const { cache, tool } = start();
      const outer = cache.cached("outer")(async ({ data }: { data: string }) => {
        const answer = early(await tool({ data }));
        if (which === "what a poll answers") return cache.get(answer.ref_id);
        return which === "the early answer" ? answer : cache.cancelTask(answer.ref_id);
      });
      const answer = errorOf(() => as(alice, () => outer({ data: "it" })));
      await pass(100);
      expect(await answer).toMatchObject({ code: "value_not_storable" });
    },
  );
});

describe("a plain tool", () => {
  test("has used what is told of a task, by polling it or by cancelling it", async () => {
    const { cache, tool } = start();
    const answer = as(alice, () => tool({ data: CANARY }));
    await pass(50);
    const { ref_id } = early(await answer);
    for (const ask of [cache.get, cache.cancelTask]) {
      const asked = cache.callAs(bob, async () =>
        JSON.stringify(await as(SYSTEM, () => ask.call(cache, ref_id))),
      );
      const told = errorOf(() => asked);
      await pass(10);
      expect(await told).toBeInstanceOf(HiddenResultError);
      expect(everythingIn(await told)).not.toContain(CANARY);
    }
  });

  test("that used hidden values gives the reference of its call of a long one, with its caller's rights", async () => {
    const { cache, work, tool } = start();
    const { refId } = await cache.set("k", CANARY, { actor: SYSTEM, policy: usable });
    const answer = cache.callAs(bob, async () => tool({ data: await cache.resolve<string>(refId) }));
    await pass(50);
    const told = early(await answer);
    const polled: Answer = await poll(cache, told.ref_id, bob, FULL);
    expect(polled).toMatchObject({ ref_id: told.ref_id, status: "processing" });
    work.open();
    await pass(0);
    expect(everythingIn([told, polled])).not.toContain(CANARY);
    await expect(poll(cache, told.ref_id, bob)).rejects.toMatchObject({ code: "reference_unavailable" });
    const length = cache.cached("n")(async ({ text }: { text: string }) => text.length);
    expect(await as(bob, () => length({ text: told.ref_id }))).toMatchObject({
      message: expect.stringContaining("You may not see this value"),
    });
    expect(await poll(cache, told.ref_id, SYSTEM)).toMatchObject({ value: `about ${CANARY}` });
  });

  test("that used hidden values passes on nothing of a task that was there before, nor of a copy of its answer", async () => {
    const { cache, tool } = start();
    const before = as(bob, () => tool({ data: "before" }));
    await pass(50);
    const { ref_id } = early(await before);
    const { refId } = await cache.set("k", CANARY, { actor: SYSTEM, policy: usable });
    const choosing = cache.callAs(bob, async () => {
      await cache.resolve(refId);
      return cache.get(ref_id);
    });
    const copying = cache.callAs(bob, async () => ({
      ...(await tool({ data: await cache.resolve(refId) })),
    }));
    const told = Promise.all([errorOf(() => choosing), errorOf(() => copying)]);
    await pass(100);
    for (const error of await told) expect(error).toBeInstanceOf(HiddenResultError);
  });
});
