import { describe, expect, test } from "vitest";
import { type Actor, type Answer, RefCache, runAs } from "../../src/index.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };
const bob: Actor = { type: "agent", id: "bob" };
const ask = <T>(actor: Actor, call: (args: { data: string }) => T, data: string): T =>
  runAs(actor, () => call({ data }));

describe("those who join one run", () => {
  /** A shared tool that waits until all have joined. */
  const gathering = (cache: RefCache, body: (data: unknown) => unknown) => {
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let runs = 0;
    const call = cache.cached("n", { scope: "shared" })(async function gathers({ data }: { data: unknown }) {
      runs++;
      await gate;
      return body(data);
    });
    return { call: call as (args: { data: string }) => Promise<Answer>, go: () => go(), runs: () => runs };
  };
  const forAlice = {
    policy: { agentPermissions: 16, allowedActors: null, owner: "agent:alice", ownerPermissions: 17 },
  };

  test.each(["alice", "bob"])("get what they may each, whoever runs it: %s", async (first) => {
    const cache = new RefCache({ name: "test" });
    const { refId } = await cache.set("k", "canary", forAlice);
    const { call, go, runs } = gathering(cache, (data) => ({ data }));
    const order = first === "alice" ? [alice, bob] : [bob, alice];
    const answers = Promise.all(order.map((actor) => ask(actor, call, refId)));
    await expect.poll(runs).toBe(1);
    go();
    const [one, two] = await answers;
    const [hers, his] = first === "alice" ? [one, two] : [two, one];
    expect(hers).toMatchObject({ value: { data: "canary" } });
    expect(everythingIn(his)).not.toContain("canary");
    expect(his?.ref_id).toBe(hers?.ref_id);
    expect(runs()).toBe(1);
  });

  test.each(["alice", "bob"])(
    "are told of its failure what they may each, whoever runs it: %s",
    async (first) => {
      const logger = recordingLogger();
      const cache = new RefCache({ name: "test", logger });
      const { refId } = await cache.set("k", "canary", forAlice);
      const failure = new TypeError("no luck with canary");
      const { call, go, runs } = gathering(cache, () => {
        throw failure;
      });
      const order = first === "alice" ? [alice, bob] : [bob, alice];
      const errors = Promise.all(order.map((actor) => errorOf(() => ask(actor, call, refId))));
      await expect.poll(runs).toBe(1);
      go();
      const [one, two] = await errors;
      const [hers, his] = first === "alice" ? [one, two] : [two, one];
      expect(hers).toBe(failure);
      expect(his).toMatchObject({ code: "tool_failed" });
      expect(everythingIn(his)).not.toContain("canary");
      expect(logger.lines.join("\n")).not.toContain("canary");
      expect(runs()).toBe(1);
    },
  );

  test("are not told what the run used beyond their arguments", async () => {
    const cache = new RefCache({ name: "test", logger: recordingLogger() });
    const { refId } = await cache.set("k", "canary", forAlice);
    const { call, go, runs } = gathering(cache, async () => {
      throw new Error(await cache.resolve<string>(refId));
    });
    const errors = Promise.all([alice, bob].map((actor) => errorOf(() => ask(actor, call, "nothing"))));
    await expect.poll(runs).toBe(1);
    go();
    const [hers, his] = await errors;
    expect(hers?.message).toBe("canary");
    expect(everythingIn(his)).not.toContain("canary");
  });
});
