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

/** A client for a subscription to the server of another; `undefined` for a client that cannot be duplicated. */
export function makeSubscriber(client: RedisClient): SubscriberClient | undefined {
  return (client as unknown as DuplicableClient).duplicate?.(ONE_ATTEMPT);
}

/** What a client that was given may have, or not. */
interface DuplicableClient {
  duplicate?(options: Record<string, unknown>): SubscriberClient;
}
