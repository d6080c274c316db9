import { describe, expect, onTestFinished, test } from "vitest";
import { RawCaller, RawSse } from "../helpers/raw-mcp.js";
import { canaryOf, noteOf, serveNotes } from "./note-server.js";
import { Traffic, User } from "./traffic.js";

const CALLS = 5000; // in each mode

describe.each([
  ["stateless", true],
  ["stateful", false],
] as const)("two users of one %s server", (_, isStateless) => {
  test(`do not cross in ${CALLS} calls`, async () => {
    const port = await serveNotes(isStateless);
    const [alice, bob] = await Promise.all([User.begin("alice", port), User.begin("bob", port)]);
    const traffic = new Traffic(alice, bob, isStateless);
    await traffic.run(CALLS);
    expect(traffic.counts.calls).toBeGreaterThanOrEqual(CALLS);
    expect(traffic.counts.hits).toBeGreaterThan(CALLS / 10);
    expect(traffic.counts.refusals).toBeGreaterThan(CALLS / 20);
    expect(traffic.counts.thefts).toBeGreaterThan(CALLS / 20);
  }, 120_000);

  test("get nothing without a token", async () => {
    const port = await serveNotes(isStateless);
    const alice = await new RawCaller(port, "token-of-alice").begin();
    for (const token of ["", "token-of-", "alice"]) {
      const nobody = new RawCaller(port, token, alice.sessionId);
      expect(await nobody.call("own", { n: 1 })).toMatchObject({ status: 401, result: undefined });
    }
  });
});

describe("a stolen session id", () => {
  test("does not divert answers to requests of the same id", async () => {
    const port = await serveNotes(false);
    const alice = await new RawCaller(port, "token-of-alice").begin();
    const thief = new RawCaller(port, "token-of-bob", alice.sessionId);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => [
        await Promise.all([alice.call("own", { n }, n), thief.call("own", { n }, n)]),
      ]),
    );
    for (const [n, [[own, stolen] = []]] of answers.entries()) {
      expect(own?.result?.structuredContent?.value).toEqual(noteOf("alice", n));
      expect(stolen).toMatchObject({ status: 404, result: undefined });
      expect(stolen?.text).not.toContain("canary");
    }
  });

  test("neither listens, nor resumes, nor ends the session", async () => {
    const port = await serveNotes(false);
    const alice = await new RawCaller(port, "token-of-alice").begin();
    const { text } = await alice.call("own", { n: 1 });
    const eventId = /^id: (.+)$/m.exec(text)?.[1] ?? "";
    const thief = new RawCaller(port, "token-of-bob", alice.sessionId);
    for (const method of ["GET", "DELETE"]) expect((await thief.send(method)).status).toBe(404);
    const resumed = await fetch(`http://127.0.0.1:${port}/mcp`, {
      headers: {
        accept: "text/event-stream",
        authorization: "Bearer token-of-bob",
        "mcp-session-id": alice.sessionId ?? "",
        "last-event-id": eventId,
      },
    });
    expect(resumed.status).toBe(404);
    expect(await resumed.text()).not.toContain("canary");
    expect((await alice.call("own", { n: 1 })).text).toContain(noteOf("alice", 1).text);
    expect((await alice.send("DELETE")).status).toBe(200);
  });

  test("is not found, as one that never was", async () => {
    const port = await serveNotes(false);
    const alice = await new RawCaller(port, "token-of-alice").begin();
    const bob = new RawCaller(port, "token-of-bob");
    const stolen = await bob.in(alice.sessionId).call("own", { n: 1 });
    const invented = await bob.in(crypto.randomUUID()).call("own", { n: 1 });
    expect(stolen).toEqual(invented);
    expect(stolen.status).toBe(404);
  });
});

describe("the /sse route, which FastMCP always offers", () => {
  const headersOf = (user: string, sessionId?: string) => ({
    authorization: `Bearer token-of-${user}`,
    ...(sessionId === undefined ? {} : { "mcp-session-id": sessionId }),
  });

  async function connect(port: number, headers: Record<string, string>): Promise<RawSse> {
    const connection = await RawSse.connect(port, headers);
    if (typeof connection === "number") throw new Error(`refused with ${connection}`);
    onTestFinished(() => connection.close());
    const client = {
      protocolVersion: "2024-11-05",
      capabilities: {},
      clientInfo: { name: "t", version: "1" },
    };
    await connection.post({ id: 0, method: "initialize", params: client });
    await connection.until(/"id":0/);
    await connection.post({ method: "notifications/initialized" });
    return connection;
  }

  test("refuses who has no token", async () => {
    const port = await serveNotes(true);
    expect(await RawSse.connect(port, {})).toBe(401);
  });

  test.each([true, false])("gives nothing for a forged session id (stateless: %s)", async (isStateless) => {
    const port = await serveNotes(isStateless);
    const alice = await connect(port, headersOf("alice", "the-same-id"));
    const made = await Promise.all([
      alice.call(1, "own", { n: 1 }),
      alice.call(2, "by_session", { n: 2 }),
      alice.call(3, "bound", { n: 3 }),
      alice.call(4, "room", { n: 4 }),
    ]);
    for (const answer of made) expect(answer).toContain(canaryOf("alice"));
    const refIds = made.map((answer) => /notes:[a-f0-9]{32}/.exec(answer)?.[0]);
    if (!isStateless) return expect(await RawSse.connect(port, headersOf("bob", "the-same-id"))).toBe(404);
    const bob = await connect(port, headersOf("bob", "the-same-id"));
    for (const [at, refId] of refIds.entries()) {
      expect(await bob.call(10 + at, "get_cached_result", { ref_id: refId })).toContain("unknown, expired");
      expect(await bob.call(20 + at, "use", { notes: [refId] })).toContain("unknown, expired");
    }
    expect(await bob.call(30, "bound", { n: 3 })).toContain(noteOf("bob", 3).text);
    expect(await bob.call(32, "room", { n: 4 })).toContain(noteOf("bob", 4).text);
    expect(await bob.call(31, "by_session", { n: 2 })).toContain(noteOf("bob", 2).text);
    expect(bob.text).not.toContain(canaryOf("alice"));
    expect(alice.text).not.toContain(canaryOf("bob"));
  });

  test("answers on the connection alone, whoever posts a message to it", async () => {
    const port = await serveNotes(false);
    const [alice, bob] = [await connect(port, headersOf("alice")), await connect(port, headersOf("bob"))];
    const message = { id: 77, method: "tools/call", params: { name: "own", arguments: { n: 7 } } };
    expect(await bob.post(message, alice.endpoint)).toBe("Accepted");
    expect(await alice.until(/"id":77/)).toBeDefined();
    expect(alice.text).toContain(noteOf("alice", 7).text);
    expect(bob.text).not.toContain("canary");
  });
});
