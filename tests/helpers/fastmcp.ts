import type { IncomingMessage } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { ClientCapabilities } from "@modelcontextprotocol/sdk/types.js";
import type { FastMCP, FastMCPSessionAuth } from "fastmcp";
import { onTestFinished } from "vitest";
import { makeServer } from "./fastmcp-server.js";
import { freePort } from "./redis-server.js";

export { makeServer, quietLogger } from "./fastmcp-server.js";

/** How a test's server is served, and what its clients can do. */
export interface ServeOptions {
  /** Each request a session of its own. Default `true`, since the others take a second to connect. */
  readonly stateless?: boolean;
  readonly capabilities?: ClientCapabilities;
}

/** Starts a server over streamable HTTP; both it and its clients end with the test. */
export async function serve<T extends FastMCPSessionAuth>(
  server: FastMCP<T>,
  { stateless = true, capabilities = {} }: ServeOptions = {},
): Promise<(token?: string) => Promise<Client>> {
  const port = await freePort();
  await server.start({ transportType: "httpStream", httpStream: { port, host: "127.0.0.1", stateless } });
  onTestFinished(() => server.stop());
  return async (token) => {
    const client = new Client({ name: "test", version: "1.0.0" }, { capabilities });
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const url = new URL(`http://127.0.0.1:${port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }) as never);
    onTestFinished(() => client.close());
    return client;
  };
}

/** A server that takes `Bearer alice` for the session `{ id: "alice" }`, and lets nobody in without. */
export function makeAuthenticatedServer(
  options: Partial<ConstructorParameters<typeof FastMCP<{ id: string }>>[0]> = {},
): FastMCP<{ id: string }> {
  const authenticate = async (request: IncomingMessage) => {
    const id = /^Bearer (.+)$/.exec(String(request.headers.authorization))?.[1];
    if (id === undefined) throw new Response(null, { status: 401 });
    return { id };
  };
  return makeServer<{ id: string }>({ authenticate, ...options });
}

/** Every message that the server sends to this client from now on, as it came over the wire. */
export function messagesTo(client: Client): string[] {
  const messages: string[] = [];
  const { transport } = client;
  const receive = transport?.onmessage;
  if (transport === undefined || receive === undefined) throw new Error("The client is not connected.");
  transport.onmessage = (message, extra) => {
    messages.push(JSON.stringify(message));
    receive(message, extra);
  };
  return messages;
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
