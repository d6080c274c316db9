// A worker process with the shared tools. Arguments: the URL, and milliseconds of lease and of locks.
import { TaskWorker } from "../../../src/bullmq/index.js";
import { sharedTools } from "./tools.js";

const [url = "", lease = "10000", lockDuration = "15000"] = process.argv.slice(2);
const { cache } = sharedTools(url, (text) => process.stdout.write(`${text}\n`), {
  tasks: { lease: Number(lease) },
});
const worker = new TaskWorker(cache, { url, lockDuration: Number(lockDuration), concurrency: 2 }).start();
process.once("SIGTERM", async () => {
  await worker.close({ drain: 500 });
  await cache.close();
  process.stdout.write("closed\n");
});
process.stdout.write("started\n");
