import { isDeepStrictEqual } from "node:util";
import { createKeyv } from "@keyv/redis";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis";
import { createCache } from "cache-manager";
import type { CacheBackend } from "mcp-refcache";
import { type RedisServer, startRedis } from "../tests/helpers/redis-server.js";
import { RedisBackend, RefCache, SYSTEM, TieredBackend } from "./built.js";
import { atOnce, type Contest, inTurn } from "./measure.js";
import { type Row, rowsOfSize, type Size, SMALL_SIZES } from "./values.js";

/** A cache on Redis, with values in it: ours, or one that does not know of references. */
interface Filled {
  readonly name: string;
  /** The value of the n-th key, read and parsed. */
  readonly read: (n: number) => Promise<unknown>;
  close(): Promise<unknown>;
}

/** Makes a cache with its own keys on a server, and puts a value under each of them. */
type Fill = (server: RedisServer, value: Row[]) => Promise<Filled>;

/** Callers at the same time, and keys. */
const WIDTH = 100;
const HOUR_MS = 3_600_000;
/** A busy machine makes a row slow, and never another row: the others have no deadline either. */
const PATIENT = { commandTimeout: 30_000 };
const OURS = { name: "bench", onStoreError: "throw" } as const;

/** Hits on Redis of 100 concurrent callers, against other caches on the same server. */
export async function* redisHitContests(): AsyncGenerator<Contest, void> {
  for (const size of SMALL_SIZES) {
    const calls = (size.characters > 10_000 ? 2 : 10) * WIDTH;
    yield* among([ours, oursCached], [bento, keyv, cacheManager], size, {
      what: (name) => `Redis hit, ${WIDTH} at once, ${name}`,
      aim: 1,
      calls,
      run: (read) => atOnce(WIDTH, read),
    });
  }
}

/** Hits in this process, in front of Redis, against another cache with two tiers. */
export async function* localHitContests(): AsyncGenerator<Contest, void> {
  const tiered = (l2: CacheBackend) => new TieredBackend({ l2 });
  for (const size of SMALL_SIZES) {
    yield* among([(server, value) => oursIn(server, value, tiered)], [bentoTiers], size, {
      what: (name) => `L1 hit before Redis, ${name}`,
      aim: 0.5,
      run: (read) => inTurn(() => read(0)),
    });
  }
}

interface Discipline {
  readonly what: (name: string) => string;
  readonly aim: number;
  readonly calls?: number;
  readonly run: (read: Filled["read"]) => Contest["ours"];
}

/** Each of ours against each of the others. */
async function* among(
  own: readonly Fill[],
  others: readonly Fill[],
  size: Size,
  { what, run, ...rest }: Discipline,
): AsyncGenerator<Contest, void> {
  const server = await startRedis();
  const value = rowsOfSize(size.characters);
  const filled = new Map<Fill, Filled>();
  try {
    for (const fill of [...own, ...others]) filled.set(fill, await checked(await fill(server, value), value));
    for (const [our, other] of own.flatMap((our) => others.map((other) => [our, other] as const))) {
      const [mine, theirs] = [filled.get(our), filled.get(other)];
      if (mine === undefined || theirs === undefined) continue;
      const [ours, ceiling] = [run(mine.read), run(theirs.read)];
      yield { ...rest, what: what(mine.name), size: size.name, against: theirs.name, ours, ceiling };
    }
  } finally {
    for (const cache of filled.values()) await cache.close();
    await server.stop();
  }
}

/** All are to do the same work: read a text, from Redis or a copy, and make a value of it that is the caller's own. */
async function checked(cache: Filled, value: Row[]): Promise<Filled> {
  const [one, another] = [await cache.read(0), await cache.read(0)];
  const isWhole = cache.name.includes("cached") || isDeepStrictEqual(one, value);
  if (!isWhole || one === another) throw new Error(`${cache.name} does other work`);
  return cache;
}

function ours(server: RedisServer, value: Row[]): Promise<Filled> {
  return oursIn(server, value, (l2) => l2);
}

async function oursIn(
  { url }: RedisServer,
  value: Row[],
  tiered: (l2: CacheBackend) => CacheBackend,
): Promise<Filled> {
  const cache = new RefCache({ ...OURS, backend: tiered(new RedisBackend({ url, ...PATIENT })) });
  const refIds = (await cache.setMany(keys().map(() => ({ value })))).map(({ refId }) => refId);
  return {
    name: "`resolve`",
    read: (n) => cache.resolve(refIds[n % WIDTH] ?? "", { actor: SYSTEM }),
    close: () => cache.close(),
  };
}

/** Looks the call up and answers it, with a preview where the value is not small: more than the others do, or less. */
async function oursCached({ url }: RedisServer, value: Row[]): Promise<Filled> {
  const cache = new RefCache({ ...OURS, backend: new RedisBackend({ url, ...PATIENT }) });
  const report = cache.cached("reports")(async function report(_args: { n: number }) {
    return value;
  });
  for (let n = 0; n < WIDTH; n++) await report({ n });
  return {
    name: "a cached function",
    read: (n) => report({ n: n % WIDTH }),
    close: () => cache.close(),
  };
}

/** As its documentation has it for Redis alone. */
async function bento({ host, port }: RedisServer, value: Row[]): Promise<Filled> {
  const store = bentostore().useL2Layer(redisDriver({ connection: { host, port } }));
  return filledBento(new BentoCache({ default: "only", stores: { only: store } }), "bentocache `get`", value);
}

/** As its documentation has it for two tiers, with copies as texts, which is its default. */
async function bentoTiers({ host, port }: RedisServer, value: Row[]): Promise<Filled> {
  const connection = { host, port };
  const store = bentostore()
    .useL1Layer(memoryDriver({ maxSize: "64mb" }))
    .useL2Layer(redisDriver({ connection }))
    .useBus(redisBusDriver({ connection }));
  return filledBento(
    new BentoCache({ default: "tiers", stores: { tiers: store } }),
    "bentocache `get`, L1",
    value,
  );
}

interface Bento {
  get(options: { key: string }): Promise<unknown>;
  set(options: { key: string; value: unknown; ttl: number }): Promise<unknown>;
  disconnectAll(): Promise<void>;
}

async function filledBento(cache: Bento, name: string, value: Row[]): Promise<Filled> {
  for (const key of keys()) await cache.set({ key, value, ttl: HOUR_MS });
  return {
    name,
    read: (n) => cache.get({ key: `k${n % WIDTH}` }),
    close: () => cache.disconnectAll(),
  };
}

async function keyv({ url }: RedisServer, value: Row[]): Promise<Filled> {
  const cache = createKeyv(url, { namespace: "keyv" });
  for (const key of keys()) await cache.set(key, value, HOUR_MS);
  return {
    name: "keyv `get`",
    read: (n) => cache.get(`k${n % WIDTH}`),
    close: () => cache.disconnect(),
  };
}

async function cacheManager({ url }: RedisServer, value: Row[]): Promise<Filled> {
  const cache = createCache({ stores: [createKeyv(url, { namespace: "cache-manager" })] });
  for (const key of keys()) await cache.set(key, value, HOUR_MS);
  return {
    name: "cache-manager `get`",
    read: (n) => cache.get(`k${n % WIDTH}`),
    close: () => cache.disconnect(),
  };
}

function keys(): string[] {
  return Array.from({ length: WIDTH }, (_, n) => `k${n}`);
}
