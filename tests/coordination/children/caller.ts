import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisBackend } from "../../../src/backends/redis/index.js";
import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import { type CachedOptions, RefCache } from "../../../src/index.js";

/** What a process is to do. */
export interface Orders {
  readonly store: { readonly sqlite: string } | { readonly redis: string };
  /** The file to which each run adds a line: `value pid`. */
  readonly runs: string;
  /** The file whose coming starts the calls. */
  readonly go: string;
  readonly calls: number;
  /** Milliseconds that a run takes. */
  readonly takes: number;
  /** What a run returns. */
  readonly value: string;
  readonly options: Pick<CachedOptions, "coordination">;
}

/** What it has seen: each reference and each value once. */
export interface Report {
  readonly refs: unknown[];
  readonly values: unknown[];
  /** Milliseconds from the first call to the last answer. */
  readonly took: number;
}

/** Makes equal calls at once, beside other processes that make the same. Argument: orders. Prints a report. */
const orders = JSON.parse(process.argv[2] ?? "") as Orders;
const { store, runs, go, calls, takes, value, options } = orders;
const backend = "sqlite" in store ? new SqliteBackend(store.sqlite) : new RedisBackend({ url: store.redis });
const cache = new RefCache({ name: "shared", backend });
const tool = cache.cached("runs", { name: "tool", ...options })(async (_args: { id: number }) => {
  appendFileSync(runs, `${value} ${process.pid}\n`);
  await sleep(takes);
  return value;
});

await backend.exists("shared:00000000");
process.stderr.write("ready");
while (!existsSync(go)) await sleep(5);
const start = performance.now();
const answers = await Promise.all(Array.from({ length: calls }, () => tool({ id: 1 })));
const took = performance.now() - start;
await cache.close();
const report: Report = {
  refs: [...new Set(answers.map(({ ref_id }) => ref_id))],
  values: [...new Set(answers.map((answer) => answer.value))],
  took,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
