import type { FastMCP } from "fastmcp";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { bindSessions, withRefCache } from "../../src/fastmcp/index.js";
import { RefCache } from "../../src/index.js";
import { makeServer } from "../helpers/fastmcp.js";
import { freePort } from "../helpers/redis-server.js";

/** What `authenticate` makes of a token. */
interface Session extends Record<string, unknown> {
  readonly userId: string;
}

const note = z.object({ n: z.number() });
type Note = z.output<typeof note>;

/** What only this user is to see: in every note made for them. */
export function canaryOf(user: string): string {
  return `canary-of-${user}`;
}

/** What a note says, for whom. */
export function noteOf(user: string, n: number): { user: string; text: string } {
  return { user, text: `${canaryOf(user)}-${n}` };
}

/** A server for users by token, whose tools make notes of them in every kind of place. */
function makeNoteServer(cache: RefCache, isStateless: boolean): FastMCP<Session> {
  const authenticate = async (request: { headers: { authorization?: string | undefined } }) => {
    const token = /^Bearer token-of-(\w+)$/.exec(request.headers.authorization ?? "")?.[1];
    if (token === undefined) throw new Response("Unauthorized", { status: 401 });
    await setImmediatePromise();
    return { userId: token };
  };
  const server = withRefCache(
    makeServer<Session>({ authenticate: isStateless ? authenticate : bindSessions<Session>(authenticate) }),
    cache,
  );
  const tool = (name: string, namespace: string, options: Parameters<RefCache["cached"]>[1] = {}) =>
    server.addTool({
      name,
      parameters: note,
      execute: cache.cached(
        namespace,
        options,
      )(async ({ n }: Note, { session }: { session: Session | undefined }) => {
        await setImmediatePromise(); // others come between
        return noteOf(session?.userId ?? "nobody", n);
      }),
    });
  tool("own", "notes");
  tool("by_user", "user:{user_id}");
  tool("bound", "bound", { sessionScoped: true });
  // Here nothing but the session keeps users apart.
  tool("by_session", "session:{session_id}", { scope: "shared" });
  tool("room", "rooms", { scope: "shared", sessionScoped: true });
  server.addTool({
    name: "shared",
    parameters: note,
    execute: cache.cached("commons", { scope: "shared" })(async ({ n }) => noteOf("all", n)),
  });
  server.addTool({
    name: "use",
    parameters: z.object({ notes: z.array(z.object({ user: z.string(), text: z.string() })) }),
    execute: cache.cached("uses")(async ({ notes }) => notes),
  });
  return server;
}

function setImmediatePromise(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Starts it until the test is over; gives its port. */
export async function serveNotes(isStateless: boolean): Promise<number> {
  const port = await freePort();
  const server = makeNoteServer(new RefCache({ name: "notes" }), isStateless);
  await server.start({
    transportType: "httpStream",
    httpStream: { port, host: "127.0.0.1", stateless: isStateless },
  });
  onTestFinished(() => server.stop());
  return port;
}
