import { describe, expect, test } from "vitest";
import {
  type Actor,
  type Answer,
  type CachedOptions,
  type Policy,
  policies,
  RefCache,
  runAs,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const bob: Actor = { type: "agent", id: "bob" };
const salaries = [81_234, 92_345, 103_456];
const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;
const secret = { policy: policies.executeOnly };
const ask = <T>(actor: Actor, call: (args: { data: string }) => T, data: string): T =>
  runAs(actor, () => call({ data }));

describe("the one door out", () => {
  const made = () => {
    const records: object[] = [];
    const cache = new RefCache({
      name: "test",
      audit: (record) => void records.push(record),
      logger: recordingLogger(),
    });
    const declassified = () => records.filter((record) => Reflect.get(record, "operation") === "declassify");
    return { cache, declassified, stored: () => cache.set("salaries", salaries, secret) };
  };

  test("is declassify: true, by which the result is as open as the tool says; it is on record", async () => {
    const { cache, declassified, stored } = made();
    const { refId } = await stored();
    const average = cache.cached("n", { declassify: true })(async ({ data }: { data: unknown }) =>
      mean(data as number[]),
    );
    const answer = await ask(alice, average as never, refId);
    expect(answer).toMatchObject({ is_complete: true, value: 92_345 });
    expect(declassified()).toEqual([
      {
        time: expect.any(String),
        actor: "agent:alice",
        operation: "declassify",
        namespace: "n",
        reference: expect.stringMatching(/^[0-9a-f]{16}$/),
        decision: "permitted",
        reason: "declassify",
        milliseconds: expect.any(Number),
      },
    ]);
    const { ref_id } = answer as unknown as Answer;
    expect(await cache.get(ref_id ?? "", { actor: alice })).toMatchObject({ value: 92_345 });
    await expect(cache.get(ref_id ?? "", { actor: bob })).rejects.toMatchObject({
      code: "reference_unavailable",
    });
  });

  test("or a function of the policies that were used", async () => {
    const { cache, declassified, stored } = made();
    const { refId } = await stored();
    const used: (readonly Policy[])[] = [];
    const options = (members: Partial<Policy>): CachedOptions => ({
      key: false,
      declassify: (policies) => {
        used.push(policies);
        return members;
      },
    });
    const average = (members: Partial<Policy>) =>
      cache.cached("n", options(members))(async ({ data }: { data: unknown }) => mean(data as number[]));
    expect(await ask(alice, average({}) as never, refId)).toMatchObject({ value: 92_345 });
    const closed = { ownerAgentPermissions: 16 };
    expect(await ask(alice, average(closed) as never, refId)).not.toHaveProperty("value");
    expect(used.every((policies_) => policies_.length === 1 && policies_[0]?.agentPermissions === 16)).toBe(
      true,
    );
    expect(declassified()).toHaveLength(2);
    await expect(ask(alice, average({ owner: 7 as never }) as never, refId)).rejects.toMatchObject({
      code: "tool_failed",
    });
  });

  test("is not on record where nothing was used that could be revealed", async () => {
    const { cache, declassified } = made();
    const constant = cache.cached("n", { declassify: true })(async () => 7);
    expect(await runAs(alice, () => constant())).toMatchObject({ value: 7 });
    expect(declassified()).toEqual([]);
  });

  test("is open for its own result only, not for what the tool stores on the way", async () => {
    const { cache, stored } = made();
    const { refId } = await stored();
    let kept = "";
    const average = cache.cached("n", { declassify: true })(async ({ data }: { data: unknown }) => {
      kept = (await cache.set("copy", data, { ...asServer, policy: policies.public })).refId;
      return mean(data as number[]);
    });
    await ask(alice, average as never, refId);
    await expect(cache.get(kept, { actor: alice })).rejects.toMatchObject({ code: "reference_unavailable" });
  });

  test("is shut where nothing is said", async () => {
    const { cache, stored } = made();
    const { refId } = await stored();
    for (const declassify of [undefined, false]) {
      const average = cache.cached("n", { declassify, key: false })(async ({ data }: { data: unknown }) =>
        mean(data as number[]),
      );
      expect(await ask(alice, average as never, refId)).not.toHaveProperty("value");
    }
  });
});
