import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { atOnce, type Contest, type Runner } from "./measure.js";

const CALLS = 200;
const WIDTH = 16;

/** Calls of a FastMCP tool with `withRefCache` against the same tool without, over streamable HTTP. */
export async function* fastmcpContests(): AsyncGenerator<Contest, void> {
  const server = spawn(
    process.execPath,
    ["--import", "tsx", fileURLToPath(new URL("fastmcp-server.ts", import.meta.url))],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  const ended = once(server, "exit");
  try {
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    const ports = JSON.parse(line) as { without: number; with: number };
    const ceiling = calling(ports.without, "bare", fresh);
    yield contest("a tool that is not cached", calling(ports.with, "bare", fresh), ceiling);
    yield contest("a cached tool, fresh arguments", calling(ports.with, "cached", fresh), ceiling);
    yield contest("a cached tool, hit", calling(ports.with, "cached", always), ceiling);
  } finally {
    server.kill();
    await ended;
  }
}

const fresh = (n: number) => n;
const always = () => -1;

function contest(what: string, ours: Runner, ceiling: Runner): Contest {
  return {
    what: `FastMCP, ${what}`,
    size: "100 bytes",
    against: "the tool without `withRefCache`",
    aim: 0.9,
    ours,
    ceiling,
    calls: CALLS,
    asThroughput: true,
  };
}

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
