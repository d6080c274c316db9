import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Entry } from "../../../src/index.js";
import { describeRedis } from "../../helpers/describe-redis.js";
import { entry, reference } from "../../helpers/entries.js";
import { type SharedStore, sharedRedis, sharedSqlite } from "../../helpers/shared-stores.js";
import { coherent, tiersOver } from "../../helpers/tiers.js";

type Server = ReturnType<typeof tiersOver>["tiers"];

const KEYS = [reference(1), reference(2)];
const NAMES = ["memo:1", "key:2"];

describe("sqlite", () => coherence(sharedSqlite, 60));
describeRedis("redis", () => coherence(sharedRedis, 120));

function coherence(start: () => Promise<SharedStore>, runs: number): void {
  let store: SharedStore;

  beforeAll(async () => {
    store = await start();
  });
  afterAll(() => store?.stop());

  async function twoServers(): Promise<[Server, Server]> {
    const servers: [Server, Server] = [tiersOver(store.connect()).tiers, tiersOver(store.connect()).tiers];
    for (const server of servers) {
      await server.clear();
      await coherent(server);
    }
    return servers;
  }

  test("nobody reads what was, once a write is acknowledged and a round trip has passed", async () => {
    const servers = await twoServers();
    await fc.assert(
      fc.asyncProperty(fc.commands(COMMANDS, { maxCommands: 60, size: "max" }), async (commands) => {
        await store.foreign.flush();
        const model: Model = { entries: new Map(), links: new Map() };
        await fc.asyncModelRun(() => ({ model, real: { servers, store } }), commands);
      }),
      { numRuns: runs },
    );
    for (const server of servers) expect((await server.health()).copies.hits).toBeGreaterThan(50);
  }, 120_000);

  test("nor while two servers and a foreign program write at once, and connections are cut", async () => {
    const servers = await twoServers();
    const keys = KEYS.map((refId) => new VersionedKey(refId));
    const end = performance.now() + 3000;
    const isOver = () => performance.now() > end;
    const work = [
      ...keys.map((key) => writeVersions(key, servers, store, isOver)),
      ...keys.flatMap((key) => servers.map((server) => readVersions(key, server, isOver))),
      interruptOften(store, isOver),
    ];
    await Promise.all(work);
    for (const key of keys) expect(key.acknowledged).toBeGreaterThan(50);
    for (const server of servers) expect((await server.health()).copies.hits).toBeGreaterThan(50);
  }, 60_000);
}

interface Model {
  readonly entries: Map<string, Entry>;
  readonly links: Map<string, string>;
}

interface Real {
  readonly servers: readonly Server[];
  readonly store: SharedStore;
}

type Step = fc.AsyncCommand<Model, Real>;

/** A command out of what it is called, what it does to the model, and what to the store. */
function step(name: string, model: (model: Model) => void, real: (real: Real) => Promise<unknown>): Step {
  return {
    check: () => true,
    toString: () => name,
    run: async (m, r) => {
      model(m);
      await real(r);
    },
  };
}

function empty({ entries, links }: Model): void {
  entries.clear();
  links.clear();
}

let version = 0;

function fresh(): Entry {
  return entry({ value: `version ${version++}`, expiresIn: 600_000 });
}

const keys = fc.constantFrom(...KEYS);
const names = fc.constantFrom(...NAMES);
const places = fc.constantFrom(0, 1);

const serverAt = ({ servers }: Real, n: number): Server => servers[n] as Server;

const reading = fc.tuple(places, keys).map(([n, key]): Step => {
  return {
    check: () => true,
    toString: () => `server ${n} reads ${key.slice(-1)}`,
    run: async ({ entries }, real) => {
      const server = serverAt(real, n);
      await server.settle();
      const expected = entries.get(key);
      expect((await server.head(key))?.createdAt).toBe(expected?.createdAt);
      for (const _ of ["the store", "the copy"]) expect((await server.get(key))?.json).toBe(expected?.json);
      expect(await server.exists(key)).toBe(expected !== undefined);
    },
  };
});

const following = fc.tuple(places, names).map(([n, name]): Step => {
  return {
    check: () => true,
    toString: () => `server ${n} follows ${name}`,
    run: async ({ links }, real) => {
      const server = serverAt(real, n);
      await server.settle();
      expect(await server.getLink(name)).toBe(links.get(name));
    },
  };
});

const COMMANDS = [
  ...[reading, reading, reading, reading, reading, following, following, following],
  fc.tuple(places, keys).map(([n, key]) => {
    const made = fresh();
    return step(
      `server ${n} sets ${key.slice(-1)}`,
      ({ entries }) => entries.set(key, made),
      (real) => serverAt(real, n).set(key, made),
    );
  }),
  fc.tuple(places, keys, names).map(([n, key, name]) => {
    const made = fresh();
    return step(
      `server ${n} sets ${key.slice(-1)} as ${name}`,
      ({ entries, links }) => {
        entries.set(key, made);
        links.set(name, key);
      },
      (real) => serverAt(real, n).setLinked(key, made, name),
    );
  }),
  fc.tuple(places, keys).map(([n, key]) => {
    const made = fresh();
    return step(
      `server ${n} replaces ${key.slice(-1)}`,
      ({ entries }) => entries.has(key) && entries.set(key, made),
      (real) => serverAt(real, n).replace(key, made),
    );
  }),
  fc.tuple(places, keys).map(([n, key]) =>
    step(
      `server ${n} deletes ${key.slice(-1)}`,
      ({ entries }) => entries.delete(key),
      (real) => serverAt(real, n).delete(key),
    ),
  ),
  places.map((n) => step(`server ${n} clears`, empty, (real) => serverAt(real, n).clear())),
  keys.map((key) => {
    const made = fresh();
    return step(
      `a stranger sets ${key.slice(-1)}`,
      ({ entries }) => entries.set(key, made),
      ({ store }) => store.foreign.set(key, made),
    );
  }),
  keys.map((key) =>
    step(
      `a stranger deletes ${key.slice(-1)}`,
      ({ entries }) => entries.delete(key),
      ({ store }) => store.foreign.delete(key),
    ),
  ),
  keys.map((key) =>
    step(
      `a stranger lets ${key.slice(-1)} expire`,
      ({ entries }) => entries.delete(key),
      ({ store }) => store.foreign.expire(key),
    ),
  ),
  fc.tuple(names, keys).map(([name, key]) =>
    step(
      `a stranger points ${name} at ${key.slice(-1)}`,
      ({ links }) => links.set(name, key),
      ({ store }) => store.foreign.link(name, key),
    ),
  ),
  fc.constant(step("a stranger empties the store", empty, ({ store }) => store.foreign.flush())),
];

/** A reference whose entries carry growing versions, written by one at a time, whoever that is. */
class VersionedKey {
  /** The version that was written last, and that its writer has been told of. */
  acknowledged = 0;
  /** Versions at which it was deleted, or was about to be. */
  readonly deletions: number[] = [0];

  constructor(readonly refId: string) {}
}

async function writeVersions(
  key: VersionedKey,
  servers: readonly Server[],
  { foreign }: SharedStore,
  isOver: () => boolean,
): Promise<void> {
  const writers = [...servers, foreign];
  for (let n = 1; !isOver(); n++) {
    const writer = writers[n % writers.length] ?? foreign;
    if (n % 7 === 0) {
      key.deletions.push(n);
      await writer.delete(key.refId);
    } else {
      await writer.set(key.refId, entry({ value: n, expiresIn: 60_000 }));
    }
    key.acknowledged = n;
    await new Promise((resolve) => setTimeout(resolve, n % 3));
  }
}

async function readVersions(key: VersionedKey, server: Server, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const least = key.acknowledged;
    await server.settle();
    const found = await server.get(key.refId);
    const isRight =
      found === undefined ? key.deletions.some((deleted) => deleted >= least) : Number(found.json) >= least;
    if (!isRight) throw new Error(`read ${found?.json} after ${least} was acknowledged`);
    await new Promise(setImmediate);
  }
}

async function interruptOften({ foreign }: SharedStore, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, 900));
    await foreign.interrupt();
  }
}
