import type { RedisClient, RedisClusterClient } from "./client.js";
import { type ConnectionOptions, ServerConnection } from "./connection.js";
import { withDeadline } from "./deadline.js";

/** The table of slots is not asked for more often than this. */
const LEAST_INTERVAL_MS = 100;

/** Who holds which slot of a cluster, as ioredis has last heard it, and the connections to the servers. */
export class Topology {
  readonly #client: RedisClusterClient;
  readonly #options: Omit<ConnectionOptions, "where">;
  readonly #servers = new Map<RedisClient, ServerConnection>();
  /** Servers that hold no slot yet, and are about to be given one. */
  readonly #newcomers = new Map<string, ServerConnection>();
  readonly #forget = (node: unknown) => void this.#servers.delete(node as RedisClient);
  #refreshing: Promise<void> | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;

  constructor(client: RedisClusterClient, options: Omit<ConnectionOptions, "where">) {
    this.#client = client;
    this.#options = { ...options, revive: false };
    client.on("-node", this.#forget);
  }

  /** The primary of a slot; of any, where there is no slot. */
  primaryOf(slot: number | undefined): ServerConnection | undefined {
    if (slot === undefined) return this.primaries()[0];
    const address = this.#client.slots[slot]?.[0];
    const node = this.#client.nodes("all").find((each) => addressOf(each) === address);
    return node && this.#serverOf(node);
  }

  /** The server at an address, `host:port`, that a server of the cluster has named. */
  at(address: string): ServerConnection | undefined {
    const node = this.#client.nodes("all").find((each) => addressOf(each) === address);
    if (node === undefined) return this.#newcomer(address);
    void this.#newcomers.get(address)?.close();
    this.#newcomers.delete(address);
    return this.#serverOf(node);
  }

  /** Every server that holds slots and takes writes. */
  primaries(): ServerConnection[] {
    return this.#client.nodes("master").map((node) => this.#serverOf(node));
  }

  /** Which server holds which slots, in a text that changes with it. */
  placement(): string {
    const primaries = Array.from(this.#client.slots, (nodes) => nodes?.[0] ?? "");
    const borders = primaries.flatMap((node, slot) =>
      node === primaries[slot - 1] ? [] : [`${slot}=${node}`],
    );
    return borders.join(" ");
  }

  /** Asks the servers who holds which slot, unless that was just done. Settles within the time given. */
  refresh(budget: number, leastInterval = LEAST_INTERVAL_MS): Promise<void> {
    if (this.#refreshing === undefined && performance.now() - this.#refreshedAt < leastInterval) {
      return Promise.resolve();
    }
    this.#refreshing ??= this.#ask().finally(() => {
      this.#refreshing = undefined;
      this.#refreshedAt = performance.now();
    });
    return withDeadline(this.#refreshing, budget).catch(() => {});
  }

  /** Closes the connections to the servers. */
  async close(): Promise<void> {
    this.#client.off("-node", this.#forget);
    const servers = [...this.#servers.values(), ...this.#newcomers.values()];
    await Promise.all(servers.map((server) => server.close()));
  }

  #ask(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.refreshSlotsCache((error) => {
        // Where none of those that are known answers, the given ones may: ioredis begins anew with them.
        const isLost = error?.message === "Failed to refresh slots cache." && this.#client.status === "ready";
        if (isLost && this.#options.owned) this.#client.disconnect(true);
        resolve();
      });
    });
  }

  /** ioredis has no client for a server without slots; one is made as those that it has. */
  #newcomer(address: string): ServerConnection | undefined {
    const known = this.#newcomers.get(address);
    const colon = address.lastIndexOf(":");
    const place = { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
    const client =
      known ?? this.#client.nodes("all")[0]?.duplicate?.({ ...place, enableOfflineQueue: false });
    if (client === undefined || client instanceof ServerConnection) return client;
    const options = { ...this.#options, owned: true, revive: true, where: address };
    const server = new ServerConnection(client, options);
    this.#newcomers.set(address, server);
    return server;
  }

  #serverOf(node: RedisClient): ServerConnection {
    const known = this.#servers.get(node);
    if (known !== undefined) return known;
    const server = new ServerConnection(node, { ...this.#options, where: addressOf(node) });
    this.#servers.set(node, server);
    return server;
  }
}

function addressOf({ options }: RedisClient): string {
  return `${options?.host}:${options?.port}`;
}
