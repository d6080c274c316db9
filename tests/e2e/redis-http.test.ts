import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { callTool } from "../../examples/embedded/call.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { behavesOver, callRaw } from "./behaviour.js";
import { checkWalk } from "./checks.js";
import { Topology } from "./topology.js";

describeRedisServer("the compose topology: two HTTP servers on Redis", () => {
  let topology: Topology;

  beforeAll(async () => {
    topology = await Topology.start();
  });

  afterAll(() => topology?.abandon());

  test("walks the walk for two clients at once", async () => {
    const [first, second] = await Promise.all([topology.connect(), topology.connect()]);
    const [one, other] = await Promise.all([checkWalk(first), checkWalk(second)]);
    // Nobody was authenticated, so equal calls of both are equal, and were made once.
    for (const tool of ["generate_primes", "analyze_data", "transform_data"]) {
      expect(one.get(tool)?.answer.ref_id).toBe(other.get(tool)?.answer.ref_id);
    }
  });

  behavesOver(() => topology.clients);

  test("a restart of a server costs no reference", async () => {
    const primes = await callTool(topology.clients.calculator, "generate_primes", { count: 1500 });
    await topology.restart("calculator");
    const { calculator, analyst } = topology.clients;
    const { answer } = await callTool(analyst, "analyze_data", { data: primes.answer.ref_id });
    expect(answer.value).toMatchObject({ count: 1500, max: 12553 });
    const again = await callTool(calculator, "generate_primes", { count: 1500 });
    expect(again.answer.ref_id).toBe(primes.answer.ref_id);
  });

  test("a restart of the store costs no reference", async () => {
    const { calculator, analyst } = topology.clients;
    const primes = await callTool(calculator, "generate_primes", { count: 1600 });
    await topology.redis.restart();
    const page = await vi.waitFor(
      () => callTool(analyst, "get_cached_result", { ref_id: primes.answer.ref_id, page: 1 }),
      { timeout: 10_000 },
    );
    expect(page.answer).toMatchObject({ page: 1, total_items: 1600 });
    const { answer } = await callTool(analyst, "analyze_data", { data: primes.answer.ref_id });
    expect(answer.value).toMatchObject({ count: 1600 });
  });

  test("a wrong password is an error the model can tell, not a crash", async () => {
    const stranger = await topology.startServer("analyst", { REDIS_PASSWORD: "wrong" });
    const client = await stranger.connect();
    const answered = await callRaw(client, "create_sample_data", { distribution: "uniform", count: 500 });
    expect(answered.structuredContent).toMatchObject({ ref_id: null, is_stored: false });
    const read = await callRaw(client, "list_shared_cache", {});
    expect(read.isError).toBe(true);
    expect(stranger.output).not.toContain("wrong");
    expect(await stranger.stop()).toMatchObject({ code: 0, signal: null });
  });

  test("everything stops in good order", async () => {
    expect(await topology.stop()).toEqual([
      { name: "calculator", code: 0, signal: null },
      { name: "analyst", code: 0, signal: null },
    ]);
  });
});
