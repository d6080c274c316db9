import type { FastMCP } from "fastmcp";
import { type CacheBackend, RefCache } from "mcp-refcache";
import { anybodyFrom } from "./access.js";
import { createAnalyst } from "./analyst.js";
import { createCalculator } from "./calculator.js";
import { readSettings, type Settings } from "./settings.js";

const SERVERS = { calculator: createCalculator, analyst: createAnalyst };

const settings = settingsOrExit();
const cache = new RefCache({
  name: settings.server,
  backend: await openBackend(settings),
  maxSize: 300, // a glimpse is enough where the values are numbers
});
const server = SERVERS[settings.server](cache, anybodyFrom(settings.allowedHosts));
stopOn("SIGTERM", "SIGINT");
await start(server, settings);

function settingsOrExit(): Settings {
  try {
    return readSettings(process.argv.slice(2), process.env);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

/** Each backend has its driver, so only the one in use is loaded. */
async function openBackend({ backend }: Settings): Promise<CacheBackend> {
  if (backend === "redis") {
    const { RedisBackend } = await import("mcp-refcache/redis");
    return new RedisBackend();
  }
  const { SqliteBackend } = await import("mcp-refcache/sqlite");
  return new SqliteBackend();
}

async function start(
  server: FastMCP<Record<string, unknown>>,
  { transport, host, port }: Settings,
): Promise<void> {
  if (transport === "stdio") {
    process.stdin.once("end", () => void stop()); // its client is gone
    return server.start({ transportType: "stdio" });
  }
  // Without CORS headers, no web page gets to read an answer.
  await server.start({
    transportType: "httpStream",
    httpStream: { host, port, stateless: true, cors: false },
  });
  console.error(`${settings.server} listens on http://${host}:${port}/mcp`);
}

function stopOn(...signals: NodeJS.Signals[]): void {
  for (const signal of signals) process.once(signal, () => void stop());
}

/** Over HTTP, calls under way get a moment to finish; then the store is let go of. */
async function stop(): Promise<void> {
  await server.stop();
  await cache.close();
  process.exit(0);
}
