import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { type RedisServer, type RedisServerOptions, startRedis } from "./redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

const NAME = "cache";
/** How long a primary may be silent until it counts as down. */
const DOWN_AFTER_MS = 1000;

/** A primary, two replicas and three sentinels of a test's own. */
export class SentinelTopology {
  constructor(
    readonly stores: readonly RedisServer[],
    readonly sentinels: readonly RedisServer[],
  ) {}

  /** Where a backend finds it. */
  get url(): string {
    const scheme = this.stores.some(({ options }) => options.tls) ? "rediss" : "redis";
    return `${scheme}+sentinel://${this.sentinels.map(({ host, port }) => `${host}:${port}`).join(",")}/${NAME}`;
  }

  /** The server that most sentinels call the primary. */
  async primary(): Promise<RedisServer> {
    const ports = await Promise.all(this.sentinels.map((sentinel) => primaryPort(sentinel)));
    const [port] = ports.filter((each) => ports.filter((other) => other === each).length > 1);
    const found = this.stores.find((store) => store.port === port);
    if (found === undefined) throw new Error(`The sentinels do not agree: ${ports}`);
    return found;
  }

  /** Waits until another one is the primary, and says so itself; tells which. */
  async newPrimary(old: RedisServer): Promise<RedisServer> {
    return eventually("another primary", async () => {
      const primary = await this.primary();
      if (primary === old) throw new Error("still the old one");
      return primary;
    });
  }

  /** Hands the role over in good order. */
  async failOver(): Promise<void> {
    await eventually("a replica to promote", () => ask(this.sentinels[0], "sentinel", "failover", NAME));
  }

  /** Makes a former primary a replica at once, as the sentinels do some ten seconds after its return. */
  async follow(former: RedisServer): Promise<void> {
    const { host, port } = await this.primary();
    await eventually("the former primary", () => ask(former, "replicaof", host, port));
  }

  /** Waits until the primary has replicas and all sentinels, and those that were down are back. */
  async settled(): Promise<void> {
    await eventually("the replicas", async () => {
      const primary = await this.primary();
      const others = this.stores.filter((store) => store !== primary);
      const role = (await ask(primary, "role")) as [string, number, unknown[]];
      if (role[0] !== "master" || role[2].length !== others.length) throw new Error("not all are there");
      for (const replica of others) {
        const [, , port, state] = (await ask(replica, "role")) as [string, string, number, string];
        if (port !== primary.port || state !== "connected")
          throw new Error(`${replica.port} is not connected`);
      }
      for (const sentinel of this.sentinels) await seesAll(sentinel);
    });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.sentinels, ...this.stores].map((server) => server.stop()));
  }
}

/** Starts 1 primary, 2 replicas and 3 sentinels, and waits until they know each other. */
export async function startSentinels(options: RedisServerOptions = {}): Promise<SentinelTopology> {
  const config = [
    ["repl-diskless-sync-delay", "0"],
    ["repl-ping-replica-period", "1"],
    ...(options.config ?? []),
  ];
  const primary = await startRedis({ ...options, config });
  const following = [...config, ["replicaof", primary.host, `${primary.port}`]];
  const replicas = await Promise.all([1, 2].map(() => startRedis({ ...options, config: following })));
  const watching = [
    ["sentinel", "monitor", NAME, primary.host, `${primary.port}`, "2"],
    ["sentinel", "down-after-milliseconds", NAME, `${DOWN_AFTER_MS}`],
    ["sentinel", "failover-timeout", NAME, "3000"],
    ["sentinel", "parallel-syncs", NAME, "2"],
  ];
  const tls = options.tls ? { tls: options.tls } : {};
  const sentinels = await Promise.all(
    [1, 2, 3].map(() => startRedis({ ...tls, sentinel: true, config: watching })),
  );
  const topology = new SentinelTopology([primary, ...replicas], sentinels);
  await topology.settled();
  return topology;
}

async function primaryPort(sentinel: RedisServer): Promise<number> {
  return Number(((await ask(sentinel, "sentinel", "get-master-addr-by-name", NAME)) as string[])[1]);
}

async function seesAll(sentinel: RedisServer): Promise<void> {
  const facts = (await ask(sentinel, "sentinel", "master", NAME)) as string[];
  const known = (name: string) => facts[facts.indexOf(name) + 1];
  if (known("num-slaves") !== "2" || known("num-other-sentinels") !== "2" || known("flags") !== "master") {
    throw new Error(`sentinel ${sentinel.port} does not see all`);
  }
}

/** Sends one command to a server, on a connection of its own. */
export async function ask(
  server: RedisServer | undefined,
  ...command: (string | number)[]
): Promise<unknown> {
  if (server === undefined) throw new Error("no such server");
  const client = new Redis({
    port: server.port,
    host: server.host,
    lazyConnect: true,
    retryStrategy: () => null,
    enableReadyCheck: false,
    commandTimeout: 1000,
    connectTimeout: 1000,
    ...(server.options.tls ? { tls: { ca: readFileSync(server.options.tls.ca) } } : {}),
  });
  client.on("error", () => {});
  try {
    const [name = "", ...args] = command;
    return await client.call(String(name), ...args);
  } finally {
    client.disconnect();
  }
}

/** Tries until it works. */
export async function eventually<T>(what: string, attempt: () => Promise<T>, deadline = 30_000): Promise<T> {
  const start = performance.now();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() - start > deadline) {
        throw new Error(`Waited ${deadline} ms for ${what}`, { cause: error });
      }
      await sleep(30);
    }
  }
}
