import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { atOnce, type Contest, type Runner } from "./measure.js";

const CALLS = 200;
const FEW_CALLS = 40;
const WIDTH = 16;

/** Calls of a FastMCP tool with `withRefCache` against the same tool without, over streamable HTTP. */
export async function* fastmcpContests(isShort: boolean): AsyncGenerator<Contest, void> {
  const servers = [new Server(), new Server("--refcache")] as const;
  try {
    const without = await servers[0].port();
    const withCache = await servers[1].port();
    const ceiling = calling(without, "bare", fresh);
    const common = { ...COMMON, calls: isShort ? FEW_CALLS : CALLS, ceiling };
    const [bare, cached] = ["FastMCP, a tool that is not cached", "FastMCP, a cached tool"];
    yield { ...common, what: bare, ours: calling(withCache, "bare", fresh) };
    yield { ...common, what: `${cached}, fresh arguments`, ours: calling(withCache, "cached", fresh) };
    yield { ...common, what: `${cached}, hit`, ours: calling(withCache, "cached", always) };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** A process of its own: what our server switches on in Node (`AsyncLocalStorage`) must not slow the other one. */
class Server {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #ended: Promise<unknown>;

  constructor(...options: string[]) {
    const script = fileURLToPath(new URL("fastmcp-server.ts", import.meta.url));
    const stdio: ["pipe", "pipe", "inherit"] = ["pipe", "pipe", "inherit"];
    this.#process = spawn(process.execPath, ["--import", "tsx", script, ...options], { stdio });
    this.#ended = once(this.#process, "exit");
  }

  /** The port, once it listens. */
  async port(): Promise<number> {
    const [line] = await once(createInterface(this.#process.stdout), "line");
    return Number(line);
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.#ended;
  }
}

const fresh = (n: number) => n;
const always = () => -1;

const COMMON = {
  size: "100 bytes",
  against: "the tool without `withRefCache`",
  aim: 0.9,
  unit: "calls a second",
} satisfies Partial<Contest>;

function calling(port: number, name: string, argument: (n: number) => number): Runner {
  return atOnce(WIDTH, (n) => callTool(port, name, argument(n)));
}

/**
 * Without the SDK's client: it takes longer to ask than a server to answer, and would hide what is measured. A
 * stateless server needs no handshake.
 */
async function callTool(port: number, name: string, n: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/mcp`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: n,
      method: "tools/call",
      params: { name, arguments: { n } },
    }),
  });
  const text = await response.text();
  if (!text.includes("Wien"))
    throw new Error(`The server answered ${response.status}: ${text.slice(0, 300)}`);
}
