import { describe, expect, test } from "vitest";
import type { CacheBackend } from "../../src/backends/backend.js";
import { backendChecks } from "../../src/backends/conformance.js";
import { MemoryBackend } from "../../src/backends/memory/backend.js";
import type { Entry } from "../../src/entry/entry.js";
import { all } from "../helpers/entries.js";

type Change = (sound: MemoryBackend, stored: Map<string, Entry>) => Partial<MemoryBackend>;

/** Backends with one fault each, and a word from the check that must notice it. */
const FAULTS: Record<string, [notices: string, change: Change]> = {
  "clears by prefix": [
    "exactly one namespace",
    (sound) => ({
      clear: async (namespace) => {
        const heads = await all(sound.heads());
        const hit = heads.filter(([, head]) => head.namespace.startsWith(namespace ?? ""));
        for (const [refId] of hit) await sound.delete(refId);
        return hit.length;
      },
    }),
  ],
  "re-formats values": [
    "byte for byte",
    (sound) => ({ set: (refId, entry) => sound.set(refId, { ...entry, json: reformatted(entry.json) }) }),
  ],
  "forgets expiry": [
    "expiry",
    (sound) => ({ set: (refId, entry) => sound.set(refId, { ...entry, expiresAt: null }) }),
  ],
  "counts expiry in seconds": [
    "year 2100",
    (sound) => ({
      set: (refId, entry) =>
        sound.set(refId, {
          ...entry,
          expiresAt: entry.expiresAt && Math.floor(entry.expiresAt / 1000) * 1000,
        }),
    }),
  ],
  "drops foreign metadata": [
    "other writers",
    (sound) => ({
      set: (refId, { metadata: { other: _, ...metadata }, ...entry }) =>
        sound.set(refId, { ...entry, metadata }),
    }),
  ],
  "keeps the caller's object": [
    "caller's object",
    (_, stored) => ({
      set: async (refId, entry) => void stored.set(refId, entry),
      get: async (refId) => stored.get(refId),
    }),
  ],
  "always deletes": ["deletes one entry", () => ({ delete: async () => true })],
  "lists nothing": ["lists", () => ({ async *keys() {} })],
  "works after close": ["after close", () => ({ close: async () => {} })],
  "confuses links and entries": [
    "links: are not entries",
    (sound) => ({
      setLinked: async (refId, entry, name) => {
        await sound.setLinked(refId, entry, name);
        for (const check of [name]) await sound.set(check, NOTHING);
      },
    }),
  ],
  "brings back what was deleted": [
    "makes no entry where there is none",
    (sound) => ({
      replace: async (refId, entry) => {
        await sound.set(refId, entry);
        return true;
      },
    }),
  ],
  "looks before it replaces": [
    "deleted at the same time",
    (sound) => ({
      replace: async (refId, entry) => {
        const isThere = await sound.exists(refId);
        if (isThere) await sound.set(refId, entry);
        return isThere;
      },
    }),
  ],
  "says that nothing was there to replace": [
    "replace: writes over an entry",
    (sound) => ({ replace: async (refId, entry) => void (await sound.replace(refId, entry)) as never }),
  ],
  "replaces the value alone": [
    "replace: writes over an entry as a whole",
    (sound) => ({
      replace: async (refId, { json }) => {
        const old = await sound.get(refId);
        return old !== undefined && sound.replace(refId, { ...old, json });
      },
    }),
  ],
  "compares revisions before it changes tasks, and not as it does": [
    "of many changes of one revision, one is done",
    (sound) => ({
      changeTask: async (refId, record, revision, lease) => {
        if ((await sound.readTask(refId))?.revision !== revision) return false;
        for (let now = revision; now < revision + 100; now++)
          if (await sound.changeTask(refId, record, now, lease)) return true;
        return false;
      },
    }),
  ],
  "lets finished tasks be renewed": [
    "finished by a lease of 0, and stay so",
    (sound) => ({
      changeTask: (refId, record, revision, lease) =>
        sound.changeTask(refId, record, revision, lease === 0 ? 1 : lease),
    }),
  ],
  "lists tasks that are taken up": [
    "listed until somebody takes them up",
    (sound) => ({ renewTask: async (refId, revision) => sound.renewTask(refId, revision, 0) }),
  ],
  "keeps the first task of a name": [
    "a name leads to the last one",
    (sound) => ({
      addTask: async (refId, record, { lease, name }) => {
        const isNamed = name !== undefined && (await sound.taskOf(name)) !== undefined;
        return sound.addTask(refId, record, { lease, ...(isNamed || name === undefined ? {} : { name }) });
      },
    }),
  ],
};

const NOTHING: Entry = {
  json: "null",
  namespace: "links",
  policy: { ...({} as Entry["policy"]) },
  createdAt: 0,
  expiresAt: null,
  metadata: { toolName: null, totalItems: null, totalSize: null },
};

function reformatted(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return json;
  }
}

/** The sound backend with the changed methods in front. */
function faulty(change: Change): CacheBackend {
  const sound = new MemoryBackend();
  const changes = change(sound, new Map());
  return new Proxy(sound, {
    get: (target, name) => {
      const method: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof method === "function" ? method.bind(target) : method;
    },
  });
}

async function failures(create: () => CacheBackend): Promise<string[]> {
  const failed: string[] = [];
  for (const check of backendChecks(async () => create())) {
    await check.run().catch(() => failed.push(check.name));
  }
  return failed;
}

describe("the conformance suite notices a backend that", () => {
  test.concurrent.each(Object.entries(FAULTS))("%s", async (_, [notices, change]) => {
    expect(await failures(() => faulty(change))).toEqual(
      expect.arrayContaining([expect.stringContaining(notices)]),
    );
  });
});

test("a backend without capabilities passes, links and heads left out", async () => {
  const six = () => {
    const sound = new MemoryBackend();
    const { get, set, exists, clear, keys, close } = {
      get: sound.get.bind(sound),
      set: sound.set.bind(sound),
      exists: sound.exists.bind(sound),
      clear: sound.clear.bind(sound),
      keys: sound.keys.bind(sound),
      close: sound.close.bind(sound),
    };
    return { get, set, delete: sound.delete.bind(sound), exists, clear, keys, close };
  };
  expect(await failures(six)).toEqual([]);
});

test("check names are distinct", () => {
  const names = backendChecks(async () => new MemoryBackend()).map((check) => check.name);
  expect(new Set(names).size).toBe(names.length);
});
