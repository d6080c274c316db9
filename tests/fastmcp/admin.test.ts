import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { countTokens } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { type AllowAdministrator, withRefCache } from "../../src/fastmcp/index.js";
import {
  type AuditRecord,
  type CacheBackend,
  ConfigurationError,
  MemoryBackend,
  policies,
  RefCache,
  type RefCacheOptions,
} from "../../src/index.js";
import { describeRedis } from "../helpers/describe-redis.js";
import { errorOf } from "../helpers/errors.js";
import {
  call,
  makeAuthenticatedServer,
  makeServer,
  messagesTo,
  type ServeOptions,
  serve,
  type ToolResult,
} from "../helpers/fastmcp.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { freePort, startRedis } from "../helpers/redis-server.js";
import { sqlite } from "../helpers/sqlite.js";

type Session = { id: string };

/** What `cache_list` answers. */
interface Page {
  readonly entries: readonly { readonly ref_id: string }[];
  readonly next_cursor: string | null;
}

const CANARY = "canary-4711";
const NAMES = ["cache_list", "cache_info", "cache_delete", "cache_clear", "cache_stats"];
const isAdmin: AllowAdministrator<Session> = ({ id }) => id === "admin";

/** A server with the tools, on which `admin` is the administrator. */
async function start(
  options: Partial<RefCacheOptions> = {},
  { allow = isAdmin, ...serving }: ServeOptions & { allow?: AllowAdministrator<Session> } = {},
) {
  const logger = recordingLogger();
  const records: AuditRecord[] = [];
  const audit = (record: AuditRecord) => void records.push(record);
  const cache = new RefCache({ name: "test", logger, audit, ...options });
  const server = withRefCache(makeAuthenticatedServer(), cache, { adminTools: { allow } });
  server.addTool({ name: "other", execute: async () => "done" });
  const connect = await serve(server, serving);
  return { cache, server, connect, logger, records };
}

async function namesOf(client: Client): Promise<string[]> {
  return (await client.listTools()).tools.map(({ name }) => name).filter((name) => NAMES.includes(name));
}

/** Valid arguments for each of the tools. */
function argumentsFor(name: string, refId: string): object {
  if (name === "cache_clear") return { namespace: "rows", confirm: "rows" };
  return name === "cache_info" || name === "cache_delete" ? { ref_id: refId } : {};
}

/** What every call of an administrator's tool comes to. */
async function callAll(client: Client, refId: string): Promise<(ToolResult | Error)[]> {
  const results: (ToolResult | Error)[] = [];
  for (const name of NAMES)
    results.push(await call(client, name, argumentsFor(name, refId)).catch((error: Error) => error));
  return results;
}

const REFUSED = {
  isError: true,
  content: [{ type: "text", text: "Only administrators may do this." }],
  _meta: { code: "administrators_only" },
};

describe("who is no administrator", () => {
  test.each([true, false])(
    "does not see the tools, nor can call them by name (stateless: %s)",
    async (stateless) => {
      const { cache, connect } = await start({}, { stateless });
      const { refId } = await cache.set("k", CANARY, { namespace: "rows" });
      const [admin, other] = [await connect("admin"), await connect("bob")];
      expect(await namesOf(admin)).toEqual(NAMES);
      expect(await namesOf(other)).toEqual([]);
      for (const result of await callAll(other, refId))
        expect(String(result)).toMatch(/-32601: Unknown tool: cache_/);
      expect((await call(other, "other")).content).toMatchObject([{ text: "done" }]);
      expect(await cache.info(refId, { actor: { type: "user" } })).toBeDefined();
    },
  );

  test("is refused where the tools were listed, once the hook says otherwise, fails, or waits", async () => {
    let allow: (session: Session) => unknown = isAdmin;
    const hook = ((session: Session) => allow(session)) as AllowAdministrator<Session>;
    const { cache, connect, logger, records } = await start({}, { stateless: false, allow: hook });
    const { refId } = await cache.set("k", CANARY, { namespace: "rows" });
    const client = await connect("admin");
    const inDoubt: ((session: Session) => unknown)[] = [
      () => false,
      () => undefined,
      () => 1,
      () => "true",
      () => ({ isAdmin: true }),
      () => Promise.resolve(true),
      () => Promise.reject(new Error(CANARY)),
      () => new Promise(() => {}),
      () => {
        throw new Error(CANARY);
      },
      () => {
        throw CANARY;
      },
    ];
    for (const doubt of inDoubt) {
      allow = doubt;
      for (const result of await callAll(client, refId)) expect(result).toEqual(REFUSED);
    }
    expect(logger.lines.join()).not.toContain(CANARY);
    expect(logger.lines.join()).toMatch(/must not be asynchronous.*adminTools\.allow failed: Error/);
    expect(records.at(-1)).toMatchObject({
      actor: "agent:admin",
      operation: "administer",
      decision: "denied",
      reason: "no_administrator",
    });
    allow = isAdmin;
    expect(await cache.info(refId, { actor: { type: "user" } })).toBeDefined();
    expect((await call(client, "cache_info", { ref_id: refId })).structuredContent).toMatchObject({
      ref_id: refId,
    });
  });

  test("sees nothing by a hook in doubt, can still use the server, and the hook is asked once a listing", async () => {
    for (const doubt of [() => 1, async () => true, () => Promise.reject(new Error(CANARY)), () => fail()]) {
      const asked = vi.fn(() => doubt());
      const { connect, logger } = await start({}, { allow: asked as never });
      const client = await connect("admin");
      asked.mockClear();
      logger.lines.length = 0;
      expect(await namesOf(client)).toEqual([]);
      expect(asked).toHaveBeenCalledTimes(1);
      expect(logger.lines.join()).not.toContain(CANARY);
      expect((await call(client, "other")).content).toMatchObject([{ text: "done" }]);
    }
    function fail(): never {
      throw new Error(CANARY);
    }
  });

  test("is refused over an administrator's stateful session that is not theirs", async () => {
    const { cache, connect } = await start({}, { stateless: false });
    const { refId } = await cache.set("k", CANARY, { namespace: "rows" });
    const { sessionId, _url } = (await connect("admin")).transport as unknown as {
      sessionId: string;
      _url: URL;
    };
    const thief = new Client({ name: "thief", version: "1.0.0" });
    const headers = { authorization: "Bearer bob" };
    await thief.connect(
      new StreamableHTTPClientTransport(_url, { sessionId, requestInit: { headers } }) as never,
    );
    onTestFinished(() => thief.close());
    for (const result of await callAll(thief, refId)) expect(result).toEqual(REFUSED);
  });

  test("is everybody where nobody is authenticated", async () => {
    const allow = vi.fn(() => true);
    for (const stateless of [true, false]) {
      const server = withRefCache(makeServer(), new RefCache({ name: "test" }), { adminTools: { allow } });
      const client = await (await serve(server, { stateless }))();
      expect(await namesOf(client)).toEqual([]);
      await expect(call(client, "cache_stats")).rejects.toThrow(/Unknown tool/);
    }
    expect(allow).not.toHaveBeenCalled();
  });
});

test("the hook sees the verified session and nothing else", async () => {
  const allow = vi.fn(isAdmin);
  const { connect } = await start({}, { allow });
  await call(await connect("admin"), "cache_stats", { id: "forged" });
  expect(allow).toHaveBeenCalled();
  for (const parameters of allow.mock.calls) expect(parameters).toEqual([{ id: "admin" }]);
});

test("a hook that is no function, or asynchronous, is refused at once", () => {
  for (const allow of [async () => true, true, undefined, "admin"]) {
    const add = () =>
      withRefCache(makeAuthenticatedServer(), new RefCache({ name: "test" }), {
        adminTools: { allow: allow as never },
      });
    expect(add).toThrow(ConfigurationError);
    expect(add).toThrow(/adminTools\.allow/);
  }
});

describe("without HTTP", () => {
  async function inMemory(
    auth?: Session,
  ): Promise<{ client: Client; server: ReturnType<typeof makeAuthenticatedServer> }> {
    const cache = new RefCache({ name: "test" });
    const server = makeAuthenticatedServer({ ping: { enabled: false } });
    withRefCache(server, cache, { adminTools: { allow: isAdmin } });
    const client = new Client({ name: "test", version: "1.0.0" });
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    await Promise.all([server.connect(theirs, auth), client.connect(ours)]);
    return { client, server };
  }

  test("a session that was given is asked about, and none is nobody's, also when tools are added", async () => {
    expect(await namesOf((await inMemory({ id: "admin" })).client)).toEqual(NAMES);
    expect(await namesOf((await inMemory({ id: "bob" })).client)).toEqual([]);
    const { client, server } = await inMemory();
    expect(await namesOf(client)).toEqual([]);
    server.addTool({ name: "later", execute: async () => "" });
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["get_cached_result", "later"]);
    await expect(call(client, "cache_stats")).rejects.toThrow(/Unknown tool/);
  });

  test.each([
    ['{"id":"admin"}', NAMES],
    ['{"id":"bob"}', []],
    ['{"id":"admin","authenticated":false}', []],
    ["nonsense", []],
    [undefined, []],
  ])("over stdio, with the session %s", async (session, expected) => {
    const client = new Client({ name: "test", version: "1.0.0" });
    const args = ["--import", import.meta.resolve("tsx"), "tests/helpers/admin-stdio-server.ts"];
    const env = { PATH: String(process.env.PATH), ...(session === undefined ? {} : { SESSION: session }) };
    await client.connect(
      new StdioClientTransport({ command: process.execPath, args, env, stderr: "ignore" }),
    );
    onTestFinished(() => client.close());
    const messages = messagesTo(client);
    expect(await namesOf(client)).toEqual(expected);
    const results = await callAll(client, `test:${"0".repeat(32)}`);
    if (expected.length > 0) expect(results[4]).toMatchObject({ structuredContent: { entries: 0 } });
    else for (const result of results) expect(String(result)).toMatch(/Unknown tool/);
    await new Promise((resolve) => setTimeout(resolve, 300)); // FastMCP takes its time after the client's first message
    expect(messages.join()).not.toContain("list_changed");
  });

  test("a transport that the environment names is HTTP all the same", async () => {
    const port = await freePort();
    vi.stubEnv("FASTMCP_TRANSPORT", "httpStream");
    vi.stubEnv("FASTMCP_PORT", `${port}`);
    vi.stubEnv("FASTMCP_STATELESS", "true");
    vi.stubEnv("FASTMCP_HOST", "127.0.0.1");
    onTestFinished(() => void vi.unstubAllEnvs());
    const server = makeAuthenticatedServer();
    withRefCache(server, new RefCache({ name: "test" }), { adminTools: { allow: isAdmin } });
    await server.start();
    onTestFinished(() => server.stop());
    const connect = async (token: string) => {
      const client = new Client({ name: "test", version: "1.0.0" });
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      const url = new URL(`http://127.0.0.1:${port}/mcp`);
      await client.connect(new StreamableHTTPClientTransport(url, { requestInit }) as never);
      onTestFinished(() => client.close());
      return client;
    };
    expect(await namesOf(await connect("admin"))).toEqual(NAMES);
    expect(await namesOf(await connect("bob"))).toEqual([]);
  });
});

/** What must hold on every backend. */
function toolsOn(makeBackend: () => CacheBackend | Promise<CacheBackend>) {
  async function startOn(options: Partial<RefCacheOptions> = {}) {
    const started = await start({ backend: await makeBackend(), ...options });
    return { ...started, admin: await started.connect("admin") };
  }

  /** Follows the cursors to the end, doing something between the pages. */
  async function listAll(
    client: Client,
    args: object,
    between = async (_listed: readonly string[]) => {},
  ): Promise<string[]> {
    const refIds: string[] = [];
    let cursor: string | undefined;
    for (;;) {
      const { structuredContent } = await call(client, "cache_list", { ...args, ...(cursor && { cursor }) });
      const { entries, next_cursor } = structuredContent as unknown as Page;
      refIds.push(...entries.map(({ ref_id }) => ref_id));
      if (next_cursor === null) return refIds;
      cursor = next_cursor;
      await between(refIds);
    }
  }

  test("cache_list: each entry on exactly one page, by namespace or of all, while others come and go", async () => {
    const { cache, admin } = await startOn();
    const mine: string[] = [];
    for (let n = 0; n < 45; n++) mine.push((await cache.set(`k${n}`, n, { namespace: "rows" })).refId);
    for (const namespace of ["rowsx", "rows:x", "row", "public"]) await cache.set("k", 1, { namespace });
    const sorted = [...mine].sort();
    expect(await listAll(admin, { namespace: "rows", page_size: 7 })).toEqual(sorted);
    expect(await listAll(admin, { namespace: "rows", page_size: 45 })).toEqual(sorted);
    expect(await listAll(admin, { namespace: "rows" })).toEqual(sorted);
    expect(await listAll(admin, { namespace: "none" })).toEqual([]);
    for (const page_size of [0, -1, 1.5]) {
      const { structuredContent } = await call(admin, "cache_list", { namespace: "rows", page_size });
      expect(structuredContent).toMatchObject({ entries: [{ ref_id: sorted[0] }], next_cursor: sorted[0] });
    }
    expect(await listAll(admin, { page_size: 10 })).toHaveLength(49);
    const doomed = sorted[44] as string;
    const listed = await listAll(admin, { namespace: "rows", page_size: 5 }, async (before) => {
      const actor = { type: "user" as const };
      await cache.set(`new${before.length}`, 1, { namespace: "rows" });
      await cache.delete(before.at(-1) as string, { actor }); // the cursor itself
      if (before.length === 10) await cache.delete(doomed, { actor });
    });
    expect(new Set(listed).size).toBe(listed.length);
    expect(listed).toEqual(expect.arrayContaining(sorted.filter((refId) => refId !== doomed)));
    expect(listed).not.toContain(doomed);
  });

  test("cache_list tells what is known, in one object, and no value", async () => {
    const { cache, admin } = await startOn();
    const { refId } = await cache.set("k", [CANARY, 2], {
      namespace: "rows",
      ttl: "1h",
      toolName: "maker",
      policy: policies.executeOnly,
    });
    const { content, structuredContent } = await call(admin, "cache_list", {});
    expect(structuredContent).toEqual({
      total_entries: 1,
      entries: [
        {
          ref_id: refId,
          namespace: "rows",
          tool_name: "maker",
          created_at: expect.stringMatching(/^\d{4}-.*Z$/),
          expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
          total_items: 2,
          bytes: JSON.stringify([CANARY, 2]).length,
        },
      ],
      next_cursor: null,
    });
    expect(JSON.parse(content[0]?.text ?? "")).toEqual(structuredContent);
  });

  test("cache_info: the policy as well, and the value only if asked, bounded, page by page", async () => {
    const { cache, admin } = await startOn();
    const values = Array.from({ length: 3000 }, (_, n) => `${CANARY}-${n}`);
    const { refId } = await cache.set("k", values, { namespace: "user:alice", policy: policies.ownerOnly });
    const { structuredContent: known } = await call(admin, "cache_info", { ref_id: refId });
    expect(known).toMatchObject({ ref_id: refId, namespace: "user:alice", total_items: 3000 });
    expect(known?.policy).toMatchObject({
      user_permissions: 0,
      agent_permissions: 0,
      owner_agent_permissions: 0,
    });
    expect(JSON.stringify(known)).not.toContain(CANARY);
    const shown = await call(admin, "cache_info", { ref_id: refId, value: true });
    expect(JSON.stringify(shown.structuredContent).length).toBeLessThan(8000);
    expect(shown.structuredContent?.answer).toMatchObject({
      is_complete: false,
      message: expect.stringContaining("cache_info(ref_id, value=true, page=1)"),
    });
    const page = await call(admin, "cache_info", { ref_id: refId, value: true, page: 2 });
    expect(page.structuredContent?.answer).toMatchObject({
      page: 2,
      preview: expect.arrayContaining([expect.stringContaining(CANARY)]),
    });
    expect(await call(admin, "cache_info", { ref_id: refId, value: true, page: 9999 })).toMatchObject({
      isError: true,
    });
    expect(await call(admin, "get_cached_result", { ref_id: refId })).toMatchObject({ isError: true });
  });

  test("cache_delete: one, whatever its policy, and says whether there was one", async () => {
    const { cache, admin } = await startOn();
    const { refId } = await cache.set("k", 1, { policy: policies.ownerOnly });
    const other = await cache.set("l", 2);
    const deleted = async () => (await call(admin, "cache_delete", { ref_id: refId })).structuredContent;
    expect(await deleted()).toEqual({ deleted: true });
    expect(await deleted()).toEqual({ deleted: false });
    expect(await listAll(admin, {})).toEqual([other.refId]);
    for (const ref_id of [refId, "nonsense", "*", `test:${"0".repeat(32)}`]) {
      expect(await call(admin, "cache_info", { ref_id })).toMatchObject({
        isError: true,
        _meta: { code: "reference_unavailable" },
      });
      expect((await call(admin, "cache_delete", { ref_id })).structuredContent).toEqual({ deleted: false });
    }
  });

  test("cache_clear: exactly this namespace, and only if it is said twice", async () => {
    const { cache, admin } = await startOn();
    for (const namespace of ["rows", "rows:x", "rowsx", "public"])
      for (const key of ["a", "b"]) await cache.set(key, 1, { namespace, policy: policies.ownerOnly });
    for (const confirm of [undefined, "", "yes", "true", "Rows", "rows ", "rows*", true]) {
      const refused = await call(admin, "cache_clear", { namespace: "rows", confirm }).catch(() => undefined);
      expect(refused ?? { isError: true }).toMatchObject({ isError: true });
    }
    expect(await listAll(admin, {})).toHaveLength(8);
    const cleared = await call(admin, "cache_clear", { namespace: "rows", confirm: "rows" });
    expect(cleared.structuredContent).toEqual({ deleted: 2 });
    expect(await listAll(admin, { namespace: "rows" })).toEqual([]);
    expect(await listAll(admin, {})).toHaveLength(6);
    expect((await call(admin, "cache_clear", { namespace: "*", confirm: "*" })).structuredContent).toEqual({
      deleted: 0,
    });
    expect(await call(admin, "cache_clear", { namespace: "", confirm: "" })).toMatchObject({ isError: true });
    expect(await listAll(admin, {})).toHaveLength(6);
  });

  test("cache_stats: entries and bytes, by namespace, oldest and newest", async () => {
    const { cache, admin } = await startOn();
    const stats = async () => (await call(admin, "cache_stats")).structuredContent;
    expect(await stats()).toEqual({
      entries: 0,
      bytes: 0,
      oldest: null,
      newest: null,
      namespaces: [],
      is_complete: true,
    });
    const before = Date.now();
    for (const key of ["a", "b", "c"]) await cache.set(key, CANARY, { namespace: "rows" });
    await cache.set("k", [1, 2, 3], { namespace: "user:alice", policy: policies.ownerOnly });
    const bytes = CANARY.length + 2;
    const counted = await stats();
    expect(counted).toMatchObject({
      entries: 4,
      bytes: 3 * bytes + 7,
      namespaces: [
        { namespace: "rows", entries: 3, bytes: 3 * bytes },
        { namespace: "user:alice", entries: 1, bytes: 7 },
      ],
      is_complete: true,
    });
    const { oldest, newest } = counted as { oldest: string; newest: string };
    expect(Date.parse(oldest)).toBeGreaterThanOrEqual(before);
    expect(Date.parse(newest)).toBeGreaterThanOrEqual(Date.parse(oldest));
    expect(Date.parse(newest)).toBeLessThanOrEqual(Date.now());
  });

  test("an encrypted value is shown opened", async () => {
    const encryption = { keys: { a: Buffer.alloc(32, 7) }, current: "a" };
    const { cache, admin } = await startOn({ encryption });
    const { refId } = await cache.set("k", [CANARY]);
    const shown = await call(admin, "cache_info", { ref_id: refId, value: true });
    expect(shown.structuredContent).toMatchObject({ answer: { value: [CANARY] } });
  });

  test("every act is on record in the administrator's name, and no value or reference is, nor in the log", async () => {
    const { cache, admin, records, logger } = await startOn();
    const { refId } = await cache.set("k", [CANARY], { namespace: "rows", policy: policies.ownerOnly });
    records.length = 0;
    const results = [
      await call(admin, "cache_list", { namespace: "rows" }),
      await call(admin, "cache_stats"),
      await call(admin, "cache_info", { ref_id: refId }),
      await call(admin, "cache_info", { ref_id: refId, value: true, page: 99 }),
      await call(admin, "cache_clear", { namespace: "rows", confirm: "no" }),
      await call(admin, "cache_delete", { ref_id: refId }),
      await call(admin, "cache_clear", { namespace: "rows", confirm: "rows" }),
    ];
    expect(records.map(({ operation, namespace }) => [operation, namespace])).toEqual([
      ["list", "rows"],
      ["stats", null],
      ["info", "rows"],
      ["info", "rows"],
      ["get", "rows"],
      ["delete", "rows"],
      ["clear", "rows"],
    ]);
    for (const record of records)
      expect(record).toMatchObject({ actor: "agent:admin", decision: "permitted", reason: "administrator" });
    expect(JSON.stringify([records, logger.lines])).not.toContain(refId.slice(5));
    expect(JSON.stringify([records, logger.lines, results])).not.toContain(CANARY);
  });
}

describe("in memory", () => toolsOn(() => new MemoryBackend()));
describe("in SQLite", () => toolsOn(() => sqlite()));
describe("in a backend of the six operations alone", () => toolsOn(() => new MinimalBackend()));
describeRedis("in Redis", () =>
  toolsOn(async () => {
    const server = await startRedis();
    const backend = new RedisBackend({ url: server.url });
    onTestFinished(async () => {
      await backend.close();
      await server.stop();
    });
    return backend;
  }),
);

test("an entry that cannot be read is listed as such, told of without its reference, and can be deleted", async () => {
  const backend = new MinimalBackend();
  const { cache, connect } = await start({ backend });
  const { refId } = await cache.set("k", CANARY);
  backend.unreadable.add(refId);
  const admin = await connect("admin");
  expect((await call(admin, "cache_list")).structuredContent).toMatchObject({
    entries: [{ ref_id: refId, is_readable: false }],
  });
  const info = await call(admin, "cache_info", { ref_id: refId, value: true });
  expect(info).toMatchObject({ isError: true, _meta: { code: "entry_unreadable" } });
  expect(info.content[0]?.text).not.toContain(refId);
  expect((await call(admin, "cache_stats")).structuredContent).toMatchObject({ entries: 0 });
  expect((await call(admin, "cache_delete", { ref_id: refId })).structuredContent).toEqual({ deleted: true });
});

test("a page is bounded, whatever names other writers have given; its cursor leads on", async () => {
  const backend = new MinimalBackend();
  const { cache, connect } = await start({ backend });
  const toolName = "t".repeat(100_000);
  for (let n = 0; n < 60; n++) await cache.set(`${n}`, n, { toolName, namespace: "n".repeat(400) });
  const admin = await connect("admin");
  const seen = new Set<string>();
  for (let cursor: unknown; cursor !== null; ) {
    const { structuredContent } = await call(admin, "cache_list", {
      page_size: 100,
      ...(cursor ? { cursor } : {}),
    });
    expect(JSON.stringify(structuredContent).length).toBeLessThan(22_000);
    const { entries, next_cursor } = structuredContent as unknown as Page;
    for (const { ref_id } of entries) seen.add(ref_id);
    cursor = next_cursor;
  }
  expect(seen.size).toBe(60);
});

test("a page has 100 entries at most, and no more heads are read for it", async () => {
  const backend = new MemoryBackend();
  const { cache, connect } = await start({ backend });
  for (let n = 0; n < 150; n++) await cache.set(`${n}`, n);
  const read = vi.spyOn(backend, "head");
  await call(await connect("admin"), "cache_list", { page_size: 1000 });
  expect(read.mock.calls.length).toBe(100);
});

test("a store that fails is told without saying where it is", async () => {
  const backend = new MemoryBackend();
  const { connect } = await start({ backend });
  const admin = await connect("admin");
  await backend.close();
  for (const result of await callAll(admin, `test:${"0".repeat(32)}`))
    expect(result).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining("does not work") }],
    });
});

test("the five tools say what they do to the store, and cost an administrator under 390 tokens", async () => {
  const { connect } = await start();
  const { tools } = await (await connect("admin")).listTools();
  const ours = tools.filter(({ name }) => NAMES.includes(name));
  expect(ours.map(({ annotations }) => annotations)).toEqual([
    { readOnlyHint: true },
    { readOnlyHint: true },
    { destructiveHint: true },
    { destructiveHint: true },
    { readOnlyHint: true },
  ]);
  const tokens = countTokens(JSON.stringify(ours));
  expect(tokens).toBeGreaterThan(300);
  expect(tokens).toBeLessThan(390);
});

test("administer is closed to whatever is not true", async () => {
  const cache = new RefCache({ name: "test" });
  for (const isAdministrator of [false, undefined, 1, "true"])
    expect(
      await errorOf(() => cache.administer({ type: "user", id: "a" }, isAdministrator as never)),
    ).toMatchObject({
      code: "administrators_only",
    });
});
