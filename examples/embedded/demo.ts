import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectServers } from "./connect.js";
import { printIntroduction, printStep, printTotals } from "./print.js";
import { addUp } from "./totals.js";
import { type Step, walk } from "./walk.js";

const folder = await mkdtemp(join(tmpdir(), "refcache-demo-"));
const dbPath = join(folder, "cache.db");
try {
  const clients = await connectServers(dbPath);
  try {
    printIntroduction(dbPath);
    const steps: Step[] = [];
    for await (const step of walk(clients)) {
      steps.push(step);
      printStep(step, steps.length);
    }
    printTotals(addUp(steps));
  } finally {
    await clients.close();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
