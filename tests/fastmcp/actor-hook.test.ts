import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { afterEach, describe, expect, test, vi } from "vitest";
import { identify } from "../../src/fastmcp/identity.js";
import { withRefCache } from "../../src/fastmcp/index.js";
import { RefCache } from "../../src/index.js";
import { call, makeServer, serve } from "../helpers/fastmcp.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const CANARY = "treasure-4711";

afterEach(() => {
  vi.useRealTimers();
});

/** A server with such a hook, and a value and tools that everybody may have who has a name. */
async function start(hook: unknown) {
  const logger = recordingLogger();
  const cache = new RefCache({ name: "test", logger });
  const { refId } = await cache.set("k", [CANARY]);
  const ran: string[] = [];
  const server = withRefCache(makeServer(), cache, { actor: hook as never });
  const run = (name: string) => async () => {
    ran.push(name);
    return CANARY;
  };
  server.addTool({ name: "cached", execute: cache.cached("n")(run("cached")) });
  server.addTool({ name: "shared", execute: cache.cached("n", { scope: "shared" })(run("shared")) });
  server.addTool({ name: "plain", execute: run("plain") });
  const client = await (await serve(server))();
  return { client, refId, ran, logger };
}

/** Every way to a value. */
function waysOut(client: Client, refId: string): Promise<unknown>[] {
  return [
    call(client, "cached"),
    call(client, "shared"),
    call(client, "plain"),
    call(client, "get_cached_result", { ref_id: refId }),
    call(client, "get_cached_result", { ref_id: refId, full: true }),
    client
      .readResource({ uri: `refcache://${refId}` })
      .catch((error: Error) => ({ isError: true, error: error.message })),
  ];
}

async function expectClosed({
  client,
  refId,
  ran,
  logger,
}: Awaited<ReturnType<typeof start>>): Promise<void> {
  const results = await Promise.all(waysOut(client, refId));
  for (const result of results) {
    expect(result).toMatchObject({ isError: true });
    expect(JSON.stringify(result)).not.toContain(CANARY);
    expect(JSON.stringify(result)).toContain("this server cannot tell who is asking");
  }
  expect(ran).toEqual([]);
  expect(logger.lines).toHaveLength(results.length);
  expect(logger.lines.join()).not.toContain(CANARY);
}

describe("the door is closed by a hook that", () => {
  test.each<[string, unknown]>([
    [
      "throws",
      () => {
        throw new Error("no directory");
      },
    ],
    ["throws nothing in particular", () => Promise.reject(undefined)],
    ["returns nothing", () => undefined],
    ["returns null", async () => null],
    ["returns a text", () => "user:alice"],
    ["returns no type", () => ({ id: "alice" })],
    ["returns another type", () => ({ type: "admin", id: "alice" })],
    ["returns a blank id", () => ({ type: "user", id: " " })],
    ["returns an id that is no text", () => ({ type: "user", id: 7 })],
    ["returns an id that is too long", () => ({ type: "user", id: "x".repeat(257) })],
    ["returns an id with a control character", () => ({ type: "user", id: "alice\n" })],
    ["returns half a character", () => ({ type: "user", id: "\ud800" })],
    ["returns a session that is no text", () => ({ type: "user", id: "alice", sessionId: {} })],
    ["returns claims that are no texts", () => ({ type: "user", id: "alice", claims: { org_id: 7 } })],
  ])("%s", async (_, hook) => {
    await expectClosed(await start(hook));
  });

  test("hangs", async () => {
    const started = await start(() => new Promise(() => {}));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const ticking = setInterval(() => vi.advanceTimersByTime(100), 1); // ten seconds pass in a moment
    await expectClosed(started).finally(() => clearInterval(ticking));
  });
});

test("the door is open to a hook that knows", async () => {
  const { client, refId, ran, logger } = await start(async () => ({ type: "agent", id: "alice" }));
  for (const result of await Promise.all(waysOut(client, refId)))
    expect(JSON.stringify(result)).toContain(CANARY);
  expect(ran.sort()).toEqual(["cached", "plain", "shared"]);
  expect(logger.lines).toEqual([]);
});

test("a hook has ten seconds, and its late answer is not heard", async () => {
  vi.useFakeTimers();
  const logger = recordingLogger();
  const slow = (milliseconds: number) =>
    identify(
      undefined,
      () =>
        new Promise((resolve) => {
          setTimeout(() => resolve({ type: "user", id: "alice" }), milliseconds);
        }),
      logger,
    ).catch(String);
  const [inTime, late] = [slow(9999), slow(10_001)];
  await vi.advanceTimersByTimeAsync(20_000);
  expect(await inTime).toEqual({ type: "user", id: "alice" });
  expect(await late).toContain("cannot tell who is asking");
  expect(vi.getTimerCount()).toBe(0);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1.5])(
  "the number %d is nobody's id",
  async (userId) => {
    await expect(identify({ session: { userId } }, undefined, recordingLogger())).rejects.toMatchObject({
      option: "actor",
    });
  },
);

test("a whole number is one", async () => {
  expect(await identify({ session: { userId: 7 } }, undefined, recordingLogger())).toEqual({
    type: "agent",
    id: "7",
  });
});
