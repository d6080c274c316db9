import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { expect, test } from "vitest";
import { z } from "zod";
import { withRefCache } from "../../src/fastmcp/index.js";
import { MemoryBackend, RefCache, type TaskRunner } from "../../src/index.js";
import { CollectingRunner } from "../helpers/collecting-runner.js";
import { call, makeServer, serve } from "../helpers/fastmcp.js";
import { viewOf } from "../helpers/task-stores.js";

type Server = ReturnType<typeof withRefCache>;

/** A server that hands the calls of its tools to a worker that has the same tools and serves nobody, and its client. */
async function start(addTools: (server: Server, cache: RefCache) => void) {
  const store = new MemoryBackend();
  const runner = new CollectingRunner();
  const make = (options: { readonly runner?: TaskRunner }) => {
    const cache = new RefCache({ name: "test", backend: viewOf(store), tasks: { lease: 500, ...options } });
    const server = withRefCache(makeServer(), cache);
    addTools(server, cache);
    return { cache, server };
  };
  const [{ server }, worker] = [make({ runner }), make({})];
  const client = await (await serve(server))();
  const perform = async () => worker.cache.performTask(await runner.first());
  return { client, perform, cache: worker.cache };
}

/** What is told of a task by now. */
async function poll(client: Client, { structuredContent }: Awaited<ReturnType<typeof call>>) {
  const { ref_id } = structuredContent ?? {};
  return (await call(client, "get_cached_result", { ref_id, response_format: "full" })).structuredContent;
}

test("a tool whose function bears its name has log and progress in a worker, and its arguments as they were parsed", async () => {
  const { client, perform } = await start((server, cache) => {
    server.addTool({
      name: "report",
      parameters: z.object({ n: z.number().default(7) }),
      execute: cache.cached("jobs", { asyncTimeout: 300 })(async function report(
        { n },
        { log, progress, reportProgress, session },
      ) {
        log.info("begun");
        progress({ current: 1, total: 2 });
        await reportProgress({ progress: 2, total: 2 });
        return { n, session: session ?? "none" };
      }),
    });
  });
  const told = await call(client, "report");
  expect(told.structuredContent).toMatchObject({ status: "pending", is_async: true });
  await perform();
  expect(await poll(client, told)).toMatchObject({ value: { n: 7, session: "none" } });
});

test("a worker checks arguments once their references are resolved, by the parameters of the tool", async () => {
  const seen: unknown[] = [];
  const { client, perform, cache } = await start((server, cache) => {
    server.addTool({
      name: "report",
      parameters: z.object({ rows: z.array(z.number()), unit: z.string().default("kg") }),
      execute: cache.cached("jobs", { name: "report", asyncTimeout: 300 })(async (args) => {
        seen.push(args);
        return "done";
      }),
    });
  });
  const { refId } = await cache.set("k", [1, 2]);
  const told = await call(client, "report", { rows: refId });
  await perform();
  expect(await poll(client, told)).toMatchObject({ value: "done" });
  expect(seen).toEqual([{ rows: [1, 2], unit: "kg" }]);
});
