import type { ChangeListener, ChangeWatch } from "../backend.js";
import type { RedisClient } from "./client.js";
import type { Connection } from "./commands.js";
import type { ServerConnection } from "./connection.js";
import { TRACKING_OPTIONS, TrackedServer, type TrackingClient } from "./tracked-server.js";

/** Milliseconds between two signs of life that are asked of a server, and between two tries to be told again. */
const BEAT_MS = 500;
/** Milliseconds until a lost connection is made anew for the first time. */
const SOON_MS = 20;

/** What is used of a client to make another like it, and to know where it leads. */
interface DuplicableClient {
  readonly options?: { readonly sentinels?: unknown };
  readonly stream?: TrackingClient["stream"];
  duplicate?(options: Record<string, unknown>): TrackingClient;
}

/**
 * Listens to the changes of all keys of ours, on a connection to each primary. Current for `BEAT_MS` and the time of a
 * command after the last sign of life that was asked of every server: so long, at most, a copy may be outdated after
 * a connection has died in silence, or the keys have gone to another server. Any connection lost, those for
 * commands included, ends being current at once.
 */
export class RedisTracking implements ChangeWatch {
  readonly #connection: Connection;
  readonly #timeout: number;
  readonly #listener: ChangeListener;
  readonly #onClose = () => this.#lose(SOON_MS);
  /** The clients for commands, whose end may mean that the keys are with other servers. */
  #clients: readonly RedisClient[] = [];
  #servers: readonly TrackedServer[] = [];
  #placement = "";
  #currentUntil = 0;
  /** Changes when what was begun is no longer of interest. */
  #attempt = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param timeout milliseconds that connecting, and each sign of life, may take. */
  constructor(connection: Connection, timeout: number, listener: ChangeListener) {
    this.#connection = connection;
    this.#timeout = timeout;
    this.#listener = listener;
    void this.#beat();
  }

  /** See {@link ChangeWatch.isCurrent}. */
  isCurrent(): boolean {
    return performance.now() < this.#currentUntil;
  }

  /** See {@link ChangeWatch.settle}. One round trip to each server. */
  async settle(): Promise<void> {
    const attempt = this.#attempt;
    try {
      await this.#askAll();
    } catch {
      if (attempt === this.#attempt) this.#lose(SOON_MS);
    }
  }

  /** See {@link ChangeWatch.stop}. */
  stop(): void {
    this.#isStopped = true;
    this.#lose(0);
  }

  /** Asks for a sign of life of the servers, and listens to them first where that is not so yet. */
  async #beat(): Promise<void> {
    const attempt = this.#attempt;
    try {
      if (this.#servers.length === 0) await this.#listen(attempt);
      const asked = performance.now();
      await this.#askAll();
      if (attempt !== this.#attempt) return;
      if (this.#isElsewhere()) return this.#lose(SOON_MS);
      this.#currentUntil = asked + BEAT_MS + this.#timeout;
      this.#beatIn(BEAT_MS);
    } catch {
      if (attempt === this.#attempt) this.#lose(BEAT_MS);
    }
  }

  async #askAll(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.beat()));
  }

  async #listen(attempt: number): Promise<void> {
    const primaries = await this.#connection.servers();
    const placement = this.#connection.placement();
    const servers = this.#makeServers(primaries, attempt);
    try {
      await Promise.all(servers.map((server) => server.open()));
      if (servers.length === 0 || attempt !== this.#attempt) throw new Error("there is nothing to listen to");
    } catch (error) {
      for (const server of servers) server.end();
      throw error;
    }
    this.#placement = placement;
    this.#servers = servers;
    this.#clients = primaries.map(({ client }) => client);
    for (const client of this.#clients) client.on("close", this.#onClose);
    this.#listener.changedAll(); // nobody knows what was changed before
  }

  #makeServers(primaries: readonly ServerConnection[], attempt: number): TrackedServer[] {
    const listener = {
      changed: this.#listener.changed.bind(this.#listener),
      changedAll: this.#listener.changedAll.bind(this.#listener),
      closed: () => {
        if (attempt === this.#attempt) this.#lose(BEAT_MS);
      },
    };
    return primaries
      .map(({ client }) => (client as unknown as DuplicableClient).duplicate?.(TRACKING_OPTIONS))
      .filter((client) => client !== undefined)
      .map((client) => new TrackedServer(client, this.#timeout, listener));
  }

  /** Slots may have moved; and sentinels may have sent this connection and the one for commands to two servers. */
  #isElsewhere(): boolean {
    if (this.#connection.placement() !== this.#placement) return true;
    return this.#clients.some((client, n) => {
      const { options, stream }: DuplicableClient = client as unknown as DuplicableClient;
      if (options?.sentinels == null || stream == null) return false;
      return this.#servers[n]?.address !== `${stream.remoteAddress} ${stream.remotePort}`;
    });
  }

  /** Nothing is current any more, until it is listened to anew. */
  #lose(retryIn: number): void {
    this.#attempt++;
    this.#currentUntil = 0;
    const servers = this.#servers;
    this.#servers = [];
    for (const client of this.#clients) client.off("close", this.#onClose);
    this.#clients = [];
    for (const server of servers) server.end();
    if (servers.length > 0) this.#listener.lost();
    this.#beatIn(retryIn);
  }

  #beatIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#beat(), milliseconds).unref();
  }
}
