import { RefCache } from "mcp-refcache";
import { TaskWorker } from "mcp-refcache/bullmq";
import { RedisBackend } from "mcp-refcache/redis";
import { settingsOrExit } from "./settings.js";
import { createAnalyser } from "./tools.js";

const settings = settingsOrExit();
const { lease } = settings;
const cache = new RefCache({ name: "analyser", backend: new RedisBackend(), tasks: { lease }, maxSize: 300 });
createAnalyser(cache, settings); // its tools are known to the cache from now on
const worker = new TaskWorker(cache, { lockDuration: 1.5 * lease }).start();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
console.error("a worker has started");

async function stop(): Promise<void> {
  await worker.close({ drain: 2000 });
  await cache.close();
  process.exit(0);
}
