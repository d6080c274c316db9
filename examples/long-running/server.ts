import { RefCache, type TaskRunner } from "mcp-refcache";
import { settingsOrExit } from "./settings.js";
import { openBackend } from "./store.js";
import { createAnalyser } from "./tools.js";

const settings = settingsOrExit();
const { transport, port, workers, lease } = settings;
const cache = new RefCache({
  name: "analyser",
  backend: await openBackend(settings),
  tasks: { lease, runner: workers ? await openRunner() : undefined },
  maxSize: 300,
});
const server = createAnalyser(cache, settings);
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());

if (transport === "stdio") {
  process.stdin.once("end", () => void stop()); // its client is gone
  await server.start({ transportType: "stdio" });
} else {
  const httpStream = { host: "127.0.0.1", port, stateless: true, cors: false };
  await server.start({ transportType: "httpStream", httpStream });
  console.error(`analyser listens on http://127.0.0.1:${port}/mcp`);
}

/** All that it takes to let worker processes perform the tasks. */
async function openRunner(): Promise<TaskRunner> {
  const { BullMqRunner } = await import("mcp-refcache/bullmq");
  return new BullMqRunner();
}

/** An analysis that runs gets a moment to end; one that does not is left to another process. */
async function stop(): Promise<void> {
  await server.stop();
  await cache.close({ drain: "2s" });
  process.exit(0);
}
