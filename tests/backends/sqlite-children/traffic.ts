import { SqliteBackend } from "../../../src/backends/sqlite/index.js";
import { entry } from "../../helpers/entries.js";
import { longestTurn } from "../../helpers/turns.js";

/**
 * Writes, reads, lists and deletes beside other processes doing the same, many calls at once.
 * Arguments: path, a name of its own, rounds. Prints errors, what is missing, and the longest stall in ms of CPU time.
 */
const [path = "", name = "", rounds = "1"] = process.argv.slice(2);
const backend = new SqliteBackend(path);
const errors: string[] = [];
let missing = 0;

const stall = await longestTurn(async () => {
  for (let round = 0; round < Number(rounds); round++) {
    await Promise.all(
      [0, 1, 2, 3].map((n) => visit(`${name}:${(round * 4 + n).toString(16).padStart(32, "0")}`, round)),
    );
  }
});
await backend.close();
process.stdout.write(JSON.stringify({ errors, missing, stall }));

async function visit(refId: string, round: number): Promise<void> {
  try {
    await backend.setLinked(refId, entry({ namespace: name, value: "x".repeat(5000) }), `link to ${refId}`);
    if ((await backend.get(refId)) === undefined) missing++;
    if (round % 10 === 0) for await (const _ of backend.heads(name));
    if (round % 2 === 0 && !(await backend.delete(refId))) missing++;
  } catch (error) {
    errors.push(String(error));
  }
}
