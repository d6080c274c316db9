import { setTimeout as sleep } from "node:timers/promises";
import { RedisBackend, RefCache, SqliteBackend } from "./built.js";

/** What a server is told: to make equal calls with this argument. */
export interface Order {
  readonly n: number;
}

/** What it tells when all are answered. */
export interface Report {
  /** How often its own tool ran. */
  readonly runs: number;
}

/** One of several servers on a store. Arguments: location, calls an order, milliseconds of a run. */
const [location = "", calls = "", takes = ""] = process.argv.slice(2);
const backend = location.startsWith("redis:")
  ? new RedisBackend({ url: location })
  : new SqliteBackend(location);
const cache = new RefCache({ name: "bench", backend });
let runs = 0;
const tool = cache.cached("crowd", { name: "tool" })(async ({ n }: Order) => {
  runs++;
  await sleep(Number(takes));
  return n;
});

process.on("message", async (order: Order) => {
  runs = 0;
  await Promise.all(Array.from({ length: Number(calls) }, () => tool(order)));
  process.send?.({ runs } satisfies Report);
});
process.once("disconnect", () => process.exit());
await backend.exists("bench:00000000");
process.send?.("ready");
