import { expect, test } from "vitest";
import {
  type CacheBackend,
  ConfigurationError,
  type EncryptionOptions,
  MemoryBackend,
  RefCache,
  StoreUnavailableError,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { all } from "../helpers/entries.js";
import { encryption, key } from "../helpers/keys.js";
import { membersOf, memoryStore, onEveryStore, type RawStore, sqliteStore } from "../helpers/raw-stores.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const CANARY = "canary-5f3a";
const BOTH = encryption({ keys: { k1: key(1), k2: key(2) }, current: "k2" });
const NEW = encryption({ keys: { k2: key(2) }, current: "k2" });

function on(store: RawStore, options?: EncryptionOptions, backend = store.connect()) {
  const logger = recordingLogger();
  const cache = new RefCache({ name: "calc", backend, logger, encryption: options });
  return Object.assign(cache, { lines: logger.lines });
}

onEveryStore((make) => {
  test("what an old key wrote is under the current one afterwards, and otherwise the same", async () => {
    const store = await make();
    const old = on(store, encryption());
    const options = { namespace: "n", ttl: "2h", policy: { owner: "user:a" }, toolName: "load" };
    const before = await old.set("k", { secret: CANARY }, options);
    const eternal = await old.set("e", 2n ** 70n, { ttl: null });
    const { refId: newer } = await on(store, BOTH).set("new", 3);
    const rows = await Promise.all([before.refId, eternal.refId].map((refId) => store.read(refId)));
    expect(await on(store, BOTH).reencrypt()).toEqual({ reencrypted: 2, unchanged: 1, failed: 0 });
    const cache = on(store, NEW);
    expect(await cache.resolve(before.refId, asServer)).toEqual({ secret: CANARY });
    expect(await cache.resolve(eternal.refId, asServer)).toBe(2n ** 70n);
    expect(await cache.resolve(newer, asServer)).toBe(3);
    for (const { value_json, metadata_json, ...head } of rows) {
      const refId = head.expires_at === null ? eternal.refId : before.refId;
      const now = await store.read(refId);
      expect(now).toMatchObject(head);
      expect(membersOf(now.metadata_json)).toMatchObject({
        ...membersOf(metadata_json),
        mcp_refcache: expect.anything(),
      });
      expect(membersOf(now.value_json).key_id).toBe("k2");
    }
    expect(await cache.lookup("k", { ...asServer, namespace: "n" })).toMatchObject({ refId: before.refId });
    expect(await on(store, BOTH).reencrypt()).toEqual({ reencrypted: 0, unchanged: 3, failed: 0 });
  });

  test("plain entries are left alone, unless they are to be encrypted", async () => {
    const store = await make();
    const plain = on(store);
    const value = Array.from({ length: 3000 }, (_, n) => `${CANARY} ${n}`);
    const ours = await plain.set("a", value);
    const theirs = "calc:00000000000000000000000000000001";
    const { value_json: _, ...row } = await store.read(ours.refId);
    await store.write(theirs, { ...row, value_json: `[1, "${CANARY}"]`, metadata_json: '{"task": "t"}' });
    const cache = on(store, BOTH);
    expect(await cache.reencrypt()).toEqual({ reencrypted: 0, unchanged: 2, failed: 0 });
    expect(await plain.resolve(ours.refId, asServer)).toEqual(value);
    expect(await cache.reencrypt({ plaintext: true })).toEqual({ reencrypted: 2, unchanged: 0, failed: 0 });
    expect(await cache.resolve(ours.refId, asServer)).toEqual(value);
    expect(await cache.resolve(theirs, asServer)).toEqual([1, CANARY]);
    expect(membersOf((await store.read(theirs)).metadata_json)).toMatchObject({ task: "t" });
    await plain.close();
    if (store.kind === "memory") return;
    await cache.close(); // the last one on a file of SQLite writes its WAL back
    expect(await store.bytes()).not.toContain(CANARY);
  });

  test("what cannot be read is counted, told and left as it is", async () => {
    const store = await make();
    const { refId: lost } = await on(store, encryption({ keys: { k9: key(9) }, current: "k9" })).set("a", 1);
    const { refId: edited } = await on(store, encryption()).set("b", 2);
    const { refId: other } = await on(store, encryption({ keys: { k2: key(7) }, current: "k2" })).set("c", 3);
    const { refId: broken } = await on(store).set("d", 4);
    await store.write(edited, { ...(await store.read(edited)), namespace: "other" });
    await store.write(broken, { ...(await store.read(broken)), value_json: "5" });
    const references = [lost, edited, other, broken];
    const before = await Promise.all(references.map((refId) => store.read(refId)));
    const cache = on(store, BOTH);
    expect(await cache.reencrypt({ plaintext: true })).toEqual({ reencrypted: 0, unchanged: 0, failed: 4 });
    expect(cache.lines).toHaveLength(4);
    for (const refId of references) expect(cache.lines.join()).not.toContain(refId);
    expect(await Promise.all(references.map((refId) => store.read(refId)))).toEqual(before);
  });

  test("an entry that is deleted in between stays deleted", async () => {
    const store = await make();
    const old = on(store, encryption());
    const [first, second] = [await old.set("a", 1), await old.set("b", 2)];
    const backend = store.connect();
    const meddling = withGet(backend, async (refId, get) => {
      const entry = await get();
      await old.delete(refId === first.refId ? first.refId : "calc:00000000", asServer);
      return entry;
    });
    const result = await on(store, BOTH, meddling).reencrypt();
    expect(result).toEqual({ reencrypted: 1, unchanged: 0, failed: 0 });
    expect((await all(old.list(asServer))).map(({ refId }) => refId)).toEqual([second.refId]);
    expect(await backend.exists(first.refId)).toBe(false);
  });

  test("so does one that was deleted before it was read", async () => {
    const store = await make();
    const old = on(store, encryption());
    await old.set("a", 1);
    const gone = withGet(store.connect(), async () => undefined);
    expect(await on(store, BOTH, gone).reencrypt()).toEqual({ reencrypted: 0, unchanged: 0, failed: 0 });
  });
});

test("others get their turn meanwhile", async () => {
  const store = sqliteStore();
  const old = on(store, encryption());
  for (let n = 0; n < 300; n++) await old.set(`k${n}`, "x".repeat(50_000));
  let turns = 0;
  const count = () => {
    turns++;
    next = setImmediate(count);
  };
  let next = setImmediate(count);
  await on(store, BOTH).reencrypt();
  clearImmediate(next);
  expect(turns).toBeGreaterThan(3);
});

test("a thousand failures are counted and not all told", async () => {
  const store = memoryStore();
  const old = on(store, encryption());
  for (let n = 0; n < 1000; n++) await old.set(`k${n}`, n);
  const cache = on(store, NEW);
  expect((await cache.reencrypt()).failed).toBe(1000);
  expect(cache.lines).toHaveLength(20);
});

test("a store that fails ends it", async () => {
  const store = memoryStore();
  await on(store, encryption()).set("a", 1);
  const down = withGet(store.connect(), () => Promise.reject(new StoreUnavailableError("It is down.")));
  await expect(on(store, BOTH, down).reencrypt()).rejects.toThrow(StoreUnavailableError);
});

test("it takes keys, a backend that can replace, and options that exist", async () => {
  const store = memoryStore();
  await expect(on(store).reencrypt()).rejects.toMatchObject({ option: "encryption" });
  await expect(on(store, BOTH).reencrypt({ plain: true } as never)).rejects.toMatchObject({
    option: "plain",
  });
  const { get, set, delete: remove, exists, clear, keys, close } = MemoryBackend.prototype;
  const six = { get, set, delete: remove, exists, clear, keys, close } as CacheBackend;
  const cache = on(store, BOTH, six);
  await expect(cache.reencrypt()).rejects.toThrow(ConfigurationError);
  await expect(cache.reencrypt()).rejects.toMatchObject({ option: "backend" });
});

type Get = CacheBackend["get"];

/** The backend with something else done where an entry is read. */
function withGet(
  backend: CacheBackend,
  get: (refId: string, original: () => ReturnType<Get>) => ReturnType<Get>,
): CacheBackend {
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === "get") return (refId: string) => get(refId, () => target.get(refId));
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
