import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SERVER = fileURLToPath(new URL("server.ts", import.meta.url));

/** A client of an analyser that runs as a process of its own, over stdio. */
export interface Connected {
  readonly client: Client;
  /** Ends the server as a crash would. */
  kill(): Promise<void>;
}

/**
 * Starts a server and connects a client; the server ends when its client closes.
 * @param args see `settings.ts`.
 * @param env where the store is.
 */
export async function connectAnalyser(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Connected> {
  const client = new Client({ name: "demo", version: "1.0.0" });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ["--import", import.meta.resolve("tsx"), SERVER, ...args],
    cwd: ROOT, // where tsx finds tsconfig.json
    env: { ...getDefaultEnvironment(), ...env },
  });
  await client.connect(transport);
  const kill = async () => {
    const { pid } = transport;
    const gone = new Promise<void>((resolve) => {
      client.onclose = resolve;
    });
    if (pid === null) return;
    process.kill(pid, "SIGKILL");
    await gone;
  };
  return { client, kill };
}
