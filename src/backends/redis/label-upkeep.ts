import { LRUCache } from "lru-cache";
import type { Command, Connection } from "./commands.js";
import { LABELS_KEY } from "./keys.js";

/** Labels of which this process remembers what it has done for them. */
const MOST_LABELS = 10_000;
/** Milliseconds between two removals of what has expired under a label, and between two looks for dead labels. */
const INTERVAL_MS = 60_000;
/** When a label ends is told on this raster of milliseconds, so that it need not be told with every entry. */
const RASTER_MS = 600_000;
/** Dead labels removed at a time. */
const MOST_AT_ONCE = 200;

interface Known {
  /** Unix ms until when the label was said to live. */
  readonly until: number;
  readonly trimmedAt: number;
}

/**
 * Keeps the index of labels from growing for ever: what has expired under a label goes when more comes, and labels
 * that nobody uses any more are found by a list of when their last entry ends. The keys of labels have no expiry of
 * their own, since the server might then evict them, and their entries could no longer be found.
 */
export class LabelUpkeep {
  readonly #connection: Connection;
  readonly #known = new LRUCache<string, Known>({ max: MOST_LABELS });
  #sweptAt = Date.now();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** What is to be done besides noting entries under these labels, the last of which ends at a time in Unix ms. */
  after(keys: readonly string[], last: number): Command[] {
    const now = Date.now();
    if (now - this.#sweptAt >= INTERVAL_MS) void this.#sweep(now).catch(() => {}); // nobody waits for it
    return keys.flatMap((key) => this.#tend(key, last, now));
  }

  #tend(key: string, last: number, now: number): Command[] {
    const { until = 0, trimmedAt = now } = this.#known.get(key) ?? {};
    const isLater = last > until;
    const isDue = now - trimmedAt >= INTERVAL_MS;
    const end = isLater ? Math.ceil(last / RASTER_MS) * RASTER_MS : until;
    if (isLater || isDue) this.#known.set(key, { until: end, trimmedAt: isDue ? now : trimmedAt });
    return [
      ...(isLater ? ([["zadd", LABELS_KEY, "GT", scoreOf(end), key]] as const) : []),
      ...(isDue ? ([["zremrangebyscore", key, "-inf", now]] as const) : []),
    ];
  }

  /**
   * Removes what is left of labels whose last entry has ended. Whoever notes an entry that ends later has told of it
   * before, or tells again; so taking a label off the list first loses none.
   */
  async #sweep(now: number): Promise<void> {
    this.#sweptAt = now;
    const [dead] = await this.#connection.send([["zcount", LABELS_KEY, "-inf", now]]);
    const count = Math.min(Number(dead), MOST_AT_ONCE);
    if (!(count > 0)) return;
    const [reply] = await this.#connection.send([["zpopmin", LABELS_KEY, count]]);
    const popped = pairs(reply as string[]);
    await this.#connection.send(
      popped.map(
        ([key, end]) =>
          Number(end) <= now ? ["zremrangebyscore", key, "-inf", now] : ["zadd", LABELS_KEY, "GT", end, key], // popped in the place of one that another server has taken
      ),
    );
    for (const [key] of popped) this.#known.delete(key);
  }
}

function scoreOf(end: number): number | string {
  return Number.isFinite(end) ? end : "+inf";
}

function pairs(flat: readonly string[]): [member: string, score: string][] {
  return Array.from({ length: flat.length / 2 }, (_, n) => [flat[2 * n] ?? "", flat[2 * n + 1] ?? ""]);
}
