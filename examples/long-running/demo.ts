import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectAnalyser } from "./connect.js";
import { explanation, printStep, printTitle } from "./print.js";
import { walk } from "./walk.js";

/** Of the real lengths of time; another may be given. */
const pace = Number(process.argv[2] ?? 0.3);

const folder = mkdtempSync(join(tmpdir(), "refcache-demo-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
process.once("SIGINT", () => process.exit(130));
process.stdout.once("error", () => process.exit(1)); // nobody reads on, as with `| head`

const env = { MCP_REFCACHE_DB_PATH: join(folder, "cache.db") };
const args = ["--pace", `${pace}`, "--lease", "1000", "--flaky"];
const [first, second] = await Promise.all([connectAnalyser(args, env), connectAnalyser(args, env)]);
try {
  printTitle(
    "Tools that take minutes: two servers on one SQLite file, each runs its own tasks",
    explanation(pace),
  );
  const site = { first: first.client, second: second.client, pause: 1000, strike: first.kill };
  for await (const step of walk({ ...site, mishap: "the first server is killed" })) printStep(step);
} finally {
  await Promise.all([first.client.close(), second.client.close()]);
}
