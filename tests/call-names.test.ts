import { describe, expect, test } from "vitest";
import { type Actor, policies, RefCache, runAs } from "../src/index.js";

const agent: Actor = { type: "agent", id: "alice" };

/** Numbers that the agent may use and not see. */
async function hiding(cache: RefCache, ...values: number[]): Promise<string[]> {
  const stored = values.map((value) => cache.set("k", [value], { policy: policies.executeOnly }));
  return (await Promise.all(stored)).map(({ refId }) => refId);
}

describe("a name tells nothing of what its caller may not see", () => {
  test("a result found by what was computed in secret is not shown, though it is open to who computes it openly", async () => {
    const cache = new RefCache({ name: "calc" });
    const [secret] = await hiding(cache, 5);
    const same = cache.cached("n")(async function same(value: number) {
      return value;
    });
    const guess = () => runAs(agent, () => same(5));
    const leak = async () =>
      cache.callAs(agent, async () => same((await cache.resolve<number[]>(secret ?? ""))[0] ?? 0));
    expect(await guess()).toMatchObject({ value: 5 });
    const answer = await leak();
    expect(answer).toMatchObject({ is_complete: false });
    expect(JSON.stringify(answer)).not.toContain('"value":5');
    expect(await guess()).toMatchObject({ value: 5 });
  });

  test("equal values in secret arguments get references of their own", async () => {
    const cache = new RefCache({ name: "calc" });
    const [one, two] = await hiding(cache, 5, 5);
    const same = cache.cached("n")(async function same(value: number) {
      return value;
    });
    const indirect = (refId: string) =>
      cache.callAs(agent, async () => same((await cache.resolve<number[]>(refId))[0] ?? 0));
    const answers = [await indirect(one ?? ""), await indirect(two ?? ""), await indirect(one ?? "")];
    expect(new Set(answers.map(({ ref_id }) => ref_id)).size).toBe(3);
  });

  test("nor do keys made of them; references stand for themselves, and are found again", async () => {
    const cache = new RefCache({ name: "calc" });
    const [one, two] = await hiding(cache, 5, 5);
    const keyed = cache.cached("n", { key: (data: unknown) => JSON.stringify(data) })(
      async (data: unknown) => data,
    );
    const plain = cache.cached("n")(async function plain(data: unknown) {
      return data;
    });
    const refOf = async (call: (data: unknown) => Promise<{ ref_id: string | null }>, refId = "") =>
      (await runAs(agent, () => call(refId))).ref_id;
    expect(await refOf(keyed, one)).not.toBe(await refOf(keyed, two));
    expect(await refOf(plain, one)).not.toBe(await refOf(plain, two));
    expect(await refOf(plain, one)).toBe(await refOf(plain, one));
  });
});
