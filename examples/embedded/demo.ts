import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectServers } from "./connect.js";
import { printIntroduction, printStep, printTotals } from "./print.js";
import { addUp } from "./totals.js";
import { type Step, walk } from "./walk.js";

const folder = mkdtempSync(join(tmpdir(), "refcache-demo-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
process.once("SIGINT", () => process.exit(130));
process.stdout.once("error", () => process.exit(1)); // nobody reads on, as with `| head`

const dbPath = join(folder, "cache.db");
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
