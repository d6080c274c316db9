import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { Clients, Users } from "./walk.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/**
 * Starts both servers for each user, as four processes on one SQLite file, and connects a client to each.
 * @param watch gets each transport before anything crosses it.
 */
export async function connectUsers(
  dbPath: string,
  watch: (transport: StdioClientTransport) => void,
): Promise<Users & { close(): Promise<void> }> {
  const start = (name: keyof Clients, userId: keyof Users) =>
    connectClient(transportTo(name, userId, dbPath), watch);
  const clients = async (userId: keyof Users): Promise<Clients> => ({
    vault: await start("vault", userId),
    analyst: await start("analyst", userId),
  });
  const users = { alice: await clients("alice"), bob: await clients("bob") };
  const all = Object.values(users).flatMap(({ vault, analyst }) => [vault, analyst]);
  return { ...users, close: async () => void (await Promise.all(all.map((client) => client.close()))) };
}

async function connectClient(
  transport: StdioClientTransport,
  watch: (transport: StdioClientTransport) => void,
): Promise<Client> {
  watch(transport);
  const client = new Client({ name: "demo", version: "1.0.0" });
  await client.connect(transport);
  return client;
}

function transportTo(name: keyof Clients, userId: keyof Users, dbPath: string): StdioClientTransport {
  return new StdioClientTransport({
    command: process.execPath,
    args: ["--import", import.meta.resolve("tsx"), MAIN, name],
    cwd: ROOT, // where tsx finds tsconfig.json
    env: { ...getDefaultEnvironment(), MCP_REFCACHE_DB_PATH: dbPath, USER_ID: userId },
    stderr: "pipe",
  });
}
