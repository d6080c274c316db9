import { StoreError } from "../../errors.js";
import type { Command, Connection } from "./commands.js";
import { TASKS_KEY, taskKeys } from "./keys.js";
import { Script } from "./script.js";

/** When a lease ends, in Unix ms; nothing of a task that is finished or gone. */
type End = number | "" | "abandoned";

/** Tasks looked at in one round trip. */
const PAGE = 100;
/** Pages looked at in one call; the rest has its turn at the next. */
const MOST_PAGES = 20;

/**
 * Key: the list. Arguments: now, then references, each with its new score, or nothing to take it off. Leaves alone what
 * somebody has given another time meanwhile.
 */
const REPAIR = new Script(`
for n = 2, #ARGV, 2 do
  local score = redis.call('zscore', KEYS[1], ARGV[n])
  if score and tonumber(score) <= tonumber(ARGV[1]) then
    if ARGV[n + 1] == '' then redis.call('zrem', KEYS[1], ARGV[n])
    else redis.call('zadd', KEYS[1], ARGV[n + 1], ARGV[n]) end
  end
end`);

/**
 * The list of tasks whose leases may have ended by some time, in Unix ms by the clocks of servers. In a cluster it lies apart
 * from the records, so it is a hint: whoever looks through it takes off what is finished or gone, and gives what has a
 * lease its time. Each renewal notes a task anew, so that a list that was lost comes back.
 */
export class UnfinishedTasks {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Notes a task whose lease lasts so many milliseconds. */
  async add(refId: string, lease: number): Promise<void> {
    await this.#change(["zadd", TASKS_KEY, Math.ceil(Date.now() + lease), refId]);
  }

  /** As {@link add}, of a task that is noted already. Never rejects for a store that fails. */
  async note(refId: string, lease: number): Promise<void> {
    await harmless(this.add(refId, lease));
  }

  /** Takes a task off. Never rejects for a store that fails. */
  async remove(refId: string): Promise<void> {
    await harmless(this.#change(["zrem", TASKS_KEY, refId]));
  }

  /** So many tasks whose leases have ended. */
  async abandoned(limit: number): Promise<string[]> {
    const now = Date.now();
    const found = new Set<string>();
    for (let n = 0; n < MOST_PAGES && found.size < limit; n++) {
      const page = await this.#due(now, found.size);
      const ends = await this.#endsOf(page);
      for (const [refId, end] of ends) if (end === "abandoned") found.add(refId);
      await this.#repair(now, ends);
      if (page.length < PAGE) break;
    }
    return [...found].slice(0, limit);
  }

  /** Replicas are not waited for. */
  #change(command: Command): Promise<unknown> {
    return this.#connection.call(command, 0, false);
  }

  async #due(now: number, offset: number): Promise<string[]> {
    const due: Command = ["zrangebyscore", TASKS_KEY, "-inf", now, "LIMIT", offset, PAGE];
    return (await this.#connection.call(due)) as string[];
  }

  async #endsOf(refIds: readonly string[]): Promise<(readonly [refId: string, end: End])[]> {
    const reading = refIds.flatMap((refId): Command[] => {
      const [recordKey, leaseKey] = taskKeys(refId);
      return [
        ["hmget", recordKey, "revision", "is_finished"],
        ["pttl", leaseKey],
      ];
    });
    const replies = reading.length === 0 ? [] : await this.#connection.send(reading);
    return refIds.map((refId, n) => [refId, endFrom(replies[2 * n], Number(replies[2 * n + 1]))]);
  }

  async #repair(now: number, ends: readonly (readonly [refId: string, end: End])[]): Promise<void> {
    const wrong = ends.flatMap(([refId, end]) => (end === "abandoned" ? [] : [refId, end]));
    if (wrong.length > 0) await harmless(REPAIR.run(this.#connection, [TASKS_KEY], [now, ...wrong]));
  }
}

function endFrom(fields: unknown, left: number): End {
  const [revision, isFinished] = Array.isArray(fields) ? fields : [];
  if (typeof revision !== "string" || isFinished === "1") return "";
  return left > 0 ? Date.now() + left : "abandoned";
}

async function harmless(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}
