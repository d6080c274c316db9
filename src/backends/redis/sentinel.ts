import { loadIoredis, type RedisClient, retryDelay } from "./client.js";
import { type ConnectionOptions, ServerConnection } from "./connection.js";
import type { SentinelSettings } from "./options.js";

/** What is used of a client that listens. */
interface Listener {
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: "error", listener: (error: unknown) => void): unknown;
  on(event: "message", listener: (channel: string, text: string) => void): unknown;
}

/** What a sentinel announces when another server has become the primary: `name old-host old-port new-host new-port`. */
const CHANNEL = "+switch-master";

/**
 * Listens to the sentinels for a new primary, so that the old one is left at once even where it still answers, or
 * just hangs. A sentinel that is down is tried again; nothing depends on any of them.
 */
export class SentinelWatch {
  readonly #settings: SentinelSettings;
  #listeners: Listener[] | undefined;

  constructor(settings: SentinelSettings) {
    this.#settings = settings;
  }

  /** Begins, unless it has begun; tells the new primary's address, `host:port`. */
  start(onSwitch: (address: string) => void): void {
    this.#listeners ??= this.#settings.sentinels.map(({ host, port }) => this.#listen(host, port, onSwitch));
  }

  /** Ends it for good. */
  stop(): void {
    for (const listener of this.#listeners ?? []) listener.disconnect();
    this.#listeners = [];
  }

  #listen(host: string, port: number, onSwitch: (address: string) => void): Listener {
    const { masterName, sentinelUsername, sentinelPassword, sentinelTls, connectTimeout } = this.#settings;
    const { Redis } = loadIoredis();
    const listener = new Redis({
      host,
      port,
      connectTimeout,
      retryStrategy: retryDelay,
      maxRetriesPerRequest: null,
      enableReadyCheck: false,
      disableClientInfo: true,
      ...(sentinelUsername ? { username: sentinelUsername } : {}),
      ...(sentinelPassword ? { password: sentinelPassword } : {}),
      ...(sentinelTls ? { tls: sentinelTls } : {}),
    }) as unknown as Listener;
    listener.on("error", () => {});
    listener.on("message", (_, text) => {
      const [name, , , newHost, newPort] = text.split(" ");
      if (name === masterName) onSwitch(this.#reached(`${newHost}:${newPort}`));
    });
    listener.subscribe(CHANNEL).catch(() => {});
    return listener;
  }

  #reached(address: string): string {
    const mapped = this.#settings.natMap?.[address];
    return mapped === undefined ? address : `${mapped.host}:${mapped.port}`;
  }
}

/** A connection to whichever server sentinels call the primary. */
export class SentinelConnection extends ServerConnection {
  readonly #client: RedisClient;
  readonly #watch: SentinelWatch;

  constructor(client: RedisClient, options: ConnectionOptions, watch: SentinelWatch) {
    super(client, options);
    this.#client = client;
    this.#watch = watch;
    client.on("ready", () => watch.start((address) => this.#goTo(address)));
  }

  override close(): Promise<void> {
    this.#watch.stop();
    return super.close();
  }

  /** Leaves the former primary, unless another sentinel has said so before, or looks for the new one at once. */
  #goTo(primary: string): void {
    const { status, stream } = this.#client;
    const host = stream?.remoteAddress?.replace(/^::ffff:/, "");
    if (status === "ready" && `${host}:${stream?.remotePort}` === primary) return;
    if (status === "reconnecting") this.#client.connect().catch(() => {});
    else this.drop();
  }
}
