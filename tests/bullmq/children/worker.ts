// A worker whose tasks never end: it says which it has begun. Arguments: the URL, and how long its locks hold.
import { TaskWorker } from "../../../src/bullmq/index.js";
import { stderrLogger } from "../../../src/logger.js";

const [url = "", lockDuration = "15000"] = process.argv.slice(2);
const performer = {
  logger: stderrLogger,
  performTask: (refId: string) => {
    process.stdout.write(`begun ${refId}\n`);
    return new Promise<never>(() => {});
  },
};
new TaskWorker(performer, { url, lockDuration: Number(lockDuration), concurrency: 2 }).start();
