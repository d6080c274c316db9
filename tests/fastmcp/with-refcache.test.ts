import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { type } from "arktype";
import { type Context, type FastMCPSessionAuth, jsonSchemaAdapter } from "fastmcp";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { refCacheInstructions, withRefCache } from "../../src/fastmcp/index.js";
import { type Answer, ConfigurationError, policies, RefCache } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { call, makeServer, serve } from "../helpers/fastmcp.js";
import { FlakyBackend } from "../helpers/flaky-backend.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const rows = (count: number) => Array.from({ length: count }, (_, id) => ({ id, name: `row ${id}` }));

/** A server with a tool that makes rows and one that adds up a list of numbers or its nesting. */
async function start(
  options: Parameters<typeof withRefCache>[2] = {},
  cache = new RefCache({ name: "test" }),
) {
  const server = withRefCache(makeServer(), cache, options);
  server.addTool({
    name: "make_rows",
    parameters: z.object({ count: z.number() }),
    execute: cache.cached("rows")(async ({ count }) => rows(count)),
  });
  server.addTool({
    name: "sum",
    parameters: z.object({
      numbers: z.array(z.number()).min(2),
      times: z.number().default(1),
      label: z.string().optional(),
    }),
    execute: cache.cached("sums")(async ({ numbers, times, label }) => ({
      label,
      total: numbers.reduce((a, b) => a + b, 0) * times,
    })),
  });
  const connect = await serve(server);
  return { cache, server, connect, client: await connect() };
}

describe("results", () => {
  test("text and structured content are the same object, whole", async () => {
    const { client } = await start();
    for (const count of [2, 5000]) {
      const result = await call(client, "make_rows", { count });
      expect(JSON.parse(result.content[0]?.text ?? "")).toEqual(result.structuredContent);
      expect(result.structuredContent).toMatchObject({
        ref_id: expect.stringMatching(/^test:[0-9a-f]{32}$/),
        total_items: count,
      });
      expect(result.isError).toBeFalsy();
    }
  });

  test("a large one carries a link to itself, and its first 2 KB are enough to go on", async () => {
    const { client } = await start();
    const { content, structuredContent } = await call(client, "make_rows", { count: 5000 });
    expect(content[1]).toMatchObject({
      type: "resource_link",
      uri: `refcache://${structuredContent?.ref_id}`,
    });
    const text = content[0]?.text ?? "";
    expect(text.length).toBeLessThan(8000);
    for (const part of ["ref_id", "is_complete", "message", "total_items", "get_cached_result"]) {
      expect(text.slice(0, 2000)).toContain(part);
    }
  });

  test("numbers that JSON cannot carry reach the client", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    server.addTool({
      name: "big",
      execute: cache.cached("n")(async () => ({ big: 2n ** 80n, nan: Number.NaN })),
    });
    const result = await call(await (await serve(server))(), "big");
    expect(result.structuredContent).toMatchObject({
      value: { big: "1208925819614629174706176", nan: "NaN" },
    });
  });

  test("plain tools may return what the cache answered", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    server.addTool({
      name: "indirect",
      execute: async () => {
        const { refId } = await cache.set("k", rows(3), asServer);
        return cache.get(refId);
      },
    });
    server.addTool({ name: "text", execute: async () => "plain" });
    server.addTools([
      {
        name: "wrapper",
        execute: async () => (cache.cached("n")(async () => [1]) as () => Promise<Answer>)(),
      },
    ]);
    const client = await (await serve(server))();
    expect((await call(client, "indirect")).structuredContent).toMatchObject({ value: rows(3) });
    expect((await call(client, "wrapper")).structuredContent).toMatchObject({ value: [1] });
    expect((await call(client, "text")).content).toEqual([{ type: "text", text: "plain" }]);
  });

  test("a failing store is told, not thrown", async () => {
    const backend = new FlakyBackend();
    const logger = recordingLogger();
    const { client } = await start({}, new RefCache({ name: "test", backend, logger }));
    backend.goDown();
    const result = await call(client, "make_rows", { count: 5000 });
    expect(result.isError).toBeFalsy();
    expect(result.content).toHaveLength(1);
    expect(result.structuredContent).toMatchObject({ ref_id: null, is_stored: false, is_complete: false });
    const refused = [
      await call(client, "sum", { numbers: `test:${"0".repeat(32)}` }),
      await call(client, "get_cached_result", { ref_id: `test:${"0".repeat(32)}` }),
      await client.readResource({ uri: `refcache://test:${"0".repeat(32)}` }).catch(String),
    ];
    for (const refusal of refused) {
      expect(JSON.stringify(refusal)).toContain("does not work at the moment");
      expect(JSON.stringify(refusal)).not.toContain("canary");
    }
    expect(logger.lines.join()).toContain("/srv/canary");
  });
});

describe("references in arguments", () => {
  test("stand in for values, also nested, and the schema's defaults still hold", async () => {
    const { cache, client } = await start();
    const { refId } = await cache.set("list", [1, 2, 3]);
    const one = await cache.set("one", 10);
    expect((await call(client, "sum", { numbers: refId })).structuredContent).toMatchObject({
      value: { total: 6 },
    });
    expect(
      (await call(client, "sum", { numbers: [one.refId, 5], times: 2 })).structuredContent,
    ).toMatchObject({ value: { total: 30 } });
  });

  test("of the wrong type get the schema's own message, as without references", async () => {
    const { cache, client } = await start();
    const { refId } = await cache.set("text", "no list");
    const resolved = await call(client, "sum", { numbers: refId });
    const direct = await call(client, "sum", { numbers: "no list" }).catch((error: Error) => error);
    expect(resolved).toMatchObject({ isError: true, _meta: { code: "invalid_arguments" } });
    expect(String((direct as Error).message)).toContain(resolved.content[0]?.text);
    expect(resolved.content[0]?.text).toMatch(
      /^Tool 'sum' parameter validation failed: numbers: .*expected array/,
    );
    const short = await cache.set("short", [1]);
    expect((await call(client, "sum", { numbers: short.refId })).content[0]?.text).toContain(">=2");
  });

  test("that lead nowhere are an error where a value is needed, and a text where a text will do", async () => {
    const { client } = await start();
    const unknown = `test:${"0".repeat(32)}`;
    expect(await call(client, "sum", { numbers: unknown })).toMatchObject({
      isError: true,
      _meta: { code: "reference_unavailable" },
    });
    expect(
      (await call(client, "sum", { numbers: [1, 2], label: "commit:deadbeef12" })).structuredContent,
    ).toMatchObject({
      value: { label: "commit:deadbeef12", total: 3 },
    });
  });

  test("unknown, forbidden and malformed give one and the same error", async () => {
    const { cache, client } = await start();
    const secret = await cache.set("secret", "treasure", { policy: policies.userOnly });
    const unusable = await cache.set("readable", [1, 2], { policy: { agentPermissions: 1 } });
    const unknown = `test:${"0".repeat(32)}`;
    const results = [
      await call(client, "get_cached_result", { ref_id: unknown }),
      await call(client, "get_cached_result", { ref_id: secret.refId }),
      await call(client, "get_cached_result", { ref_id: "nonsense" }),
      await call(client, "sum", { numbers: unknown }),
      await call(client, "sum", { numbers: secret.refId }),
      await call(client, "sum", { numbers: unusable.refId }),
    ];
    for (const result of results) expect(result).toEqual(results[0]);
    expect(results[0]).toMatchObject({
      isError: true,
      content: [{ type: "text", text: expect.stringContaining("Call the tool that produced it again") }],
    });
  });

  test("work for every schema vendor, with its defaults, transforms and messages", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
    server.addTool({
      name: "valibot",
      parameters: v.object({
        numbers: v.pipe(v.array(v.number()), v.minLength(2, "two at least")),
        by: v.optional(v.number(), 10),
      }),
      execute: cache.cached("n")(async ({ numbers, by }) => sum(numbers) * by),
    });
    server.addTool({
      name: "arktype",
      parameters: type({ numbers: "number[] >= 2" }),
      execute: cache.cached("n")(async ({ numbers }) => sum(numbers)),
    });
    server.addTool({
      name: "zod",
      parameters: z.object({
        numbers: z
          .array(z.number())
          .min(2)
          .transform((list) => new Set(list)),
      }),
      execute: cache.cached("n", { key: ({ numbers }: { numbers: unknown }) => JSON.stringify(numbers) })(
        async ({ numbers }) => sum([...numbers]),
      ),
    });
    const schema = {
      type: "object",
      properties: { numbers: { type: "array", items: { type: "number" }, minItems: 2 } },
      required: ["numbers"],
    };
    server.addTool({
      name: "adapter",
      parameters: jsonSchemaAdapter(schema),
      execute: cache.cached("n")(async (args) => sum((args as { numbers: number[] }).numbers)),
    });
    const client = await (await serve(server))();
    const { refId } = await cache.set("list", [1, 2, 3]);
    const short = await cache.set("short", [1]);
    for (const [name, total] of [
      ["valibot", 60],
      ["arktype", 6],
      ["zod", 6],
      ["adapter", 6],
    ] as const) {
      expect((await call(client, name, { numbers: refId })).structuredContent).toMatchObject({
        value: total,
      });
      const wrong = await call(client, name, { numbers: short.refId });
      expect(wrong).toMatchObject({
        isError: true,
        content: [{ text: expect.stringContaining(`Tool '${name}' parameter validation failed: numbers`) }],
      });
    }
    expect((await call(client, "valibot", { numbers: short.refId })).content[0]?.text).toContain(
      "two at least",
    );
    const { tools } = await client.listTools();
    for (const tool of tools.filter(({ name }) => name !== "get_cached_result")) {
      expect(tool.inputSchema.properties?.numbers).toMatchObject({
        anyOf: [{ type: "array" }, { type: "string", pattern: expect.any(String) }],
      });
    }
  });

  test("bring integers beyond 2^53 to parameters that take them, which tools/list can tell", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    server.addTool({
      name: "count",
      parameters: z.object({ numbers: z.array(z.union([z.number(), z.bigint()])) }),
      execute: cache.cached("n")(async ({ numbers }) => numbers.map((n) => typeof n)),
    });
    const client = await (await serve(server))();
    const { refId } = await cache.set("big", [1, 2n ** 80n]);
    expect((await call(client, "count", { numbers: refId })).structuredContent).toMatchObject({
      value: ["number", "bigint"],
    });
    const { tools } = await client.listTools();
    expect(tools.at(-1)?.inputSchema.properties?.numbers).toMatchObject({
      anyOf: [{ items: { type: ["number", "integer"] } }, { type: "string" }],
    });
  });

  test("that may be used and not seen are not quoted by the schema's message", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    server.addTool({
      name: "pick",
      parameters: v.object({ kind: v.picklist(["x", "y"]), rest: v.optional(v.strictObject({})) }),
      execute: cache.cached("n")(async ({ kind }) => kind),
    });
    const client = await (await serve(server))();
    const secret = await cache.set("s", "hunter2", { policy: policies.executeOnly });
    const keys = await cache.set("t", { hunter2: 1 }, { policy: policies.executeOnly });
    for (const args of [{ kind: secret.refId }, { kind: "x", rest: keys.refId }]) {
      const result = await call(client, "pick", args);
      expect(result).toMatchObject({ isError: true, _meta: { code: "invalid_arguments" } });
      expect(JSON.stringify(result)).not.toContain("hunter2");
    }
  });

  test("a server's own formatting of issues is used", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(
      makeServer({ utils: { formatInvalidParamsErrorMessage: () => "MINE" } }),
      cache,
    );
    server.addTool({
      name: "n",
      parameters: z.object({ n: z.number() }),
      execute: cache.cached("n")(async ({ n }) => n),
    });
    const { refId } = await cache.set("t", "text");
    const result = await call(await (await serve(server))(), "n", { n: refId });
    expect(result.content[0]?.text).toContain("MINE");
  });
});

describe("get_cached_result", () => {
  test("pages partition the value", async () => {
    const { client } = await start();
    const { structuredContent } = await call(client, "make_rows", { count: 1000 });
    const pages: unknown[] = [];
    for (let page = 1, last = 1; page <= last; page++) {
      const result = await call(client, "get_cached_result", {
        ref_id: structuredContent?.ref_id,
        page,
        max_size: 3000,
      });
      last = result.structuredContent?.total_pages as number;
      pages.push(...((result.structuredContent?.preview ?? []) as unknown[]));
    }
    expect(pages).toEqual(rows(1000));
  });

  test("full shows all of what is not too large", async () => {
    const { client } = await start();
    const { structuredContent } = await call(client, "make_rows", { count: 500 });
    const result = await call(client, "get_cached_result", { ref_id: structuredContent?.ref_id, full: true });
    expect(result.structuredContent).toMatchObject({ is_complete: true, value: rows(500) });
  });

  test.each([{ page: 0 }, { page: -1 }, { page: 1.5 }, { page: 999 }, { page: 1, page_size: 0 }])(
    "%j is answered clearly",
    async (options) => {
      const { client } = await start();
      const { structuredContent } = await call(client, "make_rows", { count: 500 });
      const result = await call(client, "get_cached_result", {
        ref_id: structuredContent?.ref_id,
        ...options,
      });
      expect(result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringMatching(/whole number/) }],
      });
    },
  );
});

describe("resources", () => {
  test("a reference reads as a resource under its own URI, also by pages", async () => {
    const { cache, client } = await start();
    const { refId } = await cache.set("list", rows(2000));
    for (const uri of [`refcache://${refId}`, `refcache://${refId}?page=3&page_size=5`]) {
      const { contents } = await client.readResource({ uri });
      expect(contents[0]).toMatchObject({ uri, mimeType: "application/json" });
      const answer = JSON.parse((contents[0] as { text: string }).text);
      expect(answer).toMatchObject({ ref_id: refId, is_complete: false });
      if (uri.includes("page")) expect(answer.preview).toEqual(rows(2000).slice(10, 15));
    }
    await expect(client.readResource({ uri: `refcache://test:${"0".repeat(32)}` })).rejects.toThrow(
      /unknown, expired, or not available/,
    );
    await expect(client.readResource({ uri: "refcache://nonsense" })).rejects.toThrow(
      /unknown, expired, or not available/,
    );
    await expect(client.readResource({ uri: "refcache://%E0%A4%A" })).rejects.toThrow();
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1);
    expect((await client.listResources()).resources).toHaveLength(0);
  });

  test("embedding asks as nobody", async () => {
    const { cache, server } = await start();
    const secret = await cache.set("secret", "treasure", { policy: policies.userOnly });
    const open = await cache.set("open", [1]);
    expect((await server.embedded(`refcache://${open.refId}`)).text).toContain("[1]");
    await expect(server.embedded(`refcache://${secret.refId}`)).rejects.toThrow(/not available/);
  });
});

describe("what we add", () => {
  test("to tools/list costs at most 600 tokens, descriptions of retention included", async () => {
    const bare = makeServer();
    const cache = new RefCache({ name: "test" });
    const wrapped = withRefCache(makeServer(), cache);
    for (const server of [bare, wrapped]) {
      for (const name of ["a", "b", "c", "d", "e"]) {
        const parameters = z.object({
          data: z.array(z.number()),
          options: z.object({ rows: z.array(z.string()) }).optional(),
          count: z.number(),
        });
        server.addTool({
          name,
          description: "Does something.",
          parameters,
          execute: cache.cached(name)(async () => 1),
        });
      }
    }
    const size = async (server: typeof bare) =>
      countTokens(JSON.stringify((await (await (await serve(server))()).listTools()).tools));
    const [without, withCache] = [await size(bare), await size(wrapped)];
    expect(withCache - without).toBeGreaterThan(100);
    expect(withCache - without).toBeLessThanOrEqual(600);
  });

  test("states how long references last", async () => {
    const cache = new RefCache({ name: "test", defaultTtl: "90m", namespaces: { long: { ttl: "2d" } } });
    const server = withRefCache(makeServer(), cache);
    server.addTool({ name: "a", description: "Makes a.", execute: cache.cached("n")(async () => 1) });
    server.addTool({ name: "b", execute: cache.cached("long")(async () => 1) });
    server.addTool({ name: "c", execute: cache.cached("n", { ttl: null })(async () => 1) });
    const { tools } = await (await (await serve(server))()).listTools();
    expect(tools.map(({ description }) => description)).toEqual([
      expect.stringContaining("References last for 90 minutes."),
      "Makes a. Large results: a ref_id, kept for 90 minutes.",
      "Large results: a ref_id, kept for 2 days.",
      "Large results: a ref_id, kept until deleted.",
    ]);
  });

  test("instructions under 2 KB, behind the server's own", async () => {
    const cache = new RefCache({ name: "test" });
    expect(Buffer.byteLength(refCacheInstructions(cache))).toBeLessThan(2048);
    const server = withRefCache(makeServer({ instructions: "Mine." }), cache);
    const client = await (await serve(server))();
    expect(client.getInstructions()).toBe(`Mine.\n\n${refCacheInstructions(cache)}`);
  });

  test("can be left out", async () => {
    const { client } = await start({ tools: false, resources: false, instructions: false });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["make_rows", "sum"]);
    expect(client.getInstructions()).toBeUndefined();
    await expect(client.listResourceTemplates()).rejects.toThrow();
  });

  test("is added once", () => {
    const cache = new RefCache({ name: "test" });
    const server = makeServer();
    expect(withRefCache(withRefCache(server, cache), cache)).toBe(server);
    expect(() => withRefCache(server, new RefCache({ name: "other" }))).toThrow(ConfigurationError);
  });
});

describe("output schemas", () => {
  test("stay truthful: small results are the tool's own, large ones a reference", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    const node: z.ZodType = z.object({
      name: z.string(),
      get children() {
        return z.array(node).optional();
      },
    });
    server.addTool({
      name: "table",
      parameters: z.object({ count: z.number() }),
      outputSchema: z.object({
        rows: z.array(z.object({ id: z.number(), name: z.string() })),
        tree: node.optional(),
      }),
      execute: cache.cached("n")(async ({ count }) => ({
        rows: rows(count),
        tree: { name: "root", children: [{ name: "leaf" }] },
      })),
    });
    const client = await (await serve(server))();
    const { tools } = await client.listTools();
    const table = tools.find(({ name }) => name === "table");
    expect(table?.outputSchema).toMatchObject({
      type: "object",
      anyOf: [{ type: "object" }, { required: ["ref_id", "is_complete"] }],
    });
    const small = await call(client, "table", { count: 2 }); // the client validates against the schema as well
    expect(small.structuredContent).toEqual({
      rows: rows(2),
      tree: { name: "root", children: [{ name: "leaf" }] },
    });
    expect(JSON.parse(small.content[0]?.text ?? "")).toEqual(small.structuredContent);
    const large = await call(client, "table", { count: 5000 });
    expect(large.structuredContent).toMatchObject({ ref_id: expect.any(String), is_complete: false });
    expect(await cache.resolve(large.structuredContent?.ref_id as string, asServer)).toMatchObject({
      rows: rows(5000),
    });
  });

  test("an error needs none", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(makeServer(), cache);
    server.addTool({
      name: "strict",
      parameters: z.object({ data: z.array(z.number()) }),
      outputSchema: z.object({ n: z.number() }),
      execute: cache.cached("n")(async ({ data }) => ({ n: data.length })),
    });
    const client = await (await serve(server))();
    await client.listTools();
    expect(await call(client, "strict", { data: `test:${"0".repeat(32)}` })).toMatchObject({ isError: true });
  });
});

describe("who is asking", () => {
  const users: Record<string, object> = {
    a: { userId: "alice" },
    b: { sub: "bob" },
    c: { claims: { sub: "carol" } },
    d: { email: "nobody" },
  };
  const authenticated = () =>
    makeServer<Record<string, unknown>>({
      authenticate: async (request) => {
        const token = String(request.headers.authorization).slice("Bearer ".length);
        return { ...users[token] } as Record<string, unknown>;
      },
    });

  test("the verified session, which keeps users' results apart", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(authenticated(), cache);
    server.addTool({
      name: "who",
      execute: cache.cached("n")(async (_args: unknown, context: Context<Record<string, unknown>>) => ({
        session: context.session,
      })),
    });
    const connect = await serve(server);
    const [alice, bob, carol] = [await connect("a"), await connect("b"), await connect("c")];
    expect((await call(alice, "who")).structuredContent).toMatchObject({
      value: { session: { userId: "alice" } },
    });
    expect((await call(bob, "who")).structuredContent).toMatchObject({ value: { session: { sub: "bob" } } });
    expect((await call(carol, "who")).structuredContent).toMatchObject({
      value: { session: { claims: { sub: "carol" } } },
    });
    expect((await call(alice, "who")).structuredContent).toEqual(
      (await call(alice, "who")).structuredContent,
    );
  });

  test("a policy's owner and lists hold for it on every way out", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(authenticated(), cache);
    server.addTool({
      name: "use",
      parameters: z.object({ data: z.array(z.number()) }),
      execute: cache.cached("n")(async ({ data }) => data.length),
    });
    const connect = await serve(server);
    const { refId } = await cache.set("k", [1, 2, 3], {
      policy: { agentPermissions: 0, owner: "agent:alice" },
    });
    const [alice, bob] = [await connect("a"), await connect("b")];
    expect((await call(alice, "get_cached_result", { ref_id: refId })).structuredContent).toMatchObject({
      value: [1, 2, 3],
    });
    expect((await call(alice, "use", { data: refId })).structuredContent).toMatchObject({ value: 3 });
    expect(await call(bob, "get_cached_result", { ref_id: refId })).toMatchObject({ isError: true });
    expect(await call(bob, "use", { data: refId })).toMatchObject({ isError: true });
    await expect(bob.readResource({ uri: `refcache://${refId}` })).rejects.toThrow(/not available/);
    expect((await alice.readResource({ uri: `refcache://${refId}` })).contents[0]).toMatchObject({
      uri: `refcache://${refId}`,
    });
  });

  test("embedding in a tool asks as the tool's caller, and counts as use", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(authenticated(), cache);
    server.addTool({ name: "make", execute: cache.cached("n")(async () => ["alice's own"]) });
    server.addTool({
      name: "embed",
      parameters: z.object({ ref: z.string() }),
      execute: async ({ ref }) => ({
        content: [{ type: "resource", resource: await server.embedded(`refcache://${ref}`) }],
      }),
    });
    const connect = await serve(server);
    const [alice, bob] = [await connect("a"), await connect("b")];
    const ref = (await call(alice, "make")).structuredContent?.ref_id;
    expect(JSON.stringify(await call(alice, "embed", { ref }))).toContain("alice's own");
    const refused = await call(bob, "embed", { ref });
    expect(refused).toMatchObject({ isError: true });
    expect(JSON.stringify(refused)).not.toContain("alice's own");
  });

  test("a session in which nobody can be made out, and a hook in doubt, close the door", async () => {
    const cache = new RefCache({ name: "test", logger: recordingLogger() });
    const { refId } = await cache.set("k", "treasure");
    const server = withRefCache(authenticated(), cache);
    const stranger = await (await serve(server))("d");
    expect(await call(stranger, "get_cached_result", { ref_id: refId })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining("actor") }],
    });
    for (const actor of [
      () => undefined,
      () => ({ type: "root" }),
      () => ({ type: "user", id: " " }),
      () => "user:alice",
      () => {
        throw new Error("treasure map");
      },
    ]) {
      const doubtful = withRefCache(makeServer(), cache, { actor: actor as never });
      const client = await (await serve(doubtful))();
      const result = await call(client, "get_cached_result", { ref_id: refId });
      expect(result).toMatchObject({ isError: true });
      expect(JSON.stringify(result)).not.toContain("treasure");
    }
  });

  test("a hook decides from the session", async () => {
    const cache = new RefCache({ name: "test" });
    const server = withRefCache(authenticated(), cache, {
      actor: ({ session }) => ({ type: "user", id: String(session?.userId) }),
    });
    const { refId } = await cache.set("k", [1], { policy: { ...policies.userOnly } });
    expect(
      (await call(await (await serve(server))("a"), "get_cached_result", { ref_id: refId }))
        .structuredContent,
    ).toMatchObject({ value: [1] });
  });
});

test("errors of the tool itself are told as FastMCP tells them", async () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeServer(), cache);
  server.addTool({
    name: "fails",
    execute: cache.cached("n")(async (): Promise<number> => {
      throw new Error("no luck");
    }),
  });
  server.addTool({ name: "unstorable", execute: cache.cached("n")(async () => ({ index: new Map() })) });
  const client = await (await serve(server))();
  expect(await call(client, "fails")).toMatchObject({
    isError: true,
    content: [{ text: "Tool 'fails' execution failed: no luck" }],
  });
  expect(await call(client, "unstorable")).toMatchObject({
    isError: true,
    _meta: { code: "value_not_storable" },
    content: [{ text: expect.stringContaining("$.index") }],
  });
});

test("methods of a class are tools; equal calls of two clients run once", async () => {
  const cache = new RefCache({ name: "test" });
  class Tools {
    runs = 0;
    @cache.cached("n")
    async work({ n }: { n: number }) {
      this.runs++;
      return rows(n);
    }
  }
  const tools = new Tools();
  const server = withRefCache(makeServer(), cache);
  server.addTools([{ name: "work", parameters: z.object({ n: z.number() }), execute: tools.work }]);
  const connect = await serve(server);
  const clients = await Promise.all([connect(), connect()]);
  const answers = await Promise.all(
    clients.flatMap((client) => [1, 2, 3].map(() => call(client, "work", { n: 300 }))),
  );
  expect(tools.runs).toBe(1);
  expect(new Set(answers.map(({ structuredContent }) => structuredContent?.ref_id)).size).toBe(1);
  const { refId } = await cache.set("n", 4);
  expect((await call(clients[0], "work", { n: refId })).structuredContent).toMatchObject({ value: rows(4) });
});

test("who joined a call that its client cancelled gets an answer all the same", async () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeServer({ ping: { enabled: false } }), cache);
  let runs = 0;
  server.addTool({
    name: "work",
    execute: cache.cached("n")(async (_args: unknown, { signal }: Context<FastMCPSessionAuth>) => {
      if (++runs > 1) return "done";
      return new Promise<string>((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason)),
      );
    }),
  });
  const connect = async () => {
    const client = new Client({ name: "test", version: "1.0.0" });
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(theirs), client.connect(ours)]);
    return client;
  };
  const [first, second] = [await connect(), await connect()];
  const controller = new AbortController();
  const cancelled = first.callTool({ name: "work" }, undefined, { signal: controller.signal });
  await expect.poll(() => runs).toBe(1);
  const joined = call(second, "work");
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort("User pressed stop");
  await expect(cancelled).rejects.toThrow();
  expect((await joined).structuredContent).toMatchObject({ value: "done" });
});

test("types are inferred through addTool: arguments, context and result", () => {
  const cache = new RefCache({ name: "test" });
  const server = withRefCache(makeServer<{ user: string }>(), cache);
  server.addTool({
    name: "typed",
    parameters: z.object({ count: z.number(), names: z.array(z.string()).default([]) }),
    execute: cache.cached("n")(async ({ count, names }, { session, reportProgress }) => {
      expectTypeOf(count).toEqualTypeOf<number>();
      expectTypeOf(names).toEqualTypeOf<string[]>();
      expectTypeOf(session).toEqualTypeOf<{ user: string } | undefined>();
      await reportProgress({ progress: 1 });
      return count;
    }),
  });
});
