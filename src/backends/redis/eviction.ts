import type { Logger } from "../../logger.js";
import type { Connectable } from "./client.js";
import type { Connection } from "./commands.js";

/** The first calls go first. */
const LATER_MS = 100;

/** What each policy of eviction loses once `maxmemory` is reached; the others lose what can be done without. */
const LOSSES: Readonly<Record<string, string>> = {
  noeviction: "refuses every write (store_full) until entries expire or are cleared",
  "allkeys-lru": "evicts any key, also entries that shall never expire, and leases",
  "allkeys-lfu": "evicts any key, also entries that shall never expire, and leases",
  "allkeys-random": "evicts any key at random, also entries that shall never expire, and leases",
  "volatile-random": "evicts keys at random, leases among them",
  "volatile-ttl": "evicts first what expires first, which leases do",
};

/**
 * Looks at the servers' memory settings when the client is first connected, and warns once if they lose what they
 * should not. Where the user may not look, nothing is said. Gives the connection back.
 */
export function warnOfEviction<C extends Connection>(client: Connectable, connection: C, logger: Logger): C {
  const look = () => {
    client.off("ready", look);
    const looking = () =>
      warning(connection).then(
        (text) => text !== undefined && logger.warn(text),
        () => {},
      );
    setTimeout(() => void looking(), LATER_MS).unref();
  };
  if (client.status === "ready") look();
  else client.on("ready", look);
  return connection;
}

async function warning(connection: Connection): Promise<string | undefined> {
  for (const server of await connection.servers()) {
    const memory = String(await server.call(["info", "memory"]));
    const limit = Number(/^maxmemory:(\d+)/m.exec(memory)?.[1] ?? 0);
    const policy = /^maxmemory_policy:([\w-]+)/m.exec(memory)?.[1] ?? "";
    const loss = limit > 0 ? LOSSES[policy] : undefined;
    if (loss === undefined) continue;
    return `When its memory (maxmemory, ${limit} bytes) is full, the Redis store ${loss}: maxmemory-policy is ${policy}. volatile-lru is advised, see docs/production.md.`;
  }
  return undefined;
}
