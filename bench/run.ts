import { availableParallelism } from "node:os";
import { accessContests } from "./access.js";
import { hitContests, rowContests } from "./cached.js";
import { coordinationContests } from "./coordination.js";
import { fastmcpContests } from "./fastmcp.js";
import { largeContests, largeProcesses } from "./large.js";
import { type Contest, type Effort, type Figures, measure } from "./measure.js";
import { storeContests } from "./stores.js";

const isShort = process.argv.includes("--short");
const only = process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "";
const effort: Effort = isShort ? { budget: 20, rounds: 2 } : { budget: 2000, rounds: 9 };

const HEADINGS = ["What", "Value", "Against", "Ours", "Ceiling", "Ratio", "Middle half", "Aim", "Met"];

function printRow(cells: readonly string[]): void {
  console.log(`| ${cells.join(" | ")} |`);
}

function describe(contest: Contest, figures: Figures): string[] {
  const { what, size, against, asThroughput } = contest;
  const show = asThroughput ? callsPerSecond : duration;
  const ratio = asThroughput ? 1 / figures.ratio : figures.ratio;
  const [low, high] = figures.quartiles;
  const half = asThroughput ? [1 / high, 1 / low] : [low, high];
  return [
    what,
    size,
    against,
    show(figures.ours),
    show(figures.ceiling),
    formatRatio(ratio, contest),
    half.map((end) => formatRatio(end, contest)).join(" – "),
    ...describeAim(contest, figures, ratio),
  ];
}

function describeAim(
  contest: Contest,
  { ours, ceiling }: Figures,
  ratio: number,
): [aim: string, met: string] {
  const { aim, aimExtra, asThroughput } = contest;
  if (aimExtra !== undefined) {
    const extra = (ours - ceiling) * 1000;
    return [
      `+${aimExtra} µs`,
      `${extra <= aimExtra ? "yes" : "no"}, ${extra < 0 ? "" : "+"}${extra.toFixed(1)} µs`,
    ];
  }
  if (aim === undefined) return ["", ""];
  return [formatRatio(aim, contest), (asThroughput ? ratio >= aim : ratio <= aim) ? "yes" : "no"];
}

function formatRatio(ratio: number, { asThroughput }: Contest): string {
  return asThroughput ? `${Math.round(ratio * 100)} %` : `${ratio.toFixed(2)}×`;
}

function callsPerSecond(milliseconds: number): string {
  return `${Math.round(1000 / milliseconds)} calls/s`;
}

function duration(milliseconds: number): string {
  return milliseconds < 1
    ? `${(milliseconds * 1000).toPrecision(3)} µs`
    : `${milliseconds.toPrecision(3)} ms`;
}

console.log(`Node ${process.version}, ${availableParallelism()} cores${isShort ? ", short run" : ""}\n`);
printRow(HEADINGS);
printRow(HEADINGS.map(() => "---"));
for (const contests of [
  storeContests,
  accessContests,
  hitContests,
  rowContests,
  largeContests,
  coordinationContests,
  fastmcpContests,
]) {
  for await (const contest of contests(isShort)) {
    if (!`${contest.what}, ${contest.size}`.includes(only)) continue;
    printRow(describe(contest, await measure(contest, effort)));
  }
}
if (only === "" || "stream".includes(only) || "held up".includes(only)) {
  console.log("");
  printRow(["What", "Figures", "Bounds"]);
  printRow(["---", "---", "---"]);
  for await (const cells of largeProcesses(isShort)) printRow(cells);
}
