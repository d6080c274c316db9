import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
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
    const without = await connect(ports.without);
    const withCache = await connect(ports.with);
    const ceiling = calling(without, "bare", (n) => n);
    yield contest("a tool that is not cached", calling(withCache, "bare", same), ceiling);
    yield contest("a cached tool, fresh arguments", calling(withCache, "cached", same), ceiling);
    yield contest(
      "a cached tool, hit",
      calling(withCache, "cached", () => -1),
      ceiling,
    );
    await Promise.all([without.close(), withCache.close()]);
  } finally {
    server.kill();
    await ended;
  }
}

const same = (n: number) => n;

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

function calling(client: Client, name: string, argument: (n: number) => number): Runner {
  return atOnce(WIDTH, (n) => client.callTool({ name, arguments: { n: argument(n) } }));
}

async function connect(port: number): Promise<Client> {
  const client = new Client({ name: "bench", version: "1.0.0" });
  const url = new URL(`http://127.0.0.1:${port}/mcp`);
  await client.connect(new StreamableHTTPClientTransport(url) as never); // its types clash with exactOptionalPropertyTypes
  return client;
}
