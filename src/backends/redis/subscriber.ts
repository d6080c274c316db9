import type { RedisClient } from "./client.js";

/** What is used of the ioredis client that listens. */
export interface SubscriberClient {
  connect(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  ping(): Promise<unknown>;
  disconnect(): void;
  on(event: "message", listener: (channel: string, text: string) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/** What a client that was given may have, or not. */
interface DuplicableClient {
  readonly isCluster?: boolean;
  nodes?(role: "master"): DuplicableClient[];
  duplicate?(options: Record<string, unknown>): SubscriberClient;
}

/**
 * A connection that tries once, and is then thrown away: only so is it known when messages may have been missed, and
 * is a primary or a node of a cluster found anew.
 */
const ONE_ATTEMPT = {
  lazyConnect: true,
  retryStrategy: null,
  sentinelRetryStrategy: null,
  autoResubscribe: false,
  enableOfflineQueue: false,
  enableReadyCheck: false,
};

/**
 * A client for a subscription to the servers that a client talks to; in a cluster, where each node hears what is
 * published on any, to one of them. `undefined` while no node is known, and for a client that cannot be duplicated.
 */
export function makeSubscriber(client: RedisClient): SubscriberClient | undefined {
  const given = client as DuplicableClient;
  const target = given.isCluster === true ? anyOf(given.nodes?.("master") ?? []) : given;
  return target?.duplicate?.(ONE_ATTEMPT);
}

function anyOf<T>(items: readonly T[]): T | undefined {
  return items[Math.floor(Math.random() * items.length)];
}
