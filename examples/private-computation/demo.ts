import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import colors from "picocolors";
import { connectUsers } from "./connect.js";
import { SALARIES } from "./payroll.js";
import { type Step, walk } from "./walk.js";

const folder = mkdtempSync(join(tmpdir(), "refcache-demo-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
process.once("SIGINT", () => process.exit(130));
process.stdout.once("error", () => process.exit(1)); // nobody reads on, as with `| head`

const printed: string[] = [];
const users = await connectUsers(join(folder, "cache.db"), ({ stderr }) => {
  stderr?.on("data", (log) => print(colors.dim(`   the server's log: ${String(log).trim()}`)));
});
try {
  print(colors.bold("\nSalaries that tools may use and nobody but alice may see"));
  for await (const step of walk(users)) print(`\n${callOf(step)}\n   ${step.text}`);
} finally {
  await users.close();
}
checkPrinted(printed.join("\n"));

function print(text: string): void {
  printed.push(text);
  console.log(text);
}

function callOf({ user, server, call, args }: Step): string {
  return `${colors.cyan(`${user} › ${server}`)} › ${call}(${JSON.stringify(args)})`;
}

function checkPrinted(text: string): void {
  const seen = SALARIES.filter((salary) => text.includes(String(salary)));
  process.exitCode = seen.length === 0 ? 0 : 1;
  console.log(
    `\n${colors.bold(`${seen.length} of ${SALARIES.length} salaries were printed above.`)} Their mean was.\n`,
  );
}
