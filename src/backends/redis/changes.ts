import type { ChangeFeed, ChangeListener, ChangeWatch, CopiedKey } from "../backend.js";
import type { Connection } from "./commands.js";
import { entryKey, linkKey } from "./keys.js";
import { RedisTracking } from "./tracking.js";

/** What PTTL says of a key without an end; nothing is known of one that is not there. */
const WITHOUT_END = new Map([[-1, null]]);

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

  /** See {@link ChangeFeed.endsOf}. */
  async endsOf(keys: readonly CopiedKey[]): Promise<readonly (number | null | undefined)[]> {
    const now = Date.now();
    const replies = await this.#connection.send(
      keys.map(({ kind, name }) => ["pttl", kind === "entry" ? entryKey(name) : linkKey(name)]),
    );
    return replies.map((left) => (Number(left) < 0 ? WITHOUT_END.get(Number(left)) : now + Number(left)));
  }

  /** Ends every watch. */
  close(): void {
    for (const watch of this.#watches) watch.stop();
  }
}
