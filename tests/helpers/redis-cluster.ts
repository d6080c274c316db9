import { ask, eventually } from "./redis-sentinels.js";
import { freePort, type RedisServer, type RedisServerOptions, startRedis } from "./redis-server.js";

const SLOTS = 16_384;
/** How long a server may be silent until it counts as down. */
const NODE_TIMEOUT_MS = 600;

/** Three primaries with a replica each, of a test's own. */
export class ClusterTopology {
  constructor(
    readonly servers: RedisServer[],
    readonly options: RedisServerOptions,
  ) {}

  /** Where a backend finds it. */
  get url(): string {
    return `redis+cluster://${this.servers.map(({ host, port }) => `${host}:${port}`).join(",")}`;
  }

  /** Some of the servers, as options take them. */
  get nodes(): { host: string; port: number }[] {
    return this.servers.slice(0, 2).map(({ host, port }) => ({ host, port }));
  }

  /** Who is who, as a server that answers sees it. */
  async view(): Promise<ClusterNode[]> {
    for (const server of this.servers) {
      const text = await ask(server, "cluster", "nodes").catch(() => undefined);
      if (typeof text === "string") return text.trim().split("\n").map(nodeOf);
    }
    throw new Error("no server answers");
  }

  /** The servers that are primaries and hold slots. */
  async primaries(): Promise<RedisServer[]> {
    const ports = (await this.view()).filter((node) => node.isPrimary && node.isUp && node.slots.length > 0);
    return this.servers.filter(({ port }) => ports.some((node) => node.port === port));
  }

  /** The primary that holds a slot. */
  async primaryOf(slot: number): Promise<RedisServer> {
    const holder = (await this.view()).find(
      (node) => node.isPrimary && node.isUp && node.slots.some(([from, to]) => slot >= from && slot <= to),
    );
    return this.#at(holder?.port);
  }

  /** All slots that a primary holds. */
  async slotsOf({ port }: RedisServer): Promise<number[]> {
    const ranges = (await this.view()).find((node) => node.port === port)?.slots ?? [];
    return ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, n) => from + n));
  }

  /** A replica of a server. */
  async replicaOf(primary: RedisServer): Promise<RedisServer> {
    const view = await this.view();
    const id = view.find(({ port }) => port === primary.port)?.id;
    return this.#at(view.find((node) => node.primary === id && node.isUp)?.port);
  }

  /** Waits until a server is a primary that the others know of. */
  async promoted(server: RedisServer): Promise<void> {
    await eventually(`${server.port} to be a primary`, async () => {
      const primaries = await this.primaries();
      if (!primaries.includes(server)) throw new Error("not yet");
      if (!String(await ask(server, "cluster", "info")).includes("cluster_state:ok")) throw new Error("down");
    });
  }

  /** Waits until every server is up, knows the others, and every primary has a replica that follows it. */
  async settled(): Promise<void> {
    await eventually("the cluster", async () => {
      for (const server of this.servers) {
        const text = String(await ask(server, "cluster", "nodes"));
        const nodes = text.trim().split("\n").map(nodeOf);
        const up = nodes.filter((node) => node.isUp);
        if (up.length !== this.servers.length) throw new Error(`${server.port} does not see all`);
        if (!String(await ask(server, "cluster", "info")).includes("cluster_state:ok"))
          throw new Error("down");
        const role = (await ask(server, "role")) as [string, unknown, unknown, string?];
        if (role[0] === "slave" && role[3] !== "connected") throw new Error("a replica is not connected");
        if (nodes.filter((node) => node.slots.length > 0).length !== 3)
          throw new Error("not three primaries");
      }
    });
  }

  /** Moves slots with all their keys, one by one, while everything is in use. */
  async move(slots: readonly number[], target: RedisServer): Promise<void> {
    for (const slot of slots) await (await this.beginMove(slot, target))();
  }

  /** Begins to hand a slot over; gives what moves the keys and ends it. */
  async beginMove(slot: number, target: RedisServer): Promise<() => Promise<void>> {
    const source = await this.primaryOf(slot);
    if (source === target) return async () => {};
    const ids = new Map((await this.view()).map(({ port, id }) => [port, id]));
    const [from = "", to = ""] = [ids.get(source.port), ids.get(target.port)];
    await ask(target, "cluster", "setslot", slot, "importing", from);
    await ask(source, "cluster", "setslot", slot, "migrating", to);
    return async () => {
      await this.#moveKeys(slot, source, target);
      for (const server of [target, source]) await ask(server, "cluster", "setslot", slot, "node", to);
    };
  }

  /** Adds a primary that holds no slots; gives it once all know it. */
  async join(): Promise<RedisServer> {
    const [first] = this.servers;
    const newcomer = await startMember(this.options);
    if (first !== undefined) await meet(newcomer, first);
    this.servers.push(newcomer);
    await eventually("the newcomer", async () => {
      const state = String(await ask(newcomer, "cluster", "info"));
      if (!state.includes("cluster_state:ok")) throw new Error("it does not know the cluster yet");
      for (const server of this.servers) {
        const nodes = String(await ask(server, "cluster", "nodes"))
          .trim()
          .split("\n")
          .map(nodeOf);
        if (nodes.filter((node) => node.isUp).length !== this.servers.length)
          throw new Error("not all know it");
      }
    });
    return newcomer;
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }

  async #moveKeys(slot: number, source: RedisServer, { host, port }: RedisServer): Promise<void> {
    for (;;) {
      const keys = (await ask(source, "cluster", "getkeysinslot", slot, 20)) as string[];
      if (keys.length === 0) return;
      await ask(source, "migrate", host, port, "", 0, 2000, "replace", "keys", ...keys);
    }
  }

  #at(port: number | undefined): RedisServer {
    const server = this.servers.find((each) => each.port === port);
    if (server === undefined) throw new Error("there is no such server now");
    return server;
  }
}

/** A line of CLUSTER NODES. */
interface ClusterNode {
  id: string;
  port: number;
  isPrimary: boolean;
  isUp: boolean;
  /** The id of its primary, if it has one. */
  primary: string;
  slots: [from: number, to: number][];
}

/** Starts 3 primaries and 3 replicas, and waits until they know each other. */
export async function startCluster(options: RedisServerOptions = {}): Promise<ClusterTopology> {
  const servers = await Promise.all(Array.from({ length: 6 }, () => startMember(options)));
  const [first] = servers;
  for (const [n, server] of servers.entries()) {
    await ask(server, "cluster", "set-config-epoch", n + 1);
    if (n < 3) await ask(server, "cluster", "addslotsrange", borderOf(n), borderOf(n + 1) - 1);
    if (first !== undefined && n > 0) await meet(server, first);
  }
  for (const [n, replica] of servers.slice(3).entries()) {
    const id = await ask(servers[n], "cluster", "myid");
    await eventually("the primary to be known", () => ask(replica, "cluster", "replicate", String(id)));
  }
  const topology = new ClusterTopology(servers, options);
  await topology.settled();
  return topology;
}

async function startMember(options: RedisServerOptions): Promise<RedisServer> {
  const config = [
    ["cluster-enabled", "yes"],
    ["cluster-port", `${await freePort()}`],
    ["cluster-node-timeout", `${NODE_TIMEOUT_MS}`],
    ["cluster-replica-validity-factor", "0"],
    ["repl-diskless-sync-delay", "0"],
    ["repl-ping-replica-period", "1"],
    ...(options.tls ? [["tls-cluster", "yes"]] : []),
  ];
  return startRedis({ ...options, config: [...config, ...(options.config ?? [])] });
}

async function meet(server: RedisServer, known: RedisServer): Promise<void> {
  const bus = ((await ask(known, "config", "get", "cluster-port")) as string[])[1] ?? "";
  await ask(server, "cluster", "meet", known.host, known.port, bus);
}

function borderOf(n: number): number {
  return Math.ceil((SLOTS * n) / 3);
}

function nodeOf(line: string): ClusterNode {
  const [id = "", address = "", flags = "", primary = "", , , , link, ...slots] = line.split(" ");
  const isDown = /fail|handshake|noaddr/.test(flags) || (link !== "connected" && !flags.includes("myself"));
  return {
    id,
    port: Number(/:(\d+)@/.exec(address)?.[1]),
    isPrimary: flags.includes("master"),
    isUp: !isDown,
    primary,
    slots: slots.filter((range) => /^\d/.test(range)).map(rangeOf),
  };
}

function rangeOf(text: string): [from: number, to: number] {
  const [from = "", to = from] = text.split("-");
  return [Number(from), Number(to)];
}
