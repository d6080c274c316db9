import { setTimeout as sleep } from "node:timers/promises";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { RefCache } from "../../src/index.js";

/**
 * A server that calls its tool again and again, and prints each run. Arguments: `sqlite` or `redis`, path or URL.
 */
const [kind, where = ""] = process.argv.slice(2);
const backend = kind === "redis" ? new RedisBackend({ url: where }) : new SqliteBackend(where);
const cache = new RefCache({ name: "numbers", backend });
let runs = 0;
const load = cache.cached("numbers", { name: "load", tags: ({ id }: { id: number }) => [`number:${id}`] })(
  async ({ id }: { id: number }) => {
    process.stdout.write(`run ${++runs} of ${id}\n`);
    return `${process.pid}: ${runs}`;
  },
);
for (;;) {
  for (const id of [1, 2]) await load({ id });
  await sleep(10);
}
