import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "fastmcp";
import { expect, test } from "vitest";
import { z } from "zod";
import { withRefCache } from "../../src/fastmcp/index.js";
import { RefCache } from "../../src/index.js";
import { call, makeAuthenticatedServer, messagesTo, serve } from "../helpers/fastmcp.js";

type Session = { id: string };

test("a stale result is marked, and what the tool sends while it makes the next one goes nowhere", async () => {
  const cache = new RefCache({ name: "test", limits: { minTtl: 1 } });
  const server = withRefCache(makeAuthenticatedServer(), cache);
  const runs: unknown[] = [];
  server.addTool({
    name: "tool",
    parameters: z.object({ id: z.number() }),
    execute: cache.cached("n", { ttl: 400, staleTtl: "1m" })(async (_, context: Context<Session>) => {
      const { streamContent, reportProgress, elicit, log } = context;
      log.info("spoken");
      await streamContent({ type: "text", text: "spoken" });
      await reportProgress({ progress: 1 });
      const asked =
        runs.length === 0
          ? "nothing"
          : (await elicit({ message: "spoken", requestedSchema: {} as never })).action;
      runs.push([context.session?.id, asked]);
      return runs.length;
    }),
  });
  const connect = await serve(server, { stateless: false, capabilities: { elicitation: {} } });
  const client = await connect("alice");
  const messages = messagesTo(client);
  const first = await call(client, "tool", { id: 1 });
  await expect.poll(() => messages.join()).toContain("spoken");
  await sleep(450);
  messages.length = 0;
  const second = await call(client, "tool", { id: 1 });
  expect(second.structuredContent).toEqual({ ...first.structuredContent, stale: true });
  await expect.poll(() => runs.length).toBe(2);
  await sleep(50); // what is sent comes by a stream of its own
  expect(runs[1]).toEqual(["alice", "cancel"]);
  expect(messages.join()).not.toMatch(/spoken|progress/);
});

test("a lifetime that each result has for itself is told by its expires_at", async () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeAuthenticatedServer(), cache);
  const tools = { each: { ttl: () => "5m" }, both: { ttl: "1h", staleTtl: "30m" } };
  for (const [name, options] of Object.entries(tools))
    server.addTool({ name, execute: cache.cached("n", options)(async () => 1) });
  const client = await (await serve(server))("alice");
  const { tools: listed } = await client.listTools();
  expect(listed.slice(-2).map(({ description }) => description)).toEqual([
    "Large results: a ref_id, kept until its expires_at.",
    "Large results: a ref_id, kept for 90 minutes.",
  ]);
});
