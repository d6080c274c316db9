import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { FastMCP, type FastMCPSessionAuth, type Logger } from "fastmcp";
import { onTestFinished } from "vitest";
import { freePort } from "./redis-server.js";

const silent = () => {};

/** FastMCP's own logger writes to stdout. */
export const quietLogger: Logger = { debug: silent, error: silent, info: silent, log: silent, warn: silent };

/** A server that tests may add to. */
export function makeServer<T extends FastMCPSessionAuth = FastMCPSessionAuth>(
  options: Partial<ConstructorParameters<typeof FastMCP<T>>[0]> = {},
): FastMCP<T> {
  return new FastMCP<T>({ name: "Test", version: "1.0.0", logger: quietLogger, ...options });
}

/** Starts a server over streamable HTTP; both it and its clients end with the test. */
export async function serve<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
): Promise<(token?: string) => Promise<Client>> {
  const port = await freePort();
  await server.start({
    transportType: "httpStream",
    httpStream: { port, host: "127.0.0.1", stateless: true },
  });
  onTestFinished(() => server.stop());
  return async (token) => {
    const client = new Client({ name: "test", version: "1.0.0" });
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const url = new URL(`http://127.0.0.1:${port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as never);
    onTestFinished(() => client.close());
    return client;
  };
}

/** What a tool's result holds, in the forms that clients show. */
export interface ToolResult {
  readonly isError?: boolean;
  readonly content: { type: string; text?: string; uri?: string }[];
  readonly structuredContent?: Record<string, unknown>;
  readonly _meta?: Record<string, unknown>;
}

/** Calls a tool. */
export async function call(client: Client, name: string, args: object = {}): Promise<ToolResult> {
  return (await client.callTool({
    name,
    arguments: args as Record<string, unknown>,
  })) as unknown as ToolResult;
}
