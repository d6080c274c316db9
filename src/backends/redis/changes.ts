import type { ChangeFeed, ChangeListener, ChangeWatch, CopiedKey } from "../backend.js";
import type { Connection } from "./commands.js";
import { entryKey, linkKey } from "./keys.js";
import { RedisTracking } from "./tracking.js";

/** What changes in a Redis, told by the servers themselves (server-assisted client caching). */
export class RedisChanges implements ChangeFeed {
  readonly #connection: Connection;
  readonly #timeout: number;
  readonly #watches = new Set<RedisTracking>();

  /** @param timeout milliseconds that a round trip may take. */
  constructor(connection: Connection, timeout: number) {
    this.#connection = connection;
    this.#timeout = timeout;
  }

  /** See {@link ChangeFeed.watch}. */
  watch(listener: ChangeListener): ChangeWatch {
    const watch = new RedisTracking(this.#connection, this.#timeout, listener);
    this.#watches.add(watch);
    return watch;
  }

  /** See {@link ChangeFeed.endOf}. */
  async endOf({ kind, name }: CopiedKey): Promise<number | null | undefined> {
    const now = Date.now();
    const key = kind === "entry" ? entryKey(name) : linkKey(name);
    const left = Number(await this.#connection.call(["pttl", key]));
    if (left < 0) return left === -1 ? null : undefined;
    return now + left;
  }

  /** Ends every watch. */
  close(): void {
    for (const watch of this.#watches) watch.stop();
  }
}
