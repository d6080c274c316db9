import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import { entry, reference } from "../../helpers/entries.js";

/**
 * Reads and writes as a user whom file rights bind, which root is not. Arguments: paths.
 * Prints for each what came of the write and of the read.
 */
const backends = process.argv.slice(2).map((path) => new SqliteBackend(path));
// better-sqlite3 loads its binary at the first opening, while this user may still read it.
const warmUp = new SqliteBackend(":memory:");
await warmUp.exists(reference(0));
if (process.getuid?.() === 0) {
  process.setgid?.(65534);
  process.setuid?.(65534);
}
const results = [];
for (const backend of backends) {
  results.push({
    write: await outcome(backend.set(reference(2), entry())),
    read: await outcome(backend.get(reference(1))),
  });
}
process.stdout.write(JSON.stringify(results));

async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    return (await call) === undefined ? "nothing" : "something";
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}
