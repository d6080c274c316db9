import { type Entry, type EntryHead, isExpired } from "../../entry/entry.js";
import { decodeEntry, decodeHeadFromTail, encodeEntry } from "../../entry/wire.js";
import { EntryUnreadableError, StoreUnusableError } from "../../errors.js";
import type {
  CacheBackend,
  ChannelListener,
  ChannelMessage,
  ChannelStore,
  HeadStore,
  Lease,
  LeaseStore,
  LinkStore,
  ReplaceStore,
} from "../backend.js";
import { RedisChannel } from "./channel.js";
import { checkClient, createClient, type RedisArgument, type RedisClient } from "./client.js";
import { Connection } from "./connection.js";
import { replyCode } from "./errors.js";
import { ENTRY_PREFIX, entryKey, LEASE_PREFIX, LINK_PREFIX, linkKey, refIdOf } from "./keys.js";
import { RedisLeases } from "./leases.js";
import { type RedisBackendOptions, readOptions, readTimeouts } from "./options.js";
import { scanKeys } from "./scan.js";

/** How much of an entry's end is read for its head, in bytes. */
const TAIL_BYTES = 2048;

/**
 * Entries in Redis or Valkey, shared with every server on it, in either language. Needs ioredis.
 *
 * Every call settles within about a second, whatever the server does, and works again within a second of its
 * return; only a value of many megabytes may take longer, a second for each 10 MB.
 * @example
 * new RedisBackend();                                       // REDIS_URL, or REDIS_HOST, REDIS_PORT, …
 * new RedisBackend({ url: "rediss://app:secret@cache.example:6380/2" });
 */
export class RedisBackend
  implements CacheBackend, HeadStore, LinkStore, ReplaceStore, ChannelStore, LeaseStore
{
  /** See {@link LeaseStore.sharesLeases}. */
  readonly sharesLeases = true;
  readonly #connection: Connection;
  readonly #channel: RedisChannel;
  readonly #leases: RedisLeases;

  /**
   * Connects at the first call, not here.
   * @throws {ConfigurationError} naming an option or variable that will not do.
   * @throws {PeerDependencyError} when ioredis is not installed.
   */
  constructor(options: RedisBackendOptions = {}) {
    const { client } = options;
    this.#connection = client === undefined ? ownConnection(options) : givenConnection(client, options);
    this.#channel = new RedisChannel(this.#connection);
    this.#leases = new RedisLeases(this.#connection);
  }

  /** See {@link CacheBackend.get}. One round trip. */
  async get(refId: string): Promise<Entry | undefined> {
    const text = await this.#read(refId, "get");
    const entry = text === undefined ? undefined : decodeEntry(refId, text);
    return live(entry);
  }

  /** See {@link CacheBackend.set}. One round trip. */
  async set(refId: string, entry: Entry): Promise<void> {
    const text = encodeEntry(entry);
    const [command, ...args] = writing(entryKey(refId), text, entry.expiresAt);
    await this.#connection.run((client) => client.call(command, ...args), text.length);
  }

  /** See {@link CacheBackend.delete}. One round trip. */
  async delete(refId: string): Promise<boolean> {
    const key = entryKey(refId);
    const [tail, removed] = await this.#pipeline([tailOf(key), ["unlink", key]]);
    const head = typeof tail === "string" ? decodeHeadFromTail(tail) : undefined;
    return removed === 1 && (head === undefined || !isExpired(head, Date.now()));
  }

  /** See {@link CacheBackend.exists}. An unreadable entry counts as none. */
  async exists(refId: string): Promise<boolean> {
    return (await readable(this.head(refId))) !== undefined;
  }

  /**
   * See {@link CacheBackend.clear}. Without a namespace everything of ours goes, unreadable entries and links
   * included; only entries are counted.
   */
  async clear(namespace?: string): Promise<number> {
    if (namespace !== undefined) return this.#clearNamespace(namespace);
    const cleared = await this.#clearPrefix(ENTRY_PREFIX);
    await this.#clearPrefix(LEASE_PREFIX);
    await this.#clearPrefix(LINK_PREFIX);
    return cleared;
  }

  /** See {@link CacheBackend.keys}. Reads heads, not values. */
  async *keys(namespace?: string): AsyncGenerator<string> {
    for await (const [refId] of this.heads(namespace)) yield refId;
  }

  /**
   * See {@link HeadStore.head}. One round trip for what this package or the Python one wrote.
   * @throws {EntryUnreadableError} for a malformed entry.
   */
  async head(refId: string): Promise<EntryHead | undefined> {
    const tail = await this.#read(refId, "getrange", -TAIL_BYTES, -1);
    if (!tail) return undefined;
    return live(decodeHeadFromTail(tail) ?? (await this.#headOfWhole(refId)));
  }

  /** See {@link HeadStore.heads}. Two round trips for 500 keys. */
  async *heads(namespace?: string): AsyncGenerator<readonly [refId: string, head: EntryHead]> {
    for await (const batch of this.#headBatches(namespace)) yield* batch;
  }

  /** See {@link LinkStore.getLink}. */
  async getLink(name: string): Promise<string | undefined> {
    const reply = await this.#connection.run((client) => client.call("get", linkKey(name)));
    return typeof reply === "string" ? reply : undefined;
  }

  /** See {@link LinkStore.setLinked}. One round trip, and a transaction: where the entry is refused, so is the link. */
  async setLinked(refId: string, entry: Entry, name: string): Promise<void> {
    const text = encodeEntry(entry);
    const { expiresAt } = entry;
    const link = writing(linkKey(name), refId, expiresAt);
    const transaction = [
      ["call", "multi"],
      writing(entryKey(refId), text, expiresAt),
      link,
      ["call", "exec"],
    ];
    await this.#pipeline(transaction, text.length);
  }

  /** See {@link ReplaceStore.replace}. One round trip. */
  async replace(refId: string, entry: Entry): Promise<boolean> {
    const text = encodeEntry(entry);
    const [command, ...args] = writing(entryKey(refId), text, entry.expiresAt);
    const onlyIfThere = command === "set" ? ["XX"] : [];
    const reply = await this.#connection.run(
      (client) => client.call(command, ...args, ...onlyIfThere),
      text.length,
    );
    return reply === "OK" || reply === 1;
  }

  /** See {@link ChannelStore.publish}. One round trip. */
  publish(message: ChannelMessage): Promise<void> {
    return this.#channel.publish(message);
  }

  /** See {@link ChannelStore.subscribe}. The first one makes a second connection, for all. */
  subscribe(listener: ChannelListener): () => void {
    return this.#channel.subscribe(listener);
  }

  /** See {@link LeaseStore.acquireLease}. One round trip. */
  acquireLease(name: string, life: number, seen?: string): Promise<Lease | "taken" | "changed"> {
    return this.#leases.acquire(name, life, seen);
  }

  /** See {@link LeaseStore.renewLease}. One round trip. */
  renewLease(lease: Lease, life: number): Promise<boolean> {
    return this.#leases.renew(lease, life);
  }

  /** See {@link LeaseStore.releaseLease}. One round trip. */
  releaseLease(lease: Lease): Promise<boolean> {
    return this.#leases.release(lease);
  }

  /** See {@link LeaseStore.setLeased}. One round trip: both are sent at once, the entry first. */
  async setLeased(refId: string, entry: Entry, lease: Lease): Promise<boolean> {
    const [, isNewest] = await Promise.all([
      this.set(refId, entry),
      this.#leases.link(lease, refId, entry.expiresAt),
    ]);
    return isNewest;
  }

  /** See {@link CacheBackend.close}. Settles within the time of a command; a client that was given stays open. */
  close(): Promise<void> {
    this.#channel.close();
    return this.#connection.close();
  }

  /** Runs a command whose reply is the text of an entry, or part of it. A key of another type is no entry. */
  async #read(refId: string, command: string, ...args: RedisArgument[]): Promise<string | undefined> {
    try {
      const reply = await this.#connection.run((client) => client.call(command, entryKey(refId), ...args));
      return typeof reply === "string" ? reply : undefined;
    } catch (error) {
      if (!(error instanceof StoreUnusableError && isWrongType(error.cause))) throw error;
      throw new EntryUnreadableError(refId, "its key holds something else than a text", { cause: error });
    }
  }

  /** Sends commands at once. What a key of another type refuses has no reply; any other error is thrown. */
  #pipeline(commands: RedisArgument[][], bytes = 0): Promise<unknown[]> {
    return this.#connection.run(async (client) => {
      const replies = (await client.pipeline(commands).exec()) ?? [];
      const failed = replies.find(([error]) => error !== null && replyCode(error) !== "WRONGTYPE");
      if (failed !== undefined) throw failed[0];
      return replies.map(([error, reply]) => (error === null ? reply : undefined));
    }, bytes);
  }

  async #headOfWhole(refId: string): Promise<EntryHead | undefined> {
    const text = await this.#read(refId, "get");
    if (text === undefined) return undefined;
    const { json: _, ...head } = decodeEntry(refId, text);
    return head;
  }

  async *#headBatches(namespace?: string): AsyncGenerator<(readonly [refId: string, head: EntryHead])[]> {
    for await (const keys of scanKeys(this.#connection, ENTRY_PREFIX)) {
      const tails = await this.#pipeline(keys.map(tailOf));
      const heads: (readonly [string, EntryHead])[] = [];
      for (const [n, key] of keys.entries()) {
        const refId = refIdOf(key);
        const head = await this.#headFromTail(refId, tails[n]);
        if (head !== undefined && head.namespace === (namespace ?? head.namespace)) heads.push([refId, head]);
      }
      yield heads;
    }
  }

  /** The live head that a tail holds, or else the whole entry; nothing for what is unreadable. */
  async #headFromTail(refId: string, tail: unknown): Promise<EntryHead | undefined> {
    if (typeof tail !== "string" || tail === "") return undefined;
    return live(decodeHeadFromTail(tail) ?? (await readable(this.#headOfWhole(refId))));
  }

  async #clearNamespace(namespace: string): Promise<number> {
    let cleared = 0;
    for await (const heads of this.#headBatches(namespace)) {
      cleared += await this.#unlink(heads.map(([refId]) => entryKey(refId)));
    }
    return cleared;
  }

  async #clearPrefix(prefix: string): Promise<number> {
    let cleared = 0;
    for await (const keys of scanKeys(this.#connection, prefix)) cleared += await this.#unlink(keys);
    return cleared;
  }

  async #unlink(keys: string[]): Promise<number> {
    if (keys.length === 0) return 0;
    return Number(await this.#connection.run((client) => client.call("unlink", ...keys)));
  }
}

function ownConnection(options: RedisBackendOptions): Connection {
  const settings = readOptions(options);
  const where = `${settings.host}:${settings.port}`;
  return new Connection(createClient(settings), { ...readTimeouts(options), where, owned: true });
}

function givenConnection(client: RedisClient, options: RedisBackendOptions): Connection {
  const where = "the address of the given client";
  return new Connection(checkClient(client), { ...readTimeouts(options), where, owned: false });
}

function live<H extends EntryHead>(head: H | undefined): H | undefined {
  return head === undefined || isExpired(head, Date.now()) ? undefined : head;
}

/** Stores a text under a key until a time in Unix ms; one that is past removes what was there. */
function writing(key: string, text: string, expiresAt: number | null): [string, ...RedisArgument[]] {
  if (expiresAt === null) return ["set", key, text];
  const life = Math.ceil(expiresAt - Date.now());
  return life > 0 ? ["set", key, text, "PX", life] : ["unlink", key];
}

function tailOf(key: string): RedisArgument[] {
  return ["getrange", key, -TAIL_BYTES, -1];
}

function isWrongType(cause: unknown): boolean {
  return (cause as { code?: unknown } | undefined)?.code === "WRONGTYPE";
}

/** What a promise gives, or nothing if the entry is unreadable. */
async function readable<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof EntryUnreadableError) return undefined;
    throw error;
  }
}
