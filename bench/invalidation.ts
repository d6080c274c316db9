import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BatchStore, CacheBackend, Entry } from "mcp-refcache";
import { startRedis } from "../tests/helpers/redis-server.js";
import { MemoryBackend, RedisBackend, RefCache, SqliteBackend, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { pairs } from "./raw.js";

type Store = CacheBackend & BatchStore;

/** How many entries are stored, in the fuller store and in the other, and how many of them are removed. */
interface Scale {
  readonly many: number;
  readonly few: number;
  readonly removed: number;
}

const FULL: Scale = { many: 1_000_000, few: 100_000, removed: 10_000 };
const SHORT: Scale = { many: 20_000, few: 2000, removed: 200 };
/** Entries that are loaded in one round trip. */
const AT_ONCE = 2000;
const BATCH = 100;

/** One round trip against many, and what removing costs where ten times as much is stored; less of it if `isShort`. */
export async function* invalidationContests(isShort: boolean): AsyncGenerator<Contest, void> {
  for await (const { name, backend } of pairs()) {
    const cache = new RefCache({ name: "bench", backend });
    const stored = await cache.setMany(Array.from({ length: BATCH }, (_, n) => ({ value: { n } })));
    yield gettingMany(
      name,
      cache,
      stored.slice(-(name === "memory" ? 16 : BATCH)).map(({ refId }) => refId),
    );
  }
  for (const kind of [memory, sqlite, redis(true), redis(false)]) {
    const stores = new Stores(kind, isShort ? SHORT : FULL);
    try {
      yield clearing(stores);
    } finally {
      await stores.close();
    }
  }
}

function gettingMany(name: string, cache: RefCache, refIds: readonly string[]): Contest {
  const actor = SYSTEM;
  return {
    what: `getMany of ${refIds.length}, ${name}`,
    size: "10 bytes",
    against: "one get after the other",
    ours: inTurn(() => cache.getMany(refIds, { actor })),
    ceiling: inTurn(async () => {
      for (const refId of refIds) await cache.get(refId, { actor });
    }),
  };
}

/** The ratio tells how removing a hundredth grows when ten times as much is stored: 1 where it follows what is removed. */
function clearing(stores: Stores): Contest {
  const { many, few, removed } = stores.scale;
  const clear = (stored: number) => async () => {
    const store = await stores.of(stored);
    const cleared = await store.clear("removed");
    if (cleared !== removed) throw new Error(`${cleared} were cleared`);
  };
  return {
    what: `clear ${shown(removed)} of ${shown(many)}, ${stores.kind.name}`,
    size: "10 bytes",
    against: `the same of ${shown(few)}`,
    ...(stores.kind.isIndexed ? { aim: 1.5 } : {}),
    calls: 1,
    ours: clear(many),
    ceiling: clear(few),
    reset: () => stores.refill(),
  };
}

function shown(count: number): string {
  return count.toLocaleString("en");
}

/** A store that was opened, empty. */
interface Opened {
  readonly store: Store;
  close(): Promise<void>;
}

/** A kind of store. */
interface Kind {
  readonly name: string;
  /** Whether the entries of a namespace are found by an index. */
  readonly isIndexed: boolean;
  open(): Promise<Opened>;
}

/** Stores of one kind and different fullness, filled when they are first asked for: not where other rows are wanted. */
class Stores {
  readonly kind: Kind;
  readonly scale: Scale;
  readonly #opened = new Map<number, Promise<Opened>>();

  constructor(kind: Kind, scale: Scale) {
    this.kind = kind;
    this.scale = scale;
  }

  async of(stored: number): Promise<Store> {
    const opened = this.#opened.get(stored) ?? this.#fill(stored);
    this.#opened.set(stored, opened);
    return (await opened).store;
  }

  /** Puts back what was cleared. */
  async refill(): Promise<void> {
    for (const opened of this.#opened.values())
      await load((await opened).store, "removed", this.scale.removed);
  }

  async close(): Promise<void> {
    for (const opened of this.#opened.values()) await (await opened).close();
  }

  async #fill(stored: number): Promise<Opened> {
    const opened = await this.kind.open();
    const { removed } = this.scale;
    await load(opened.store, "kept", stored - removed);
    await load(opened.store, "removed", removed);
    return opened;
  }
}

async function load(store: Store, namespace: string, count: number): Promise<void> {
  const entry = entryIn(namespace);
  const seed = namespace === "kept" ? "a" : "b";
  for (let from = 0; from < count; from += AT_ONCE) {
    const size = Math.min(AT_ONCE, count - from);
    await store.setMany(
      Array.from({ length: size }, (_, n) => ({ refId: `bench:${scrambled(from + n)}${seed}`, entry })),
    );
  }
}

/** In no order, as references are. */
function scrambled(n: number): string {
  return (Math.imul(n + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, "0").repeat(4).slice(1);
}

function entryIn(namespace: string): Entry {
  const policy = {
    userPermissions: 31,
    agentPermissions: 17,
    owner: null,
    ownerPermissions: 31,
    allowedActors: null,
    deniedActors: null,
    boundSession: null,
  };
  const metadata = { toolName: null, totalItems: 1, totalSize: 10, strictJson: true };
  const createdAt = Date.now();
  return { json: '{"n":1234}', namespace, policy, createdAt, expiresAt: createdAt + 3_600_000, metadata };
}

const memory: Kind = {
  name: "memory",
  isIndexed: true,
  open: async () => {
    const store = new MemoryBackend({ maxEntries: FULL.many, maxBytes: 4 * 1024 ** 3 });
    return { store, close: () => store.close() };
  },
};

const sqlite: Kind = {
  name: "SQLite",
  isIndexed: true,
  open: async () => {
    const folder = mkdtempSync(join(tmpdir(), "refcache-bench-"));
    const store = new SqliteBackend(join(folder, "bench.db"));
    const close = async () => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    };
    return { store, close };
  },
};

function redis(namespaceIndex: boolean): Kind {
  return {
    name: `Redis, namespaceIndex ${namespaceIndex ? "on" : "off"}`,
    isIndexed: namespaceIndex,
    open: async () => {
      const server = await startRedis();
      const store = new RedisBackend({ url: server.url, namespaceIndex, commandTimeout: 10_000 });
      await store.rebuildIndex(); // of nothing
      const close = async () => {
        await store.close();
        await server.stop();
      };
      return { store, close };
    },
  };
}
