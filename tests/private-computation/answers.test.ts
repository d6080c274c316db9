import { describe, expect, test } from "vitest";
import { type Actor, type Policy, policies, RefCache, runAs } from "../../src/index.js";
import { all } from "../helpers/entries.js";

const alice: Actor = { type: "agent", id: "alice" };
const salaries = [81_234, 92_345, 103_456];
const ask = <T>(actor: Actor, call: (args: { data: string }) => T, data: string): T =>
  runAs(actor, () => call({ data }));

describe("an answer to one who may use and not see", () => {
  const HIDDEN = ["expires_at", "is_async", "is_complete", "message", "ref_id"];
  const cache = new RefCache({ name: "test" });
  const echo = cache.cached("n")(async function echo({ data }: { data: string }) {
    return data as unknown;
  });
  const store = async (value: unknown, policy: Partial<Policy> = policies.executeOnly) =>
    (await cache.set("salaries", value, { policy })).refId;

  test.each([
    ["small", salaries],
    ["large", Array.from({ length: 5000 }, () => salaries)],
    ["a text", "canary".repeat(5000)],
    ["a number", 81_234],
  ])("has no preview, no size and no count, be it %s", async (_name, value) => {
    const answer = await ask(alice, echo, await store(value));
    expect(Object.keys(answer).sort()).toEqual(HIDDEN);
    expect(answer.message).toBe(
      "You may not see this value. Pass ref_id to a tool that takes it as an argument.",
    );
    expect(await ask(alice, echo, await store(value))).not.toHaveProperty("total_items");
  });

  test("tells type and count where every value that was used says so, and the tool", async () => {
    const shown = { ...policies.executeOnly, showShape: true };
    const telling = cache.cached("n", { policy: { showShape: true } })(async function tell(args: {
      data: string;
      more?: string;
    }) {
      return args.data as unknown;
    });
    const [open, closed] = [await store(salaries, shown), await store(salaries)];
    expect(await ask(alice, telling, open)).toMatchObject({ value_type: "list", total_items: 3 });
    expect(Object.keys(await ask(alice, telling, closed)).sort()).toEqual(HIDDEN);
    expect(Object.keys(await ask(alice, echo, open)).sort()).toEqual(HIDDEN);
    const both = await runAs(alice, () => telling({ data: open, more: closed }));
    expect(Object.keys(both).sort()).toEqual(HIDDEN);
  });

  test.each<[unknown, string, number | null]>([
    [[1, 2], "list", 2],
    [{ a: 1 }, "object", 1],
    ["x", "text", null],
    [-1.5, "number", null],
    [7, "number", null],
    [true, "boolean", null],
    [false, "boolean", null],
    [null, "null", null],
    [Number.NaN, "number", null],
    [Number.NEGATIVE_INFINITY, "number", null],
  ])("calls %j a %s", async (value, type, items) => {
    const shown = cache.cached("n", { policy: { ...policies.executeOnly, showShape: true }, key: false })(
      async () => value,
    );
    const answer = await runAs(alice, () => shown());
    expect(answer).toMatchObject({ value_type: type, total_items: items });
    expect(Object.keys(answer).sort()).toEqual([...HIDDEN, "total_items", "value_type"]);
  });

  test("says nothing of the value to lookups, lists and info either", async () => {
    const refId = await store(salaries);
    const told = [
      await cache.info(refId, { actor: alice }),
      await cache.lookup("salaries", { actor: alice }),
      ...(await all(cache.list({ actor: alice }))).filter((found) => found.refId === refId),
    ];
    expect(told).toHaveLength(3);
    for (const reference of told) expect(reference).toMatchObject({ refId, totalItems: null, bytes: null });
    const shaped = await store(salaries, { ...policies.executeOnly, showShape: true });
    expect(await cache.info(shaped, { actor: alice })).toMatchObject({ totalItems: 3, bytes: null });
    expect(await cache.info(shaped, { actor: { type: "user" } })).toMatchObject({ totalItems: 3, bytes: 20 });
  });
});
