import type { Connection } from "./commands.js";
import { everyKeyUnder } from "./keys.js";

/** Keys looked at in one round trip. Some 2 ms of the server's time. */
const KEYS_PER_TURN = 500;

/** How often servers are scanned again because slots have moved meanwhile. */
const MOST_ROUNDS = 3;

/**
 * Yields every key under a prefix, in batches, each key once, from every server that takes writes. Keys that come or
 * go meanwhile may be among them. Where a cluster's slots move meanwhile, the servers are scanned again; a key of a
 * slot that is just being handed over may still be missed.
 * @throws {StoreError} when the store fails.
 */
export async function* scanKeys(connection: Connection, prefix: string): AsyncGenerator<string[]> {
  const seen = new Set<string>();
  let scanned: string | undefined;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const servers = await connection.servers();
    const placement = connection.placement();
    if (placement === scanned) return;
    scanned = placement;
    for (const server of servers) yield* scanServer(server, prefix, seen);
    if (servers.length === 1) return;
  }
}

async function* scanServer(server: Connection, prefix: string, seen: Set<string>): AsyncGenerator<string[]> {
  const pattern = everyKeyUnder(prefix);
  let cursor = "0";
  do {
    const reply = await server.call(["scan", cursor, "MATCH", pattern, "COUNT", KEYS_PER_TURN]);
    const [next, keys] = reply as [cursor: string, keys: string[]];
    // SCAN may give a key again while the server rehashes.
    const fresh = keys.filter((key) => !seen.has(key) && seen.add(key));
    if (fresh.length > 0) yield fresh;
    cursor = next;
  } while (cursor !== "0");
}
