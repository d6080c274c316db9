import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  type Actor,
  DecryptionError,
  type EncryptionOptions,
  policies,
  RefCache,
  type RefCacheOptions,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { all } from "../helpers/entries.js";
import { errorOf } from "../helpers/errors.js";
import { encryption, key } from "../helpers/keys.js";
import { membersOf, memoryStore, onEveryStore, type RawStore } from "../helpers/raw-stores.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const CANARY = "canary-5f3a";
const AGENT: Actor = { type: "agent", id: "a" };

/** A server on a store, with key `k1` unless wished otherwise. */
function on(store: RawStore, options: Partial<RefCacheOptions> = {}): RefCache {
  return new RefCache({ name: "calc", backend: store.connect(), encryption: encryption(), ...options });
}

const keyed = (options: Partial<EncryptionOptions>) => ({ encryption: encryption(options) });

onEveryStore((make) => {
  test("a value is nowhere in the store, and whole for a server with the key", async () => {
    const store = await make();
    const cache = on(store);
    const value = { secret: CANARY, rows: Array.from({ length: 500 }, (_, n) => `${CANARY} ${n} é 日本`) };
    const { refId } = await cache.set("report", value, { namespace: "reports" });
    const load = cache.cached("tools")(async function load() {
      return value;
    });
    await load();
    const raw = await store.bytes();
    expect(raw).not.toContain(CANARY);
    expect(raw).not.toContain(Buffer.from(CANARY).toString("base64").slice(1, -4));
    expect(raw).toContain("mcp_refcache_encrypted");
    expect(await on(store).resolve(refId, asServer)).toEqual(value);
  });

  test("answers, previews, pages and listings are those of a cache without encryption", async () => {
    const value = Array.from({ length: 3000 }, (_, id) => ({ id, big: 2n ** 70n, name: "é" }));
    const seen = [];
    for (const options of [{ encryption: undefined }, {}]) {
      const cache = on(await make(), options);
      const { refId, ...reference } = await cache.set("k", value, { ttl: null });
      const [{ refId: listed, ...head } = { refId: "" }] = await all(cache.list(asServer));
      expect(listed).toBe(refId);
      const answers = [await cache.get(refId, asServer), await cache.get(refId, { ...asServer, page: 2 })];
      const parts = answers.map(({ ref_id: _, ...answer }) => answer);
      seen.push({ parts, reference: { ...reference, createdAt: 0 }, head: { ...head, createdAt: 0 } });
    }
    expect(seen[1]).toEqual(seen[0]);
  });

  test("a reader without keys sees that it is encrypted, by which key, and no value", async () => {
    const store = await make();
    const { refId } = await on(store).set("k", { secret: CANARY }, { toolName: "load" });
    const row = await store.read(refId);
    expect(membersOf(row.value_json)).toEqual({
      mcp_refcache_encrypted: 1,
      note: expect.stringContaining("encrypted"),
      key_id: "k1",
      iv: expect.stringMatching(/^[A-Za-z0-9+/]{16}$/),
      tag: expect.stringMatching(/^[A-Za-z0-9+/]{22}==$/),
      data: expect.any(String),
    });
    expect(membersOf(row.metadata_json)).toMatchObject({ tool_name: "load", total_items: 1 });
  });

  test("equal values are encrypted differently each time", async () => {
    const store = await make();
    const cache = on(store);
    const envelopes = [];
    for (const n of [1, 2, 3]) {
      const { refId } = await cache.set(`k${n}`, CANARY);
      envelopes.push(membersOf((await store.read(refId)).value_json));
    }
    for (const member of ["iv", "data", "tag"])
      expect(new Set(envelopes.map((envelope) => envelope[member])).size).toBe(3);
  });

  describe("an entry that was changed in the store", () => {
    type Row = Awaited<ReturnType<RawStore["read"]>>;
    const policy = (change: object) => (row: Row) => ({
      policy_json: JSON.stringify({ ...membersOf(row.policy_json), ...change }),
    });
    const metadata = (change: object) => (row: Row) => ({
      metadata_json: JSON.stringify({ ...membersOf(row.metadata_json), ...change }),
    });
    const envelope = (change: (members: Record<string, string>) => object) => (row: Row) => {
      const members = membersOf(row.value_json) as Record<string, string>;
      return { value_json: JSON.stringify({ ...members, ...change(members) }) };
    };
    const otherFirst = (text = "") => (text.startsWith("A") ? "B" : "A") + text.slice(1);

    test.each<[string, (row: Row) => Partial<Row>]>([
      ["namespace", () => ({ namespace: "other" })],
      ["permissions", policy({ agent_permissions: 31 })],
      ["owner", policy({ owner: "user:mallory" })],
      ["actor list", policy({ denied_actors: [] })],
      ["time of making", (row) => ({ created_at: row.created_at + 1 })],
      ["expiry, later", (row) => ({ expires_at: (row.expires_at ?? 0) + 0.001 })],
      ["expiry, taken away", () => ({ expires_at: null })],
      ["tool name", metadata({ tool_name: "other" })],
      ["count of items", metadata({ total_items: 7 })],
      ["size", metadata({ total_size: 7 })],
      ["promise of strict JSON", metadata({ strict_json: false })],
      ["encrypted text", envelope(({ data }) => ({ data: otherFirst(data) }))],
      ["length of the text", envelope(({ data = "" }) => ({ data: data.slice(0, -4) }))],
      ["tag", envelope(({ tag }) => ({ tag: otherFirst(tag) }))],
      ["shortened tag", envelope(({ tag = "" }) => ({ tag: tag.slice(0, 8) }))],
      ["iv", envelope(({ iv }) => ({ iv: otherFirst(iv) }))],
      ["version", envelope(() => ({ mcp_refcache_encrypted: 2 }))],
      ["key", envelope(() => ({ key_id: "k2" }))],
      ["name of the key, into none", envelope(() => ({ key_id: "no key" }))],
    ])("in its %s", async (_what, change) => {
      const store = await make();
      const cache = on(store, keyed({ keys: { k1: key(1), k2: key(2) } }));
      const { refId } = await cache.set("k", { secret: CANARY }, { toolName: "load" });
      const row = await store.read(refId);
      await store.write(refId, row); // unchanged, it is read
      expect(await cache.resolve(refId, asServer)).toEqual({ secret: CANARY });
      await store.write(refId, { ...row, ...change(row) });
      await expect(cache.resolve(refId, asServer)).rejects.toThrow(DecryptionError);
      await expect(cache.get(refId, asServer)).rejects.toMatchObject({ code: "decryption_failed" });
      expect((await all(cache.list(asServer))).map((reference) => reference.refId)).toEqual([refId]);
    });

    test("and moved under another reference", async () => {
      const store = await make();
      const cache = on(store);
      const { refId } = await cache.set("a", CANARY);
      const moved = "calc:00000000000000000000000000000001";
      await store.write(moved, await store.read(refId));
      await expect(cache.resolve(moved, asServer)).rejects.toThrow(DecryptionError);
    });

    test("and swapped with another", async () => {
      const store = await make();
      const cache = on(store);
      const [a, b] = [(await cache.set("a", "a")).refId, (await cache.set("b", "b")).refId];
      const [rowA, rowB] = [await store.read(a), await store.read(b)];
      await store.write(a, { ...rowA, value_json: rowB.value_json });
      await store.write(b, rowA);
      await expect(cache.resolve(a, asServer)).rejects.toThrow(DecryptionError);
      await expect(cache.resolve(b, asServer)).rejects.toThrow(DecryptionError);
    });
  });

  test("after a change of keys, old entries are read and new ones written under the new key", async () => {
    const store = await make();
    const old = await on(store).set("a", CANARY);
    const rotated = on(store, keyed({ keys: { k1: key(1), k2: key(2) }, current: "k2" }));
    expect(await rotated.resolve(old.refId, asServer)).toBe(CANARY);
    const { refId } = await rotated.set("b", CANARY);
    expect(membersOf((await store.read(refId)).value_json).key_id).toBe("k2");
    expect(await on(store, keyed({ keys: { k2: key(2) }, current: "k2" })).resolve(refId, asServer)).toBe(
      CANARY,
    );
  });

  test("a key that is missing is named, and concerns only its entries", async () => {
    const store = await make();
    const old = await on(store).set("a", CANARY);
    const cache = on(store, keyed({ keys: { k2: key(2) }, current: "k2" }));
    const { refId } = await cache.set("b", "mine");
    const error = await errorOf(() => cache.resolve(old.refId, asServer));
    expect(error).toBeInstanceOf(DecryptionError);
    expect(error).toMatchObject({ code: "decryption_failed", name: "DecryptionError", refId: old.refId });
    expect(error.message).toContain('"k1" is missing');
    expect(error.message).toContain("encryption.keys");
    expect(error.message).not.toContain(old.refId);
    expect(inspect(error, { depth: Infinity, showHidden: false })).not.toMatch(
      new RegExp(`${CANARY}|${old.refId}`),
    );
    expect(await cache.resolve(refId, asServer)).toBe("mine");
    expect((await all(cache.list(asServer))).length).toBe(2);
    expect(await cache.exists(old.refId, asServer)).toBe(true);
  });

  test("another key under the same name does not pass for the one that wrote", async () => {
    const store = await make();
    const { refId } = await on(store).set("a", CANARY);
    const error = await errorOf(() => on(store, keyed({ keys: { k1: key(9) } })).resolve(refId, asServer));
    expect(error).toBeInstanceOf(DecryptionError);
    expect(error.message).toContain('"k1" is not the one');
  });

  test("a cache without encryption never gives the envelope for the value", async () => {
    const store = await make();
    const { refId } = await on(store).set("a", CANARY);
    const plain = on(store, { encryption: undefined });
    const error = await errorOf(() => plain.resolve(refId, asServer));
    expect(error).toBeInstanceOf(DecryptionError);
    expect(error.message).toMatch(/"k1".*no encryption/);
    await expect(plain.get(refId, asServer)).rejects.toThrow(DecryptionError);
    const tool = plain.cached("n")(async ({ rows }: { rows: unknown }) => rows);
    await expect(tool({ rows: refId })).rejects.toThrow(DecryptionError);
  });

  test("nor where others have written it with blanks", async () => {
    const store = await make();
    const { refId } = await on(store).set("a", CANARY);
    const row = await store.read(refId);
    const spaced = JSON.stringify(membersOf(row.value_json), null, 1);
    await store.write(refId, { ...row, value_json: spaced });
    await expect(on(store, { encryption: undefined }).resolve(refId, asServer)).rejects.toThrow(
      DecryptionError,
    );
    expect(await on(store).resolve(refId, asServer)).toBe(CANARY);
  });

  test("what is not encrypted is refused, unless it is to be accepted", async () => {
    const store = await make();
    const { refId } = await on(store, { encryption: undefined }).set("a", "planted");
    const error = await errorOf(() => on(store).resolve(refId, asServer));
    expect(error).toBeInstanceOf(DecryptionError);
    expect(error.message).toContain("encryption.acceptPlaintext");
    expect((await all(on(store).list(asServer))).length).toBe(1);
    expect(await on(store, keyed({ acceptPlaintext: true })).resolve(refId, asServer)).toBe("planted");
  });

  test("what other writers wrote is accepted with them", async () => {
    const store = await make();
    const { refId } = await on(store).set("a", 1);
    const { metadata_json: _, ...row } = await store.read(refId);
    await store.write(refId, { ...row, value_json: "[1, 2]", metadata_json: "{}" });
    await expect(on(store).resolve(refId, asServer)).rejects.toThrow(DecryptionError);
    expect(await on(store, keyed({ acceptPlaintext: true })).resolve(refId, asServer)).toEqual([1, 2]);
  });

  test("a result that can no longer be decrypted is made again, and the operator is told", async () => {
    const store = await make();
    const runs: number[] = [];
    const logger = recordingLogger();
    const load = (cache: RefCache) =>
      cache.cached("n", { name: "load" })(async () => ({ run: runs.push(1), secret: CANARY }));
    const first = await load(on(store))();
    expect((await load(on(store))()).ref_id).toBe(first.ref_id);
    expect(runs.length).toBe(1);
    const other = on(store, { ...keyed({ keys: { k2: key(2) }, current: "k2" }), logger });
    expect(await load(other)()).toMatchObject({ value: { run: 2 } });
    expect(logger.lines).toEqual([expect.stringMatching(/"k1" is missing.*made again/)]);
    expect(logger.lines.join()).not.toContain(first.ref_id);
    expect(await load(other)()).toMatchObject({ value: { run: 2 } });
  });

  test("who has no right to an entry does not learn that it cannot be decrypted", async () => {
    const store = await make();
    const { refId } = await on(store).set("a", CANARY, { policy: policies.userOnly });
    const shown = await on(store).set("b", CANARY);
    const other = on(store, keyed({ keys: { k2: key(2) }, current: "k2" }));
    await expect(other.get(refId, { actor: AGENT })).rejects.toMatchObject({ code: "reference_unavailable" });
    await expect(other.get(shown.refId, { actor: AGENT })).rejects.toThrow(DecryptionError);
  });

  test("an entry that cannot be decrypted is deleted by those who may", async () => {
    const store = await make();
    const user: Actor = { type: "user", id: "u" };
    const { refId } = await on(store).set("a", CANARY);
    const other = on(store, keyed({ keys: { k2: key(2) }, current: "k2" }));
    expect(await other.delete(refId, { actor: AGENT })).toBe(false);
    expect(await other.delete(refId, { actor: user })).toBe(true);
  });

  test("times beside the millisecond, and half of a surrogate pair in the policy", async () => {
    const store = await make();
    const cache = on(store);
    const odd = await cache.set("k", CANARY, { policy: { owner: "user:half \ud800" }, ttl: 3_600_000.5 });
    expect(await cache.resolve(odd.refId, asServer)).toBe(CANARY);
    for (let ms = 0; ms < 40; ms++) {
      const { refId } = await cache.set(`k${ms}`, ms, { ttl: 1_000_000 + ms * 7919.37 });
      expect(await cache.resolve(refId, asServer)).toBe(ms);
    }
  });
});

describe("the keys", () => {
  test("a caller's array may change afterwards", async () => {
    const bytes = key(1);
    const store = memoryStore();
    const cache = on(store, keyed({ keys: { k1: bytes } }));
    const { refId } = await cache.set("a", CANARY);
    bytes.fill(7);
    expect(await on(store).resolve(refId, asServer)).toBe(CANARY);
    expect(await cache.resolve(refId, asServer)).toBe(CANARY);
  });

  test("text in base64 and bytes are one key", async () => {
    const store = memoryStore();
    const { refId } = await on(store).set("a", CANARY);
    const bytes = Buffer.from(key(1));
    for (const text of [bytes.toString("base64"), bytes.toString("base64url"), bytes])
      expect(await on(store, keyed({ keys: { k1: text } })).resolve(refId, asServer)).toBe(CANARY);
  });

  test("are not shown by printing a cache", () => {
    const text = Buffer.from(key(1)).toString("base64");
    const cache = on(memoryStore(), keyed({ keys: { k1: text } }));
    expect(inspect(cache, { depth: Infinity, showHidden: true })).not.toContain(text);
  });
});
