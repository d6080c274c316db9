import type { ChannelListener, ChannelMessage } from "../backend.js";
import { Listeners, readMessage, writeMessage } from "../channel.js";
import { retryDelay } from "./client.js";
import type { Connection } from "./commands.js";
import { withDeadline } from "./deadline.js";
import { EVENTS_CHANNEL } from "./keys.js";
import type { SubscriberClient } from "./subscriber.js";

/** Milliseconds between two looks whether the connection is still there; silence alone does not tell. */
const PING_INTERVAL_MS = 2000;

/**
 * Messages by PUBLISH and SUBSCRIBE. Listening takes a connection of its own, made at the first subscription and
 * again, for ever and with pauses, when it is lost.
 */
export class RedisChannel {
  readonly #connection: Connection;
  readonly #listeners = new Listeners();
  #subscriber: SubscriberClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempt = 0;
  #closed = false;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** See {@link ChannelStore.publish}. */
  async publish(message: ChannelMessage): Promise<void> {
    const text = writeMessage(message);
    await this.#connection.call(["publish", EVENTS_CHANNEL, text]);
  }

  /** See {@link ChannelStore.subscribe}. */
  subscribe(listener: ChannelListener): () => void {
    if (this.#closed) return () => {};
    const isFirst = this.#listeners.isEmpty;
    const stop = this.#listeners.add(listener, () => this.#stop());
    if (isFirst) void this.#listen();
    return stop;
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    subscriber?.disconnect();
  }

  /** One connection from beginning to end; what ends it begins the next, until nobody listens. */
  async #listen(): Promise<void> {
    this.#attempt++;
    try {
      const server = anyOf(await this.#connection.servers());
      const subscriber = this.#listeners.isEmpty ? undefined : server?.makeSubscriber();
      this.#subscriber = subscriber;
      if (server === undefined || subscriber === undefined) return this.#listenLater();
      subscriber.on("error", () => {}); // ioredis prints an error nobody listens for; `end` follows
      subscriber.on("end", () => this.#onEnd(subscriber));
      subscriber.on("message", (channel, text) => this.#onMessage(channel, text));
      await withDeadline(connect(subscriber), server.connectTimeout);
      if (this.#subscriber === subscriber) this.#onListening(subscriber, server.connectTimeout);
    } catch {
      if (this.#subscriber === undefined) this.#listenLater();
      else this.#subscriber.disconnect();
    }
  }

  #onListening(subscriber: SubscriberClient, patience: number): void {
    this.#attempt = 0;
    this.#listeners.tellLost();
    this.#pingLater(subscriber, patience);
  }

  #onMessage(channel: string, text: string): void {
    const message = channel === EVENTS_CHANNEL ? readMessage(text) : undefined;
    if (message !== undefined) this.#listeners.tell(message);
  }

  #onEnd(subscriber: SubscriberClient): void {
    if (this.#subscriber !== subscriber) return;
    this.#subscriber = undefined;
    this.#listenLater();
  }

  #listenLater(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#listeners.isEmpty) return;
    this.#timer = setTimeout(() => void this.#listen(), retryDelay(this.#attempt)).unref();
  }

  #pingLater(subscriber: SubscriberClient, patience: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#ping(subscriber, patience), PING_INTERVAL_MS).unref();
  }

  /** A connection whose other end is gone, or frozen, is given up. */
  async #ping(subscriber: SubscriberClient, patience: number): Promise<void> {
    try {
      await withDeadline(subscriber.ping(), patience);
      if (this.#subscriber === subscriber) this.#pingLater(subscriber, patience);
    } catch {
      subscriber.disconnect();
    }
  }
}

async function connect(subscriber: SubscriberClient): Promise<void> {
  await subscriber.connect();
  await subscriber.subscribe(EVENTS_CHANNEL);
}

function anyOf<T>(items: readonly T[]): T | undefined {
  return items[Math.floor(Math.random() * items.length)];
}
