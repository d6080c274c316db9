import { nanoid } from "nanoid";
import type { Lease } from "../backend.js";
import type { RedisArgument } from "./client.js";
import type { Connection } from "./commands.js";
import { leaseKeys } from "./keys.js";
import { Script } from "./script.js";

/** How long the last number of a name is kept, in milliseconds. */
const FENCE_LIFE_MS = 86_400_000;

/** Keys: lease, fence, link. Arguments: owner, life, the reference that was seen or nothing, life of the fence. */
const ACQUIRE = new Script(`
local link = redis.call('get', KEYS[3])
if link and link ~= ARGV[3] then return -1 end
if not redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
-- By the time, so that it grows also after the last number was removed.
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fence = math.max(now, tonumber(redis.call('get', KEYS[2]) or '0') + 1)
redis.call('set', KEYS[2], string.format('%.0f', fence), 'PX', ARGV[4])
return fence`);

/** Keys: lease. Arguments: owner, life. */
const RENEW = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])`);

/** Keys: lease. Arguments: owner. */
const RELEASE = new Script(`
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('unlink', KEYS[1])`);

/** Keys: lease, fence, link. Arguments: owner, fence, reference, its life or nothing for ever. */
const LINK = new Script(`
if redis.call('get', KEYS[2]) ~= ARGV[2] then return 0 end
if ARGV[4] == '' then redis.call('set', KEYS[3], ARGV[3])
elseif tonumber(ARGV[4]) > 0 then redis.call('set', KEYS[3], ARGV[3], 'PX', ARGV[4])
else redis.call('unlink', KEYS[3]) end
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('unlink', KEYS[1]) end
return 1`);

/** Leases as keys that end by themselves; who may change one is decided by the server, in scripts. */
export class RedisLeases {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** See {@link LeaseStore.acquireLease}. */
  async acquire(name: string, life: number, seen = ""): Promise<Lease | "taken" | "changed"> {
    const owner = nanoid();
    const args = [owner, Math.ceil(life), seen, FENCE_LIFE_MS];
    const fence = await this.#run(ACQUIRE, leaseKeys(name), args);
    if (fence === TAKEN) return "taken";
    return fence === CHANGED ? "changed" : { name, owner, fence };
  }

  /** See {@link LeaseStore.renewLease}. */
  async renew({ name, owner }: Lease, life: number): Promise<boolean> {
    return (await this.#run(RENEW, leaseKeys(name).slice(0, 1), [owner, Math.ceil(life)])) === 1;
  }

  /** See {@link LeaseStore.releaseLease}. */
  async release({ name, owner }: Lease): Promise<boolean> {
    return (await this.#run(RELEASE, leaseKeys(name).slice(0, 1), [owner])) === 1;
  }

  /** Points the name at a reference and gives the lease back, unless somebody has taken it since. */
  async link({ name, owner, fence }: Lease, refId: string, expiresAt: number | null): Promise<boolean> {
    const life = expiresAt === null ? "" : Math.ceil(expiresAt - Date.now());
    return (await this.#run(LINK, leaseKeys(name), [owner, fence, refId, life])) === 1;
  }

  async #run(script: Script, keys: readonly string[], args: readonly RedisArgument[]): Promise<number> {
    return Number(await script.run(this.#connection, keys, args));
  }
}

/** What {@link ACQUIRE} replies in place of a number. */
const TAKEN = 0;
const CHANGED = -1;
