import type { CopiedKey } from "../backend.js";
import type { RedisArgument, RedisStream } from "./client.js";
import { withDeadline } from "./deadline.js";
import { ENTRY_PREFIX, LINK_PREFIX } from "./keys.js";

/** What is used of the ioredis client on which a server tells of changes. */
export interface TrackingClient {
  readonly stream?: RedisStream | undefined;
  connect(): Promise<unknown>;
  call(command: string, ...args: RedisArgument[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  disconnect(): void;
  on(event: "messageBuffer", listener: (channel: Buffer, keys: unknown) => void): unknown;
  on(event: "close" | "error", listener: () => void): unknown;
}

/** Who hears what one server tells. */
export interface TrackedServerListener {
  changed(key: CopiedKey): void;
  /** The server was emptied. */
  changedAll(): void;
  /** Nothing more will be told. */
  closed(): void;
}

/** Where a server writes the keys that have changed, for a connection that speaks RESP2. */
export const INVALIDATIONS = "__redis__:invalidate";

/**
 * Options of the connection. RESP2, since ioredis drops RESP3's messages of invalidation; one attempt, so that it is
 * known when something may have been missed.
 */
export const TRACKING_OPTIONS = {
  protocol: 2,
  lazyConnect: true,
  retryStrategy: null,
  sentinelRetryStrategy: null,
  autoResubscribe: false,
  enableOfflineQueue: true,
  enableReadyCheck: false,
  disableClientInfo: true,
  enableAutoPipelining: false,
};

/**
 * One server telling, on a connection of its own, of every key of ours that is written, deleted, evicted or expires,
 * by whomever. The connection's own redirection is itself, so what ends one ends the other. Without `NOLOOP`: with it,
 * the server keeps silent about a key that another client has written in the same turn.
 */
export class TrackedServer {
  readonly #client: TrackingClient;
  readonly #timeout: number;

  /** @param timeout milliseconds that opening, and each sign of life, may take. */
  constructor(client: TrackingClient, timeout: number, listener: TrackedServerListener) {
    this.#client = client;
    this.#timeout = timeout;
    client.on("error", () => {}); // what fails is told by `open` and `closed`
    client.on("close", () => listener.closed());
    client.on("messageBuffer", (_channel, keys) => tell(keys, listener));
  }

  /** The server's address and port, once connected. */
  get address(): string {
    const { remoteAddress, remotePort } = this.#client.stream ?? {};
    return `${remoteAddress} ${remotePort}`;
  }

  /** Connects, and begins to listen. Rejects if that fails or takes too long. */
  open(): Promise<void> {
    return withDeadline(this.#open(), this.#timeout);
  }

  /** A round trip: all that has changed before is told. Rejects if it takes too long. */
  async beat(): Promise<void> {
    await withDeadline(this.#client.call("ping"), this.#timeout);
  }

  end(): void {
    this.#client.disconnect();
  }

  async #open(): Promise<void> {
    const client = this.#client;
    await client.connect();
    const id = Number(await client.call("client", "id"));
    const prefixes = [ENTRY_PREFIX, LINK_PREFIX].flatMap((prefix) => ["prefix", prefix]);
    await client.call("client", "tracking", "on", "redirect", id, "bcast", ...prefixes);
    await client.subscribe(INVALIDATIONS);
  }
}

/** A list of keys; anything else says that all of them have gone. */
function tell(keys: unknown, listener: TrackedServerListener): void {
  if (Array.isArray(keys)) for (const key of keys) tellOne(String(key), listener);
  else listener.changedAll();
}

function tellOne(key: string, listener: TrackedServerListener): void {
  const { kind, prefix } = key.startsWith(ENTRY_PREFIX) ? ENTRY : LINK;
  if (key.startsWith(prefix)) listener.changed({ kind, name: key.slice(prefix.length) });
}

const ENTRY = { kind: "entry", prefix: ENTRY_PREFIX } as const;
const LINK = { kind: "link", prefix: LINK_PREFIX } as const;
