import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { Progress } from "@modelcontextprotocol/sdk/types.js";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { withRefCache } from "../../src/fastmcp/index.js";
import { Permission, RefCache, SYSTEM, TransientError } from "../../src/index.js";
import {
  call,
  makeAuthenticatedServer,
  makeServer,
  messagesTo,
  serve,
  type ToolResult,
} from "../helpers/fastmcp.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { gate } from "../helpers/tasks.js";

type Structured = Record<string, unknown> & { ref_id: string };

/** What a tool answered, which is the same in both forms that clients show. */
function told(result: ToolResult): Structured {
  expect(result.isError).toBeFalsy();
  expect(JSON.parse(result.content[0]?.text ?? "")).toEqual(result.structuredContent);
  return result.structuredContent as Structured;
}

/** Calls a tool and hears how far it is. */
function hearing(client: Client, name: string, args: Record<string, unknown> = {}, options: object = {}) {
  const heard: Progress[] = [];
  const onprogress = (progress: Progress) => void heard.push(progress);
  const answer = client.callTool({ name, arguments: args }, undefined, { onprogress, ...options });
  return { heard, answer: answer as unknown as Promise<ToolResult> };
}

const soon = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const until = (client: Client, ref_id: string) =>
  call(client, "get_cached_result", { ref_id, wait_ms: 20_000 });

describe("a server with a long tool", () => {
  /** The tool works through its documents, each of which the test lets it finish. */
  async function start(asyncTimeout = 300, options: object = {}) {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    const docs = [1, 2, 3, 4].map((n) => ({ name: `doc ${n}`, done: gate() }));
    const signals: AbortSignal[] = [];
    const report = { pages: 12 };
    server.addTool({
      name: "analyse",
      description: "Analyse documents.",
      parameters: z.object({ times: z.number().optional() }),
      execute: cache.cached("jobs", { asyncTimeout, ...options })(async (_args, { progress, signal }) => {
        signals.push(signal);
        for (const [i, doc] of docs.entries()) {
          signal.throwIfAborted();
          await Promise.race([doc.done.promise, new Promise((r) => signal.addEventListener("abort", r))]);
          progress({ current: i + 1, total: docs.length, message: doc.name });
        }
        return report;
      }),
    });
    const finish = (...which: number[]) => {
      for (const n of which) docs[n]?.done.open();
    };
    return { cache, server, connect: await serve(server, { stateless: false }), finish, report, signals };
  }

  test("answers in time as ever, else early, and by polls then, under one reference", async () => {
    const { connect, finish, report } = await start();
    const client = await connect();
    const early = told(await call(client, "analyse"));
    expect(early).toEqual({
      ref_id: expect.stringMatching(/^test:[0-9a-f]{40}$/),
      status: "processing",
      is_complete: false,
      is_async: true,
      started_at: expect.any(String),
      progress: null,
      message: expect.stringContaining("Poll with get_cached_result(ref_id, wait_ms=20000)."),
    });
    const { ref_id } = early;
    finish(0);
    await expect
      .poll(async () => told(await call(client, "get_cached_result", { ref_id })))
      .toMatchObject({ progress: { current: 1, total: 4, percentage: 25, message: "doc 1" } });
    finish(1, 2, 3);
    expect(told(await until(client, ref_id))).toMatchObject({ ref_id, is_complete: true, value: report });
    expect(told(await call(client, "analyse"))).toMatchObject({ ref_id, value: report });
    expect(told(await call(client, "analyse", { times: 2 }))).toMatchObject({
      value: report,
      is_complete: true,
    });
  });

  test("tells progress while the first call waits, while a poll waits, and never after", async () => {
    const { connect, finish } = await start(1500);
    const client = await connect();
    const messages = messagesTo(client);
    const first = hearing(client, "analyse");
    finish(0);
    await expect.poll(() => first.heard.length).toBe(1);
    finish(1);
    const { ref_id } = told(await first.answer);
    expect(first.heard).toEqual([
      { progress: 1, total: 4, message: "doc 1" },
      { progress: 2, total: 4, message: "doc 2" },
    ]);
    const poll = hearing(client, "get_cached_result", { ref_id, wait_ms: 20_000 });
    await soon(200);
    finish(2);
    await expect.poll(() => poll.heard.length).toBe(2);
    finish(3);
    expect(told(await poll.answer)).toMatchObject({ value: { pages: 12 } });
    expect(poll.heard.map(({ progress }) => progress)).toEqual([2, 3, 4].slice(0, poll.heard.length));
    const sent = messages.length;
    await soon(300);
    expect(messages.slice(sent).filter((message) => message.includes("notifications/progress"))).toEqual([]);
    expect(first.heard).toHaveLength(2);
  });

  test("the client's own cancellation aborts the tool's signal while nobody else waits", async () => {
    const { connect, signals } = await start(60_000);
    const client = await connect();
    const leaving = new AbortController();
    const { answer } = hearing(client, "analyse", {}, { signal: leaving.signal });
    await expect.poll(() => signals.length).toBe(1);
    leaving.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await expect.poll(() => signals[0]?.aborted).toBe(true);
    expect(signals[0]?.reason).toMatchObject({ code: "task_cancelled" });
  });

  test("a client that waits less than asyncTimeout gives up, and the call with it", async () => {
    const { connect, signals } = await start(60_000);
    const client = await connect();
    const { answer } = hearing(client, "analyse", {}, { timeout: 500 });
    await expect(answer).rejects.toThrow(/timed out/i);
    await expect.poll(() => signals[0]?.aborted).toBe(true);
  });

  test("a client that goes after its early answer ends nothing", async () => {
    const { connect, finish, report } = await start();
    const client = await connect();
    const { ref_id } = told(await call(client, "analyse"));
    await client.close();
    finish(0, 1, 2, 3);
    expect(told(await until(await connect(), ref_id))).toMatchObject({ value: report });
  });

  test("cancel_task ends it, and is told so", async () => {
    const { connect, signals } = await start();
    const client = await connect();
    const { ref_id } = told(await call(client, "analyse"));
    expect(told(await call(client, "cancel_task", { ref_id }))).toMatchObject({ ref_id });
    expect(signals[0]?.aborted).toBe(true);
    expect(told(await until(client, ref_id))).toMatchObject({
      status: "cancelled",
      message: "Cancelled: there is no result. Call the tool again to start anew.",
    });
    const unknown = await call(client, "cancel_task", { ref_id: `test:${"0".repeat(40)}` });
    expect(unknown).toMatchObject({ isError: true });
    expect(unknown.content[0]?.text).toContain("unknown, expired, or not available");
  });
});

test("log and session stand beside progress and signal; what is logged after the early answer goes nowhere", async () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeAuthenticatedServer(), cache);
  const work = gate();
  server.addTool({
    name: "job",
    parameters: z.object({ n: z.number() }),
    execute: cache.cached("jobs", { asyncTimeout: 300 })(
      async ({ n }, { log, session, progress, signal }) => {
        log.info("begun");
        await work.promise;
        log.info("going on");
        progress({ current: n });
        return { who: session?.id, isAborted: signal.aborted };
      },
    ),
  });
  const client = await (await serve(server, { stateless: false }))("alice");
  const messages = messagesTo(client);
  const { ref_id } = told(await call(client, "job", { n: 1 }));
  work.open();
  expect(told(await until(client, ref_id))).toMatchObject({ value: { who: "alice", isAborted: false } });
  await soon(100);
  expect(messages.join()).toContain("begun");
  expect(messages.join()).not.toContain("going on");
});

test("of values that a caller may only use, nothing goes to that client: no progress, message, error or log", async () => {
  const CANARY = "canary-9e02";
  const { READ, EXECUTE } = Permission;
  const cache = new RefCache({ name: "test", logger: recordingLogger() });
  const server = withRefCache(makeAuthenticatedServer(), cache);
  const steps = [gate(), gate()];
  server.addTool({
    name: "job",
    parameters: z.object({ data: z.string(), n: z.number() }),
    execute: cache.cached("jobs", { asyncTimeout: 1500, scope: "shared" })(
      async ({ data }: { data: string; n: number }, { progress, log, reportProgress }) => {
        progress({ current: 1, total: 3, message: `has ${data}` });
        await reportProgress({ progress: 2, total: 3 });
        log.info(`has ${data}`);
        await steps[0]?.promise;
        progress({ current: 3, total: 3, message: `still ${data}` });
        await steps[1]?.promise;
        throw new RangeError(`no luck with ${data}`);
      },
    ),
  });
  const { refId } = await cache.set("k", CANARY, {
    actor: SYSTEM,
    policy: { owner: "agent:alice", ownerPermissions: READ | EXECUTE, agentPermissions: EXECUTE },
  });
  const connect = await serve(server, { stateless: false });
  const [his, hers] = [await connect("bob"), await connect("alice")];
  const [toBob, toAlice] = [messagesTo(his), messagesTo(hers)];
  const calls = [hearing(his, "job", { data: refId, n: 1 }), hearing(hers, "job", { data: refId, n: 1 })];
  const [early] = await Promise.all(calls.map(async ({ answer }) => told(await answer)));
  const ref_id = early?.ref_id ?? "";
  expect(calls.map(({ heard }) => heard.length)).toEqual([1, expect.any(Number)]); // one sign of life
  const polls = [his, hers].map((client) =>
    hearing(client, "get_cached_result", { ref_id, wait_ms: 20_000, response_format: "full" }),
  );
  await soon(200);
  steps[0]?.open();
  await expect.poll(() => polls.map(({ heard }) => heard.length)).toEqual([1, 1]);
  steps[1]?.open();
  const [bobs, alices] = await Promise.all(polls.map(async ({ answer }) => told(await answer)));
  expect(bobs).toMatchObject({ status: "failed", error: { code: "tool_failed" } });
  expect(alices).toMatchObject({ error: { message: `no luck with ${CANARY}` } });
  await soon(200);
  expect(toAlice.join()).toContain(`still ${CANARY}`);
  expect(toBob.length).toBeGreaterThan(3);
  expect(toBob.join()).not.toContain(CANARY);
});

test("FastMCP's own reportProgress tells of the task, too; what is no amount harms nobody", async () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeServer(), cache);
  server.addTool({
    name: "job",
    execute: cache.cached("jobs", { asyncTimeout: "1m" })(async (_, { reportProgress }) => {
      for (const progress of [Number.NaN, -1, 1, Number.POSITIVE_INFINITY])
        void reportProgress({ progress, total: Number.POSITIVE_INFINITY });
      void reportProgress({ progress: 1, message: "MCP wants it to grow" });
      void reportProgress({ progress: 2, total: 1 });
      await reportProgress({ progress: 3, total: 4 });
      return "done";
    }),
  });
  const { heard, answer } = hearing(await (await serve(server))(), "job");
  expect(told(await answer)).toMatchObject({ value: "done" });
  expect(heard).toEqual([{ progress: 1 }, { progress: 2 }, { progress: 3, total: 4 }]);
});

test("a failure is a poll's answer, with its reason, and the next call is new", async () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeServer(), cache);
  const work = gate();
  let runs = 0;
  server.addTool({
    name: "job",
    execute: cache.cached("jobs", { asyncTimeout: 100, retries: { attempts: 1, baseDelay: 1 } })(async () => {
      if (++runs > 2) return "at last";
      await work.promise;
      throw new TransientError("the printer is busy");
    }),
  });
  const client = await (await serve(server))();
  const { ref_id } = told(await call(client, "job"));
  work.open();
  const failed = told(
    await call(client, "get_cached_result", { ref_id, wait_ms: 20_000, response_format: "full" }),
  );
  expect(failed).toMatchObject({
    ref_id,
    status: "failed",
    is_complete: false,
    error: { code: "tool_error", message: "the printer is busy" },
    retry_count: 1,
    can_retry: true,
  });
  expect(told(await call(client, "job"))).toMatchObject({ value: "at last" });
});

describe("a tool with an output schema", () => {
  async function start(asyncResponseFormat: "minimal" | "standard" | "full") {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    const work = gate();
    server.addTool({
      name: "job",
      parameters: z.object({ isSlow: z.boolean(), size: z.number() }),
      outputSchema: z.object({ rows: z.array(z.string()) }),
      execute: cache.cached("jobs", { asyncTimeout: 300, asyncResponseFormat })(
        async ({ isSlow, size }: { isSlow: boolean; size: number }, { progress }) => {
          progress({ current: 1, total: 2, message: "one" });
          if (isSlow) await work.promise;
          return { rows: Array.from({ length: size }, (_, n) => `row ${n}`) };
        },
      ),
    });
    const client = await (await serve(server))();
    await client.listTools(); // from now on the client checks what comes against the schema
    return { client, work };
  }

  test.each(["minimal", "standard", "full"] as const)(
    "bare results, references and early answers fit what it advertises: %s",
    async (format) => {
      const { client, work } = await start(format);
      expect(told(await call(client, "job", { isSlow: false, size: 2 }))).toEqual({
        rows: ["row 0", "row 1"],
      });
      expect(told(await call(client, "job", { isSlow: false, size: 5000 }))).toMatchObject({
        is_complete: false,
      });
      const early = told(await call(client, "job", { isSlow: true, size: 2 }));
      const members = {
        minimal: ["ref_id", "status", "is_complete", "is_async"],
        standard: ["started_at", "progress", "message"],
        full: ["eta_seconds", "error", "retry_count", "can_retry", "expected_schema"],
      };
      const { minimal, standard, full } = members;
      const expected = {
        minimal,
        standard: [...minimal, ...standard],
        full: [...minimal, ...standard, ...full],
      };
      expect(
        Object.keys(early)
          .filter((name) => name !== "eta_seconds" || format === "full")
          .sort(),
      ).toEqual([...expected[format]].sort());
      const { ref_id } = early;
      const asked = told(await call(client, "get_cached_result", { ref_id, response_format: "full" }));
      expect(asked.expected_schema).toMatchObject({
        type: "object",
        properties: { rows: { type: "array", items: { type: "string" } } },
      });
      work.open();
      expect(told(await until(client, ref_id))).toMatchObject({ value: { rows: ["row 0", "row 1"] } });
      expect(told(await call(client, "job", { isSlow: true, size: 2 }))).toEqual({
        rows: ["row 0", "row 1"],
      });
    },
  );
});

test("only servers with a long tool have cancel_task, once; it costs few tokens", async () => {
  const costs: number[] = [];
  for (const long of [0, 1, 2]) {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    server.addTool({ name: "short", execute: cache.cached("n")(async () => 1) });
    for (let n = 0; n < long; n++)
      server.addTool({ name: `long${n}`, execute: cache.cached("n", { asyncTimeout: "5s" })(async () => n) });
    const { tools } = await (await (await serve(server))()).listTools();
    const ours = tools.filter(({ name }) => name === "cancel_task");
    expect(ours).toHaveLength(long === 0 ? 0 : 1);
    costs.push(countTokens(JSON.stringify(ours[0] ?? "")));
  }
  expect(costs[1]).toBeLessThan(110);
  const without = withRefCache(makeServer(), new RefCache({ name: "test" }), { tools: false });
  const cache = new RefCache({ name: "test" });
  without.addTool({ name: "long", execute: cache.cached("n", { asyncTimeout: "5s" })(async () => 1) });
  const { tools } = await (await (await serve(without))()).listTools();
  expect(tools.map(({ name }) => name)).toEqual(["long"]);
});

describe("over stdio", () => {
  async function start() {
    const client = new Client({ name: "test", version: "1.0.0" });
    const args = ["--import", import.meta.resolve("tsx"), "tests/helpers/task-stdio-server.ts"];
    const env = { PATH: String(process.env.PATH) };
    const transport = new StdioClientTransport({ command: process.execPath, args, env, stderr: "pipe" });
    const said: string[] = [];
    transport.stderr?.on("data", (text) => said.push(String(text)));
    await client.connect(transport);
    onTestFinished(() => client.close());
    return { client, said };
  }

  test("a long call is answered early, tells progress to who waits, and is read when it is done", async () => {
    const { client } = await start();
    const { ref_id, is_async } = told(await call(client, "steps"));
    expect(is_async).toBe(true);
    const { heard, answer } = hearing(client, "get_cached_result", { ref_id, wait_ms: 20_000 });
    expect(told(await answer)).toMatchObject({ ref_id, value: { isAborted: false } });
    const steps = heard.map(({ progress }) => progress);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps).toEqual([...new Set(steps)].sort());
  });

  test("the client's cancellation reaches the tool", async () => {
    const { client, said } = await start();
    const leaving = new AbortController();
    const { heard, answer } = hearing(client, "endless", {}, { signal: leaving.signal });
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1);
    leaving.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    await expect.poll(() => said.join(""), { timeout: 10_000 }).toContain("aborted");
  });
});
