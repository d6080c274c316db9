import { RefCache } from "mcp-refcache";
import { SqliteBackend } from "mcp-refcache/sqlite";
import { createAnalyst } from "./analyst.js";
import { storePayroll } from "./payroll.js";
import { oneUser, usersByToken } from "./users.js";
import { createVault } from "./vault.js";

const USAGE = `Usage: USER_ID=<user> main.ts vault|analyst
       TOKENS=<token>:<user>,… PORT=<port> main.ts vault|analyst`;

const [name] = process.argv.slice(2);
const { USER_ID, TOKENS, PORT } = process.env;
if ((name !== "vault" && name !== "analyst") || (!USER_ID && !(TOKENS && PORT))) {
  console.error(USAGE);
  process.exit(2);
}

const authenticate = USER_ID ? oneUser(USER_ID) : usersByToken(readTokens(TOKENS ?? ""));
const cache = new RefCache({ name, backend: new SqliteBackend() });
if (name === "vault") await storePayroll(cache);
const server = name === "vault" ? createVault(cache, authenticate) : createAnalyst(cache, authenticate);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());

if (USER_ID) {
  process.stdin.once("end", () => void stop()); // its client is gone
  await server.start({ transportType: "stdio" });
} else {
  const httpStream = { host: "127.0.0.1", port: Number(PORT), stateless: true, cors: false };
  await server.start({ transportType: "httpStream", httpStream });
  console.error(`${name} listens on http://127.0.0.1:${PORT}/mcp`);
}

function readTokens(text: string): Map<string, string> {
  return new Map(text.split(",").map((pair) => pair.split(":", 2) as [token: string, user: string]));
}

async function stop(): Promise<void> {
  await server.stop();
  await cache.close();
  process.exit(0);
}
