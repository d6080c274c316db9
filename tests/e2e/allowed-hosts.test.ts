import { request } from "node:http";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NodeProcess } from "../helpers/processes.js";
import { freePort } from "../helpers/redis-server.js";
import { callRaw } from "./behaviour.js";

const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1.0.0" } },
});

const LIST = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list", params: {} });

class Server {
  constructor(
    readonly port: number,
    readonly process: NodeProcess,
  ) {}

  static async start(env: Record<string, string> = {}): Promise<Server> {
    const port = await freePort();
    const args = ["calculator", "--transport", "http", "--port", `${port}`];
    const process = new NodeProcess("examples/servers/main.ts", args, {
      MCP_REFCACHE_DB_PATH: ":memory:",
      ...env,
    });
    await process.wrote("listens on");
    return new Server(port, process);
  }

  /** Sends what a browser or a client would, with headers that `fetch` would not let through. */
  send(
    headers: Record<string, string>,
    { path = "/mcp", method = "POST", body = INITIALIZE } = {},
  ): Promise<{ status: number | undefined; text: string; allowOrigin: unknown }> {
    return new Promise((resolve, reject) => {
      const common = {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        host: `127.0.0.1:${this.port}`,
      };
      const sent = request(
        { host: "127.0.0.1", port: this.port, path, method, headers: { ...common, ...headers } },
        (response) => {
          let text = "";
          const status = response.statusCode;
          const allowOrigin = response.headers["access-control-allow-origin"];
          const done = () => resolve({ status, text, allowOrigin });
          response.setEncoding("utf8").on("data", (chunk) => {
            text += chunk;
            if (path === "/sse") {
              done(); // never ends by itself
              sent.destroy();
            }
          });
          response.on("end", done);
        },
      );
      sent.on("error", reject);
      sent.end(method === "POST" ? body : undefined);
    });
  }
}

describe("a server over HTTP, for this machine", () => {
  let server: Server;

  beforeAll(async () => {
    server = await Server.start();
  });

  afterAll(() => server.process.stop());

  const foreign = [
    ["the Host of a page's own name", { host: "evil.example:8001" }],
    ["a Host that begins like an allowed one", { host: "localhost.evil.example" }],
    ["a Host that hides an allowed one", { host: "localhost:8001@evil.example" }],
    ["a foreign Origin", { origin: "https://evil.example" }],
    ["a foreign Origin that begins like an allowed one", { origin: "http://127.0.0.1.evil.example" }],
    ["an opaque Origin", { origin: "null" }],
    ["a malformed Origin", { origin: "localhost" }],
  ] as const;

  test.each(foreign)("refuses %s", async (_, headers) => {
    for (const body of [INITIALIZE, LIST]) {
      const answered = await server.send(headers, { body });
      expect(answered).toEqual({
        status: 403,
        text: "Forbidden: see ALLOWED_HOSTS",
        allowOrigin: undefined,
      });
    }
    expect(await server.send(headers, { path: "/sse", method: "GET" })).toMatchObject({ status: 403 });
  });

  test.each([
    ["no Origin, as clients do", {}],
    ["localhost", { host: "localhost:8001" }],
    ["IPv6", { host: "[::1]:8001" }],
    ["another spelling", { host: "LocalHost" }],
    ["an Origin on this machine", { origin: "http://localhost:6274" }],
  ])("answers %s", async (_, headers) => {
    const answered = await server.send(headers);
    expect(answered).toMatchObject({ status: 200, allowOrigin: undefined });
    expect(answered.text).toContain('"Calculator"');
  });

  test("lets no page read an answer, and grants no preflight", async () => {
    const preflight = { origin: "http://localhost:6274", "access-control-request-method": "POST" };
    const answered = await server.send(preflight, { method: "OPTIONS" });
    expect(answered.allowOrigin).toBeUndefined();
  });

  test.each(["127.0.0.1", "localhost"])("works for a real client on %s", async (host) => {
    const client = new Client({ name: "test", version: "1.0.0" });
    const url = new URL(`http://${host}:${server.port}/mcp`);
    await client.connect(new StreamableHTTPClientTransport(url));
    const { structuredContent } = await callRaw(client, "calculate", { expression: "6 * 7" });
    expect(structuredContent).toMatchObject({ value: 42 });
    await client.close();
  });
});

test("ALLOWED_HOSTS takes the place of this machine's names", async () => {
  const server = await Server.start({ ALLOWED_HOSTS: "Tools.Example, other.example" });
  try {
    for (const host of ["tools.example", "other.example:8443"])
      expect(await server.send({ host })).toMatchObject({ status: 200 });
    expect(await server.send({ host: "tools.example", origin: "https://other.example" })).toMatchObject({
      status: 200,
    });
    expect(await server.send({})).toMatchObject({ status: 403 });
  } finally {
    await server.process.stop();
  }
});
