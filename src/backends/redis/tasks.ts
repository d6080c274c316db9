import type { Entry } from "../../entry/entry.js";
import { decodeEntry, encodeEntry } from "../../entry/wire.js";
import { EntryUnreadableError } from "../../errors.js";
import type { FoundTask, TaskStore } from "../backend.js";
import { partlyDone } from "../partly-done.js";
import type { Connection } from "./commands.js";
import { live } from "./entry-commands.js";
import { taskKeys, taskNameKey } from "./keys.js";
import { Script } from "./script.js";
import { UnfinishedTasks } from "./unfinished-tasks.js";

/** Keys: record, lease. Arguments: name or nothing, end, text, life, lease. */
const ADD = new Script(
  `
if redis.call('exists', KEYS[1]) == 1 then return 0 end
redis.call('hset', KEYS[1], 'revision', 1, 'name', ARGV[1], 'expires_at', ARGV[2], 'record', ARGV[3])
redis.call('pexpire', KEYS[1], ARGV[4])
redis.call('set', KEYS[2], 1, 'PX', ARGV[5])
return 1`,
  { isStoring: true },
);

/**
 * Keys: record, lease. Arguments: revision, end, text, life, lease or nothing to leave it. Replies with nothing where it is
 * of another revision, else with the name, where that has to last longer than it did.
 */
const CHANGE = new Script(
  `
local old = redis.call('hmget', KEYS[1], 'revision', 'expires_at', 'name')
if old[1] ~= ARGV[1] then return false end
redis.call('hset', KEYS[1], 'revision', ARGV[1] + 1, 'expires_at', ARGV[2], 'record', ARGV[3])
if ARGV[5] == '0' then
  redis.call('hset', KEYS[1], 'is_finished', 1)
  redis.call('unlink', KEYS[2])
elseif ARGV[5] ~= '' then
  redis.call('hset', KEYS[1], 'is_finished', 0)
  redis.call('set', KEYS[2], 1, 'PX', ARGV[5])
end
redis.call('pexpire', KEYS[1], ARGV[4])
return tonumber(ARGV[2]) > tonumber(old[2]) and old[3] or ''`,
  { isStoring: true },
);

/** Keys: record, lease. Arguments: revision, lease. Goes on while memory is full; a failover may lose the last one. */
const RENEW = new Script(`
local task = redis.call('hmget', KEYS[1], 'revision', 'is_finished')
if task[1] ~= ARGV[1] or task[2] == '1' then return 0 end
if redis.call('pexpire', KEYS[2], ARGV[2]) == 0 then redis.call('set', KEYS[2], 1, 'PX', ARGV[2]) end
return 1`);

/** Key: name. Arguments: reference, life. */
const KEEP_NAME = new Script(
  `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`,
  { isStoring: true },
);

/**
 * Records as hashes, and leases as keys beside them that end by themselves, by the server's clock. What is compared with a
 * revision, is changed in scripts.
 */
export class RedisTasks implements TaskStore {
  readonly #connection: Connection;
  readonly #unfinished: UnfinishedTasks;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#unfinished = new UnfinishedTasks(connection);
  }

  /** See {@link TaskStore.addTask}. It is listed before it is there, and named once it is. */
  async addTask(
    refId: string,
    record: Entry,
    { lease, name }: { readonly lease: number; readonly name?: string },
  ): Promise<boolean> {
    await this.#unfinished.add(refId, lease);
    const [text, life] = [encodeEntry(record), lifeOf(record)];
    const args = [name ?? "", endOf(record), text, life, atLeastOne(lease)];
    const isAdded = await ADD.run(this.#connection, taskKeys(refId), args, text.length);
    if (isAdded !== 1) return false;
    if (name !== undefined)
      await followUp(this.#connection.call(["set", taskNameKey(name), refId, "PX", life]));
    return true;
  }

  /** See {@link TaskStore.readTask}. */
  async readTask(refId: string): Promise<FoundTask | undefined> {
    const [recordKey, leaseKey] = taskKeys(refId);
    // In this order: a lease that is seen to have ended is of this revision, or of a later one.
    const [fields, left] = await this.#connection.send([
      ["hmget", recordKey, "revision", "is_finished", "record"],
      ["pttl", leaseKey],
    ]);
    if (fields === undefined)
      throw new EntryUnreadableError(refId, "its key holds something else than a record");
    const [revision, isFinished, text] = fields as (string | null)[];
    if (revision == null && text == null) return undefined;
    if (revision == null || text == null || !/^\d+$/.test(revision))
      throw new EntryUnreadableError(refId, "it is not the record of a task");
    const record = live(decodeEntry(refId, text));
    const leaseLeft = isFinished === "1" ? 0 : Math.max(0, Number(left));
    return record && { record, revision: Number(revision), leaseLeft };
  }

  /** See {@link TaskStore.changeTask}. */
  async changeTask(refId: string, record: Entry, revision: number, lease?: number): Promise<boolean> {
    const [text, life] = [encodeEntry(record), lifeOf(record)];
    const leased = lease === undefined ? "" : lease > 0 ? atLeastOne(lease) : 0;
    const args = [revision, endOf(record), text, life, leased];
    const [name] = await Promise.all([
      CHANGE.run(this.#connection, taskKeys(refId), args, text.length),
      lease !== undefined && lease > 0 && this.#unfinished.note(refId, lease),
    ]);
    if (typeof name !== "string") return false;
    if (name !== "") await followUp(KEEP_NAME.run(this.#connection, [taskNameKey(name)], [refId, life]));
    if (leased === 0) await this.#unfinished.remove(refId);
    return true;
  }

  /** See {@link TaskStore.renewTask}. */
  async renewTask(refId: string, revision: number, lease: number): Promise<boolean> {
    const [isRenewed] = await Promise.all([
      RENEW.run(this.#connection, taskKeys(refId), [revision, atLeastOne(lease)]),
      this.#unfinished.note(refId, lease),
    ]);
    return isRenewed === 1;
  }

  /** See {@link TaskStore.taskOf}. */
  async taskOf(name: string): Promise<string | undefined> {
    const refId = await this.#connection.call(["get", taskNameKey(name)]);
    if (typeof refId !== "string") return undefined;
    const [recordKey] = taskKeys(refId);
    return (await this.#connection.call(["exists", recordKey])) === 1 ? refId : undefined;
  }

  /** See {@link TaskStore.abandonedTasks}. */
  abandonedTasks(limit: number): Promise<readonly string[]> {
    return this.#unfinished.abandoned(limit);
  }
}

/** The failure of what follows when the record is stored. */
async function followUp(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw partlyDone(error, 1);
  }
}

/** A record without an end would stay for ever, so it is taken for one that has ended. */
function endOf({ expiresAt }: Entry): number {
  return expiresAt ?? 0;
}

/** Milliseconds that a record has left; one at least, as Redis wants it. */
function lifeOf(record: Entry): number {
  return atLeastOne(endOf(record) - Date.now());
}

function atLeastOne(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds));
}
