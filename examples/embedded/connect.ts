import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { Clients } from "./walk.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = fileURLToPath(new URL("../servers/main.ts", import.meta.url));

/** Starts both servers as processes of their own, on one SQLite file, and connects a client to each. */
export async function connectServers(dbPath: string): Promise<Clients & { close(): Promise<void> }> {
  const [calculator, analyst] = await Promise.all([
    connectServer("calculator", dbPath),
    connectServer("analyst", dbPath),
  ]);
  const close = async () => {
    await Promise.all([calculator.close(), analyst.close()]);
  };
  return { calculator, analyst, close };
}

/** Starts one of the servers over stdio; it ends when its client closes. */
export async function connectServer(name: "calculator" | "analyst", dbPath: string): Promise<Client> {
  const client = new Client({ name: "demo", version: "1.0.0" });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: ["--import", import.meta.resolve("tsx"), MAIN, name],
      cwd: ROOT, // where tsx finds tsconfig.json
      env: { ...getDefaultEnvironment(), MCP_REFCACHE_DB_PATH: dbPath },
    }),
  );
  return client;
}
