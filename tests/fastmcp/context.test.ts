import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Context } from "fastmcp";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { withRefCache } from "../../src/fastmcp/index.js";
import { quietContext } from "../../src/fastmcp/quiet-context.js";
import { ANONYMOUS_AGENT, type Policy, policies, RefCache } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { call, makeAuthenticatedServer, messagesTo, type ServeOptions, serve } from "../helpers/fastmcp.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const CANARY = "canary-4711";
const NUMBER = 471_147_114;
type Session = { id: string };
type Send = (context: Context<Session>, said: string) => unknown;

/** Every way by which a tool can send something while it runs. */
const ways: Record<string, Send> = {
  streamContent: ({ streamContent }, text) => streamContent({ type: "text", text }),
  "streamContent with several": ({ streamContent }, text) => streamContent([{ type: "text", text }]),
  "log.debug": ({ log }, text) => log.debug(text),
  "log.info": ({ log }, text) => log.info("see", { text }),
  "log.warn": ({ log }, text) => log.warn(text),
  "log.error": ({ log }, text) => log.error(text),
  reportProgress: ({ reportProgress }, message) => reportProgress({ progress: 1, total: 2, message }),
  elicit: ({ elicit }, message) =>
    elicit({ message, requestedSchema: { type: "object", properties: { ok: { type: "boolean" } } } }),
};

/** Ways to make use of a value that the caller may not see, and send it on. */
const uses: Record<string, (cache: RefCache, send: Send) => object> = {
  "a cached tool's argument": (cache, send) => ({
    execute: cache.cached("n", { key: false })(
      async ({ data }: { data: string }, context: Context<Session>) => {
        await send(context, data);
        return "done";
      },
    ),
  }),
  "cache.resolve in a cached tool": (cache, send) => ({
    execute: cache.cached("n", { key: false, resolveRefs: false })(
      async ({ data }: { data: string }, context: Context<Session>) => {
        await send(context, await cache.resolve<string>(data));
        return "done";
      },
    ),
  }),
  "cache.resolve in a plain tool": (cache, send) => ({
    execute: async ({ data }: { data: string }, context: Context<Session>) => {
      await send(context, await cache.resolve<string>(data));
      return "done";
    },
  }),
  "a cached function within a tool": (cache, send) => ({
    execute: async ({ data }: { data: string }, context: Context<Session>) => {
      const inner = cache.cached("n", { key: false })(
        async (value: string) => void (await send(context, value)),
      );
      await inner(data);
      return "done";
    },
  }),
  "a tool that sends when its call is not known": (cache, send) => ({
    execute: async ({ data }: { data: string }, context: Context<Session>) => {
      const value = await cache.resolve<string>(data);
      await outside(() => send(context, value));
      return "done";
    },
  }),
};

const waiting: (() => void)[] = [];
setInterval(() => {
  for (const work of waiting.splice(0)) work();
}, 5).unref();

/** Runs work as a timer does that was set before any call. */
function outside(work: () => unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    waiting.push(() => Promise.resolve(work()).then(resolve, reject));
  });
}

async function start(
  tool: (cache: RefCache) => object,
  {
    policy = policies.executeOnly as Partial<Policy>,
    ...options
  }: ServeOptions & { policy?: Partial<Policy> } = {},
) {
  const logger = recordingLogger();
  const cache = new RefCache({ name: "test", logger });
  const server = withRefCache(makeAuthenticatedServer(), cache);
  server.addTool({ name: "tool", parameters: z.object({ data: z.string() }), ...tool(cache) } as never);
  const connect = await serve(server, { capabilities: { elicitation: {} }, ...options });
  const { refId } = await cache.set("k", CANARY, { policy });
  return { cache, server, logger, refId, connect: () => connectAlice(connect) };
}

async function connectAlice(connect: (token: string) => Promise<Client>): Promise<Client> {
  const client = await connect("alice");
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { ok: true } }));
  return client;
}

/** Calls the tool as a client does that wants to hear of its progress. */
async function run(client: Client, data: string, heard: unknown[] = []) {
  const params = { name: "tool", arguments: { data } };
  const result = await client.callTool(params, CallToolResultSchema, {
    onprogress: (progress) => heard.push(progress),
  });
  await new Promise((resolve) => setTimeout(resolve, 20)); // what is logged comes by a stream of its own
  return result;
}

/** Everything a client gets that calls the tool. */
async function sentBy({ connect, refId }: Awaited<ReturnType<typeof start>>): Promise<string> {
  const client = await connect();
  const messages = messagesTo(client);
  await run(client, refId);
  return messages.join("\n");
}

/** What one call made the server send, its result aside, and log. */
interface Heard {
  readonly tool: string;
  readonly sent: string;
  readonly log: readonly string[];
}

/** Calls a tool for every use and every way, and tells what came of each. */
async function runAll(policy: Partial<Policy>): Promise<Heard[]> {
  const { cache, server, connect, logger } = await start(() => ({ execute: async () => "" }), {
    stateless: false,
  });
  const client = await connect();
  const messages = messagesTo(client);
  const heard: Heard[] = [];
  for (const [use, makeTool] of Object.entries(uses)) {
    for (const [way, send] of Object.entries(ways)) {
      server.addTool({
        name: "tool",
        parameters: z.object({ data: z.string() }),
        ...makeTool(cache, send),
      } as never);
      const { refId } = await cache.set("k", CANARY, { policy });
      messages.length = 0;
      logger.lines.length = 0;
      await run(client, refId);
      expect(messages.filter((message) => message.includes('"result":'))).not.toEqual([]);
      const sent = messages.filter((message) => !message.includes('"result":')).join("\n");
      heard.push({ tool: `${use}: ${way}`, sent, log: [...logger.lines] });
    }
  }
  expect(heard).toHaveLength(40);
  return heard;
}

describe("what a tool sends while it runs", () => {
  test("does not go out by any way after any use of a value that its caller may not see", async () => {
    const heard = await runAll(policies.executeOnly);
    expect(heard.filter(({ sent, log }) => [sent, ...log].join().includes(CANARY))).toEqual([]);
    expect(heard.filter(({ log }) => log.filter((line) => line.includes("is dropped")).length !== 1)).toEqual(
      [],
    );
  });

  test("goes out by every way after use of a value that its caller may see", async () => {
    const heard = await runAll(policies.public);
    expect(heard.filter(({ sent }) => !sent.includes(CANARY)).map(({ tool }) => tool)).toEqual([]);
    expect(heard.flatMap(({ log }) => log)).toEqual([]);
  });

  test("is dropped over stateless HTTP as well", async () => {
    const send: Send = async (context, said) => {
      for (const way of ["streamContent", "reportProgress"]) await ways[way]?.(context, said);
    };
    const tool = uses["a cached tool's argument"] as (cache: RefCache, send: Send) => object;
    const hidden = await start((cache) => tool(cache, send));
    expect(await sentBy(hidden)).not.toContain(CANARY);
    const open = await start((cache) => tool(cache, send), { policy: policies.public });
    expect(await sentBy(open)).toMatch(new RegExp(`streamContent.*${CANARY}`));
  });

  test("goes out before the use, and not after; the tool goes on, and is warned of once", async () => {
    const { connect, refId, logger } = await start(
      (cache) => ({
        execute: async ({ data }: { data: string }, { streamContent, elicit, log }: Context<Session>) => {
          await streamContent({ type: "text", text: "before" });
          await cache.resolve(data);
          await streamContent({ type: "text", text: "after" });
          log.info("after");
          const { action } = await elicit({
            message: "after",
            requestedSchema: { type: "object", properties: {} },
          });
          return cache.cached("n")(async () => action)();
        },
      }),
      { stateless: false },
    );
    const client = await connect();
    const messages = messagesTo(client);
    expect(await run(client, refId)).toMatchObject({ structuredContent: { is_complete: false } });
    expect(messages.join("\n")).toContain("before");
    expect(messages.join("\n")).not.toContain("after");
    expect(logger.lines).toEqual([expect.stringMatching(/^tool used values .* is dropped\.$/)]);
  });

  test("is judged anew once more was used", async () => {
    const { connect, refId } = await start((cache) => ({
      execute: async ({ data }: { data: string }, { streamContent }: Context<Session>) => {
        const open = await cache.set("open", "open", asServer);
        await streamContent({ type: "text", text: await cache.resolve<string>(open.refId) });
        await streamContent({ type: "text", text: await cache.resolve<string>(data) });
        return "done";
      },
    }));
    const client = await connect();
    const messages = messagesTo(client);
    await run(client, refId);
    expect(messages.join("\n")).toMatch(/streamContent.*open/);
    expect(messages.join("\n")).not.toContain(CANARY);
  });

  test("of progress there is left that there is some: no message, and no figure of the tool's", async () => {
    const { connect, refId } = await start((cache) => ({
      execute: async ({ data }: { data: string }, { reportProgress }: Context<Session>) => {
        await reportProgress({ progress: 7, total: 9, message: "before" });
        const { length } = await cache.resolve<string>(data);
        await reportProgress({ progress: NUMBER, total: NUMBER + length, message: "after" });
        await reportProgress({ progress: NUMBER + 1 });
        return "done";
      },
    }));
    const client = await connect();
    const messages = messagesTo(client);
    const heard: unknown[] = [];
    await run(client, refId, heard);
    // The second one comes within the second, and how many there are is a figure, too.
    expect(heard).toEqual([{ progress: 7, total: 9, message: "before" }, { progress: 8 }]);
    expect(messages.join("\n")).not.toContain(`${NUMBER}`);
  });

  test("is dropped even where the result is declassified, and by the function that keys the call", async () => {
    const { connect, refId } = await start(
      (cache) => ({
        execute: cache.cached("n", {
          declassify: true,
          key: (({ data }: { data: string }, { log }: Context<Session>) => {
            log.info(data);
            return "one";
          }) as never,
        })(async ({ data }: { data: string }, { streamContent }: Context<Session>) => {
          await streamContent({ type: "text", text: data });
          return data.length;
        }),
      }),
      { stateless: false },
    );
    const client = await connect();
    const messages = messagesTo(client);
    expect(await run(client, refId)).toMatchObject({ structuredContent: { value: CANARY.length } });
    expect(messages.join("\n")).not.toContain(CANARY);
  });

  test("waits for the hook that knows the groups, and keeps its order", async () => {
    let isMember = true;
    const cache = new RefCache({ name: "test", logger: recordingLogger(), members: async () => isMember });
    const { refId } = await cache.set("k", CANARY, { namespace: "org:acme" });
    const server = withRefCache(makeAuthenticatedServer(), cache);
    server.addTool({
      name: "tool",
      parameters: z.object({ data: z.string() }),
      execute: async ({ data }, { log, streamContent }) => {
        const value = await cache.resolve<string>(data);
        for (const n of [1, 2, 3]) log.info(`${value} ${n}`);
        await streamContent({ type: "text", text: `${value} 4` });
        isMember = false; // whoever has left meanwhile was told what was theirs then
        return cache.get(data);
      },
    });
    const client = await (await serve(server, { stateless: false }))("alice");
    const messages = messagesTo(client);
    await run(client, refId);
    const logged = messages.filter((message) => message.includes("notifications/message"));
    expect(logged.map((message) => /canary-4711 (\d)/.exec(message)?.[1])).toEqual(["1", "2", "3"]);
    expect(messages.join("\n")).toContain("canary-4711 4");
  });
});

describe("the context", () => {
  const cache = new RefCache({ name: "test" });

  /** One as FastMCP gives it, caught on its way to a tool that nobody wrapped. */
  async function real(): Promise<Context<Session>> {
    const server = makeAuthenticatedServer();
    let caught: Context<Session> | undefined;
    server.addTool({
      name: "catch",
      execute: async (_args, context) => {
        caught = context;
      },
    });
    await call(await (await serve(server))("alice"), "catch");
    if (caught === undefined) throw new Error("The tool did not run.");
    return caught;
  }

  test("is FastMCP's own in all else, and looks like it", async () => {
    const context = await real();
    const quiet = quietContext(context, cache, "tool");
    for (const member of ["session", "client", "signal", "requestId", "sessionId"] as const)
      expect(quiet[member]).toBe(context[member]);
    expect(Object.keys(quiet)).toEqual(Object.keys(context));
    expect({ ...quiet }.session).toBe(context.session);
    expect(Object.keys(quiet.log)).toEqual(Object.keys(context.log));
  });

  test("has no way out that is not known here: look at each new one", async () => {
    const context = await real();
    const members = Object.entries(context).filter(([, member]) => typeof member === "function");
    expect(members.map(([name]) => name).sort()).toEqual(["elicit", "reportProgress", "streamContent"]);
    expect(Object.keys(context.log).sort()).toEqual(["debug", "error", "info", "warn"]);
    expect(Object.keys(context.client)).toEqual(["version"]);
  });

  test("keeps its prototype, and getters as getters", () => {
    let asked = 0;
    const prototype = { inherited: () => "yes" };
    const context = Object.create(prototype, {
      lazy: { enumerable: true, get: () => ++asked },
      streamContent: { enumerable: true, value: async () => undefined },
    });
    const quiet = quietContext(context, cache, "tool") as typeof context;
    expect(asked).toBe(0);
    expect([quiet.lazy, quiet.lazy]).toEqual([1, 2]);
    expect(quiet.inherited()).toBe("yes");
    expect("log" in quiet).toBe(false);
  });

  test("sends at once, in the same turn, where nothing was used", async () => {
    const said: unknown[] = [];
    const context = {
      log: { info: (...parts: unknown[]) => said.push(parts) },
      streamContent: async (content: unknown) => void said.push(content),
    };
    await cache.callAs(ANONYMOUS_AGENT, async () => {
      const quiet = quietContext(context, cache, "tool");
      quiet.log.info("a", { b: 1 });
      const streaming = quiet.streamContent("c");
      expect(said).toEqual([["a", { b: 1 }], "c"]);
      await streaming;
    });
  });
});
