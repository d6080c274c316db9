import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { bindSessions } from "../../src/fastmcp/index.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const requestIn = (sessionId?: string | string[]) =>
  ({ headers: sessionId === undefined ? {} : { "mcp-session-id": sessionId } }) as unknown as IncomingMessage;

/** `as("alice", "s1")` is a request of alice's in a session. */
function bound(options: Parameters<typeof bindSessions>[1] = {}) {
  let user = "";
  const authenticate = bindSessions(async () => ({ userId: user }), options);
  return (name: string, sessionId?: string | string[]) => {
    user = name;
    return authenticate(requestIn(sessionId));
  };
}

test("a session is its first user's", async () => {
  const as = bound();
  expect(await as("alice")).toEqual({ userId: "alice" });
  expect(await as("alice", "s1")).toEqual({ userId: "alice" });
  expect(await as("alice", "s1")).toEqual({ userId: "alice" });
  await expect(as("bob", "s1")).rejects.toMatchObject({ status: 404 });
  expect(await as("bob", "s2")).toEqual({ userId: "bob" });
  await expect(as("alice", "s2")).rejects.toMatchObject({ status: 404 });
});

test("ids that no server gives are refused", async () => {
  const as = bound();
  await expect(as("alice", "x".repeat(257))).rejects.toMatchObject({ status: 404 });
  await expect(as("alice", ["s1", "s2"])).rejects.toMatchObject({ status: 404 });
});

test("who names many sessions pushes out none of another's, and the oldest of their own", async () => {
  const as = bound();
  await as("alice", "first");
  await as("alice", "kept");
  for (let n = 0; n < 999; n++) {
    await as("bob", `b${n}`);
    await as("alice", `a${n}`);
    await as("alice", "kept");
  }
  await expect(as("bob", "kept")).rejects.toMatchObject({ status: 404 });
  await expect(as("alice", "b0")).rejects.toMatchObject({ status: 404 });
  expect(await as("bob", "first")).toEqual({ userId: "bob" }); // alice's oldest, forgotten
});

test("a hook tells who it is, and in doubt nobody gets in", async () => {
  const as = bound({
    actor: async ({ session }) => ({ type: "user", id: String(session?.userId).slice(0, 1) }),
  });
  await as("alice", "s1");
  expect(await as("anna", "s1")).toEqual({ userId: "anna" }); // the same, as the hook has it
  await expect(as("bob", "s1")).rejects.toMatchObject({ status: 404 });
  const logger = recordingLogger();
  const doubtful = bound({ logger, actor: () => ({ type: "root" }) as never });
  await expect(doubtful("alice", "s1")).rejects.toThrow("cannot tell who is asking");
  expect(logger.lines).toHaveLength(1);
});

test("what is no session, no request, or no authentication is FastMCP's to judge", async () => {
  for (const refusal of [undefined, { authenticated: false, error: "no" }]) {
    const authenticate = bindSessions<Record<string, unknown> | undefined>(async () => refusal);
    expect(await authenticate(requestIn("s1"))).toBe(refusal);
  }
  const stdio = bindSessions(async () => ({ userId: "alice" }));
  expect(await stdio(undefined as never)).toEqual({ userId: "alice" });
  const failing = bindSessions(async () => Promise.reject(new Error("no token")));
  await expect(failing(requestIn("s1"))).rejects.toThrow("no token");
});
