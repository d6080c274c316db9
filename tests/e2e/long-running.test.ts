import { setTimeout } from "node:timers/promises";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callTool } from "../../examples/embedded/call.js";
import { analyse, type Depth } from "../../examples/long-running/analyse.js";
import { Archive } from "../../examples/long-running/archive.js";
import { NodeProcess } from "../helpers/processes.js";
import { hasRedisBinary } from "../helpers/redis-server.js";
import { Analysers, type Form } from "./analysers.js";

const DEPTHS: readonly Depth[] = ["quick", "standard", "deep"];
/** Each transport, each store, with workers and without: each takes half a minute. */
const FORMS: Form[] = [
  { transport: "stdio", store: "sqlite", workers: false },
  { transport: "http", store: "redis", workers: true },
];
const hasRedis = hasRedisBinary() && process.env.MCP_REFCACHE_TEST_REDIS !== "off";
const here = FORMS.filter(({ store }) => hasRedis || store !== "redis");

/** A fifth of the real lengths of time: analyses take 1, 2 and 4 s, and a reference is given after 0.6 s. */
const ARGS = ["--pace", "0.2", "--lease", "1000", "--flaky"];

describe.each(here)("analyses over $transport on $store, workers: $workers", (form) => {
  let site: Analysers;

  beforeAll(async () => {
    site = await Analysers.start(form, ARGS);
  }, 60_000);
  afterAll(() => site?.stop());

  const begin = async (client: Client, depth: Depth) => {
    const { content } = await callTool(client, "analyse", { depth });
    return { early: content, ref_id: String(content.ref_id) };
  };

  test("a short one is answered in time", async () => {
    const documents = [{ name: "haiku", text: "An old silent pond. A frog jumps into the pond." }];
    const { answer } = await callTool(site.first, "analyse", { documents, depth: "quick" });
    const ended = answer.is_complete ? answer : (await endOf(site.second, String(answer.ref_id))).content;
    expect(ended).toMatchObject({ is_complete: true, value: [{ name: "haiku", words: 10, sentences: 2 }] });
  }, 60_000);

  test("long ones are answered early, polled on another server, and give the same everywhere", async () => {
    const notices: string[] = [];
    const retries: number[] = [];
    await Promise.all(
      DEPTHS.map(async (depth) => {
        const { early, ref_id } = await begin(site.first, depth);
        expect(membersOf(early)).toEqual(STANDARD);
        expect(early).toMatchObject({ is_complete: false, is_async: true });
        expect(ref_id).toMatch(/^analyser:[0-9a-f]{40}$/);
        const polled = await poll(site.second, ref_id, { response_format: "full" });
        if (polled.is_async) expect(membersOf(polled)).toEqual(FULL);
        retries.push(Number(polled.retry_count ?? 0));
        const minimal = await poll(site.second, ref_id, { response_format: "minimal" });
        if (minimal.is_async) expect(membersOf(minimal)).toEqual(MINIMAL);
        const ended = await endOf(site.second, ref_id, (notice) => notices.push(notice));
        expect(ended.content).toMatchObject({ ref_id, is_async: false });
        for (const client of [site.first, site.second])
          expect(await poll(client, ref_id, { full: true })).toMatchObject({
            is_complete: true,
            value: await expected(depth),
          });
        expect((await begin(site.second, depth)).early).toMatchObject({ ref_id, is_async: false });
      }),
    );
    expect(Math.max(...retries), "attempts after the first, as the archive was busy").toBeGreaterThan(0);
    expect(notices.some((notice) => /of 12 Reading \w+/.test(notice))).toBe(true);
  }, 90_000);

  test("an equal call joins, its reference is no argument yet, then it is one", async () => {
    const documents = await library("join");
    const args = { documents, depth: "standard" };
    const { content } = await callTool(site.first, "analyse", args);
    expect((await callTool(site.second, "analyse", args)).content.ref_id).toBe(content.ref_id);
    const table = { report: content.ref_id, most: 2 };
    await expect(callTool(site.second, "word_table", table)).rejects.toThrow(/still runs/);
    await endOf(site.first, String(content.ref_id));
    const { answer } = await callTool(site.second, "word_table", table);
    expect(answer.value).toMatchObject([{ word: "water", count: 11 }, { word: "flour" }]);
  }, 60_000);

  test("one is cancelled on another server, and the next equal call begins anew", async () => {
    const args = { documents: await library("cancel"), depth: "deep" };
    const { content } = await callTool(site.first, "analyse", args);
    const cancelled = await callTool(site.second, "cancel_task", { ref_id: content.ref_id });
    expect(membersOf(cancelled.content)).toEqual(STANDARD);
    const ended = await endOf(site.first, String(content.ref_id));
    expect(ended.content).toMatchObject({ status: "cancelled", is_async: true });
    const again = await callTool(site.first, "analyse", args);
    expect(again.content.ref_id).not.toBe(content.ref_id);
    await callTool(site.first, "cancel_task", { ref_id: again.content.ref_id });
  }, 60_000);

  /** Over stateless HTTP a cancellation comes as a request of its own, of which the call knows nothing. */
  if (form.transport === "stdio")
    test("a client that goes early ends its analysis", async () => {
      const args = { documents: await library("gone"), depth: "deep" };
      const leaving = new AbortController();
      const call = callTool(site.first, "analyse", args, {
        signal: leaving.signal,
        onprogress: () => leaving.abort(),
      });
      await expect(call).rejects.toThrow();
      const left = Date.now();
      await setTimeout(1000);
      const { content } = await callTool(site.first, "analyse", args);
      expect(Date.parse(String(content.started_at))).toBeGreaterThan(left);
      await callTool(site.first, "cancel_task", { ref_id: content.ref_id });
    }, 60_000);

  test("who performs it is killed, and it ends elsewhere under the same reference", async () => {
    const args = { documents: await library("kill"), depth: "deep" };
    const { content } = await callTool(site.first, "analyse", args);
    const ref_id = String(content.ref_id);
    await site.strike();
    const ended = await endOf(site.second, ref_id);
    expect(ended.content).toMatchObject({ ref_id, is_async: false, total_items: 12 });
  }, 90_000);
});

const MINIMAL = ["is_async", "is_complete", "ref_id", "status"];
const STANDARD = [...MINIMAL, "message", "progress", "started_at"].sort();
const FULL = [...STANDARD, "can_retry", "error", "retry_count"].sort();

/** Without what depends on the moment. */
function membersOf(answer: Record<string, unknown>): string[] {
  return Object.keys(answer)
    .filter((member) => member !== "eta_seconds")
    .sort();
}

async function poll(client: Client, ref_id: string, options: object): Promise<Record<string, unknown>> {
  return (await callTool(client, "get_cached_result", { ref_id, ...options })).content;
}

/** Polls as an agent does, until there is an end. */
async function endOf(client: Client, ref_id: string, told: (notice: string) => void = () => {}) {
  for (const until = Date.now() + 60_000; Date.now() < until; ) {
    const step = await callTool(
      client,
      "get_cached_result",
      { ref_id, wait_ms: 2000 },
      { onprogress: ({ progress, total, message }) => told(`${progress} of ${total} ${message}`) },
    );
    const { status } = step.content;
    if (status !== "pending" && status !== "processing") return step;
  }
  throw new Error("The task did not come to an end.");
}

/** What the analysis comes to, made here without any waiting. */
async function expected(depth: Depth) {
  const archive = new Archive({ pace: 0, flaky: false });
  const nobody = { progress: () => {}, signal: new AbortController().signal };
  return analyse(archive, archive.open(), depth, nobody);
}

/** The archive's documents under names of their own, so that their analysis is no other's. */
async function library(prefix: string) {
  const archive = new Archive({ pace: 0, flaky: false });
  return archive.open().map(({ name, text }) => ({ name: `${prefix}-${name}`, text }));
}

describe("the demonstrations", () => {
  test.each([
    { script: "demo", needsRedis: false },
    { script: "demo-workers", needsRedis: true },
  ])(
    "$script prints the walk, and ends with 0",
    async ({ script, needsRedis }) => {
      if (needsRedis && !hasRedis) return;
      const demo = new NodeProcess(`examples/long-running/${script}.ts`, ["0.15"]);
      const { code, output } = await demo.end(90_000);
      expect(code, output).toBe(0);
      expect(output).toMatch(/first server › analyse\(\{"depth": "standard"\}\)/);
      expect(output).toMatch(/poll +cancelled: /);
      expect(output).toMatch(/begins anew elsewhere[\s\S]* done +analyser:[0-9a-f]{40}/);
      expect(output).not.toMatch(/warn|error|debug/i);
    },
    100_000,
  );
});
