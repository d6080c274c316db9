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
    return address === undefined ? undefined : this.at(address);
  }

  /** The server at an address, `host:port`, if it is known to be one of the cluster's. */
  at(address: string): ServerConnection | undefined {
    const node = this.#client.nodes("all").find((each) => addressOf(each) === address);
    return node && this.#serverOf(node);
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
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
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
