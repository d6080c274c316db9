import type { Connection } from "./connection.js";
import { everyKeyUnder } from "./keys.js";

/** Keys looked at in one round trip. Some 2 ms of the server's time. */
const KEYS_PER_TURN = 500;

/**
 * Yields every key under a prefix, in batches, each key once. Keys that come or go meanwhile may be among them.
 * @throws {StoreError} when the store fails.
 */
export async function* scanKeys(connection: Connection, prefix: string): AsyncGenerator<string[]> {
  const pattern = everyKeyUnder(prefix);
  const seen = new Set<string>();
  let cursor = "0";
  do {
    const reply = await connection.run((client) =>
      client.call("scan", cursor, "MATCH", pattern, "COUNT", KEYS_PER_TURN),
    );
    const [next, keys] = reply as [cursor: string, keys: string[]];
    // SCAN may give a key again while the server rehashes.
    const fresh = keys.filter((key) => !seen.has(key) && seen.add(key));
    if (fresh.length > 0) yield fresh;
    cursor = next;
  } while (cursor !== "0");
}
