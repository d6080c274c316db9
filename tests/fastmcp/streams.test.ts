import { expect, test } from "vitest";
import { z } from "zod";
import { withRefCache } from "../../src/fastmcp/index.js";
import { fromJson, fromText, RefCache } from "../../src/index.js";
import { call, makeAuthenticatedServer, serve } from "../helpers/fastmcp.js";
import { sqlite } from "../helpers/sqlite.js";

test("tools that return streams answer over HTTP, and their references stand for the values", async () => {
  const cache = new RefCache({ name: "test", backend: sqlite() });
  const server = withRefCache(makeAuthenticatedServer(), cache);
  const count = z.object({ count: z.number() });
  const row = (id: number) => ({ id, name: `row ${id}` });
  server.addTool({
    name: "rows",
    parameters: count,
    execute: cache.cached("n")(async function* rows({ count }: { count: number }) {
      for (let id = 0; id < count; id++) yield row(id);
    }),
  });
  server.addTool({
    name: "export",
    execute: cache.cached("n")(async () => fromJson(Buffer.from(JSON.stringify([row(1)])))),
  });
  server.addTool({ name: "log", execute: cache.cached("n")(() => fromText(["line ", "two"])) });
  server.addTool({
    name: "broken",
    // biome-ignore lint/correctness/useYield: what throws before it gives anything
    execute: cache.cached("n")(async function* broken() {
      throw new Error("no rows today");
    }),
  });
  server.addTool({
    name: "last",
    parameters: z.object({ rows: z.array(z.object({ id: z.number(), name: z.string() })) }),
    execute: cache.cached("n")(async ({ rows }: { rows: unknown[] }) => rows.at(-1)),
  });
  const client = await (await serve(server))("alice");

  const large = await call(client, "rows", { count: 30_000 });
  expect(large.structuredContent).toMatchObject({ is_complete: false, total_items: 30_000 });
  const { ref_id } = large.structuredContent as { ref_id: string };
  const last = await call(client, "last", { rows: ref_id });
  expect(last.structuredContent).toMatchObject({ value: row(29_999) });
  const page = await call(client, "get_cached_result", { ref_id, page: 2, page_size: 10 });
  expect(page.structuredContent).toMatchObject({
    preview: Array.from({ length: 10 }, (_, n) => row(10 + n)),
  });

  const small = await call(client, "rows", { count: 2 });
  expect(small.structuredContent).toMatchObject({ is_complete: true, value: [row(0), row(1)] });
  expect((await call(client, "export", {})).structuredContent).toMatchObject({ value: [row(1)] });
  expect((await call(client, "log", {})).structuredContent).toMatchObject({ value: "line two" });
  const broken = await call(client, "broken", {});
  expect(broken.isError).toBe(true);
  expect(JSON.stringify(broken.content)).toContain("no rows today");
});
