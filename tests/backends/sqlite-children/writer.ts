import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import { entry, reference } from "../../helpers/entries.js";

/** Writes until it is killed, printing each reference once its write was acknowledged. Argument: path. */
const backend = new SqliteBackend(process.argv[2] ?? "");
for (let n = 0; ; n++) {
  await backend.set(reference(n), entry({ value: { n, text: "x".repeat(n % 20_000) } }));
  process.stdout.write(`${reference(n)}\n`);
}
