import { availableParallelism } from "node:os";
import { accessContests } from "./access.js";
import { hitContests, rowContests } from "./cached.js";
import { localHitContests, redisHitContests } from "./caches.js";
import { compressionContests } from "./compression.js";
import { coordinationContests } from "./coordination.js";
import { fastmcpContests } from "./fastmcp.js";
import { footprintContests } from "./footprint.js";
import { invalidationContests } from "./invalidation.js";
import { largeContests, largeProcesses } from "./large.js";
import { type Effort, measure } from "./measure.js";
import { pageContests } from "./pages.js";
import { storeContests } from "./stores.js";
import { heading, headingOf, line, lineOf } from "./table.js";
import { taskContests } from "./tasks.js";
import { telemetryContests } from "./telemetry.js";

const isShort = process.argv.includes("--short");
const only = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
const effort: Effort = isShort
  ? { budget: 20, rounds: 2, warmUp: 1, mostCalls: 100 }
  : { budget: 2000, rounds: 9, warmUp: 10, mostCalls: 20_000 };

console.log(`Node ${process.version}, ${availableParallelism()} cores${isShort ? ", short run" : ""}\n`);
console.log(heading());
for (const contests of [
  storeContests,
  accessContests,
  taskContests,
  hitContests,
  rowContests,
  compressionContests,
  pageContests,
  telemetryContests,
  redisHitContests,
  localHitContests,
  footprintContests,
  largeContests,
  coordinationContests,
  invalidationContests,
  fastmcpContests,
]) {
  for await (const contest of contests(isShort)) {
    if (!`${contest.what}, ${contest.size}`.includes(only)) continue;
    console.log(line(contest, await measure(contest, effort)));
  }
}
if (only === "" || "stream".includes(only) || "held up".includes(only)) {
  console.log("");
  console.log(headingOf(["What", "Figures", "Bounds"]));
  for await (const cells of largeProcesses(isShort)) console.log(lineOf(cells));
}
