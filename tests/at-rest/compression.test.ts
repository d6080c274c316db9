import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test, vi } from "vitest";
import { type Codec, isSupported } from "../../src/at-rest/codecs.js";
import { makeKeyring } from "../../src/at-rest/options.js";
import { Protection } from "../../src/at-rest/protection.js";
import { hasRanges } from "../../src/backends/backend.js";
import type { EntryRow } from "../../src/entry/wire.js";
import {
  type Answer,
  type CacheBackend,
  DecryptionError,
  EntryUnreadableError,
  RefCache,
  type RefCacheOptions,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { supportedCodecs } from "../helpers/codecs.js";
import { entry, reference } from "../helpers/entries.js";
import { errorOf } from "../helpers/errors.js";
import { encryption, key } from "../helpers/keys.js";
import { membersOf, memoryStore, onEveryStore, type RawStore } from "../helpers/raw-stores.js";
import { recordingLogger } from "../helpers/recording-logger.js";
import { longestTurn } from "../helpers/turns.js";

const CANARY = "canary-5f3a";
/** Some 700 KB, and compressed so much that parts of it are read by ranges. */
const LARGE = Array.from({ length: 9000 }, (_, id) => ({ id, name: `${CANARY} é 日 🙂 ${noise(id)}` }));
/** Some 40 KB, which is compressed and not large. */
const MEDIUM = LARGE.slice(0, 700);

/** Some text that compresses little. */
function noise(n: number): string {
  return Buffer.from(sha256(String(n))).toString("base64url", 0, 18);
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

const FORMS: [string, Partial<RefCacheOptions>][] = [
  ...supportedCodecs.map((codec): [string, Partial<RefCacheOptions>] => [codec, { compression: { codec } }]),
  ["encrypted", { encryption: encryption() }],
  ["compressed and encrypted", { encryption: encryption(), compression: true }],
];

function on(store: RawStore, options: Partial<RefCacheOptions>, backend = store.connect()): RefCache {
  return new RefCache({ name: "calc", backend, ...options });
}

/** Resolves once the outline of a large value lies beside it; none is needed where a look brings the whole. */
async function outlined(store: RawStore, refId: string): Promise<void> {
  const backend = store.connect();
  if (!hasRanges(backend)) return;
  const isReady = async () => {
    const { json, outline } = (await backend.look(refId)) ?? {};
    return json !== undefined || outline !== undefined;
  };
  await vi.waitFor(async () => expect(await isReady()).toBe(true), 10_000);
  if (store.kind !== "memory") await backend.close(); // which all share
}

/** A backend that reads parts of large entries, and never a whole one. */
function withoutWholes(backend: CacheBackend): CacheBackend {
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === "get" || name === "getMany")
        return () => Promise.reject(new Error("a whole entry was read"));
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** What does not differ by where and when, and how much was sampled for its size. */
function told(answer: Answer): object {
  const message = answer.message?.replace(/about \d+/, "about so many");
  return { ...answer, message, ref_id: "", expires_at: "", original_size: 0 };
}

async function answersOf(cache: RefCache, refId: string): Promise<object[]> {
  const asked = [
    {},
    { page: 2 },
    { page: 3, pageSize: 50 },
    { preview: "truncate" },
    { full: true },
  ] as const;
  const answers: object[] = [];
  for (const options of asked) answers.push(told(await cache.get(refId, { ...asServer, ...options })));
  return answers;
}

onEveryStore((make) => {
  describe.each(FORMS)("%s", (_form, options) => {
    test("a large value comes back whole, and its answers are those of a plain one", async () => {
      const store = await make();
      const plain = on(await make(), {});
      const { refId } = await on(store, options).set("k", LARGE);
      const expected = await answersOf(plain, (await plain.set("k", LARGE)).refId);
      const reader = on(store, options);
      expect(await reader.resolve(refId, asServer)).toEqual(LARGE);
      expect(await answersOf(reader, refId)).toEqual(expected);
      await outlined(store, refId);
      expect(await answersOf(reader, refId)).toEqual(expected);
    });

    test("pages and previews are read by ranges", async () => {
      const store = await make();
      const { refId } = await on(store, options).set("k", LARGE);
      await outlined(store, refId);
      const reader = on(store, options, withoutWholes(store.connect()));
      const page = await reader.get<typeof LARGE>(refId, {
        ...asServer,
        page: 90,
        pageSize: 50,
        maxSize: 8000,
      });
      expect(page.preview).toEqual(LARGE.slice(4450, 4500));
      expect((await answersOf(reader, refId)).length).toBe(5);
    });

    test("smaller values, batches, results of tools and tags", async () => {
      const store = await make();
      const cache = on(store, options);
      const values = [MEDIUM, LARGE, [1], "é".repeat(30_000), "x".repeat(65_536 * 5 - 2)];
      const references = await cache.setMany(values.map((value) => ({ value, tags: ["t"] })));
      const refIds = references.map(({ refId }) => refId);
      const reader = on(store, options);
      const settled = await reader.resolveMany(refIds, asServer);
      expect(settled).toEqual(values.map((value) => ({ status: "fulfilled", value })));
      for (const answer of await reader.getMany(refIds, asServer)) expect(answer.status).toBe("fulfilled");
      let runs = 0;
      const load = (on: RefCache) =>
        on.cached("n", { name: "load", tags: ["t"] })(async () => {
          runs++;
          return LARGE;
        });
      const first = await load(cache)();
      expect((await load(reader)()).ref_id).toBe(first.ref_id);
      expect(runs).toBe(1);
      const length = reader.cached("n")(async ({ rows }: { rows: unknown[] }) => rows.length);
      expect(await length({ rows: first.ref_id as never })).toMatchObject({ value: LARGE.length });
      expect(await reader.invalidate({ tags: ["t"] }, asServer)).toBe(values.length + 1);
    });

    test("who reads without this package finds an object that says what it is", async () => {
      const store = await make();
      const cache = on(store, options);
      const { refId } = await cache.set("k", LARGE, { toolName: "load" });
      const row = await store.read(refId);
      const codec =
        options.compression === undefined ? "none" : expect.stringMatching(/^(zstd|brotli|gzip)$/);
      expect(membersOf(row.value_json)).toEqual({
        mcp_refcache_blocks: 1,
        note: expect.stringMatching(options.encryption ? /encrypted/ : /compressed.*Python/),
        codec,
        block_bytes: 65_536,
        ...(options.encryption ? { key_id: "k1", salt: expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/) } : {}),
        blocks: expect.arrayContaining([expect.stringMatching(/^[A-Za-z0-9+/]+=*$/)]),
        bytes: Buffer.byteLength(JSON.stringify(LARGE)),
      });
      expect(membersOf(row.metadata_json)).toMatchObject({ tool_name: "load", total_items: LARGE.length });
    });

    test("an entry that was changed in the store is an error or a miss, never another value", async () => {
      const store = await make();
      const logger = recordingLogger();
      const cache = on(store, { ...options, logger });
      const { refId } = await cache.set("k", LARGE);
      const { refId: other } = await cache.set("l", [0, ...LARGE]);
      await outlined(store, refId);
      const [row, otherRow] = [await store.read(refId), await store.read(other)];
      const { blocks, ...members } = membersOf(row.value_json) as { blocks: string[] };
      const { blocks: others } = membersOf(otherRow.value_json) as { blocks: string[] };
      const of = (changed: unknown[]): Partial<EntryRow> => ({
        value_json: JSON.stringify(members).replace(
          ',"bytes"',
          `,"blocks":${JSON.stringify(changed)},"bytes"`,
        ),
      });
      const [first = "", second = "", ...rest] = blocks;
      expect(of(blocks)).toEqual({ value_json: row.value_json });
      const changes: Partial<EntryRow>[] = [
        of([second, first, ...rest]),
        of([first, ...rest]),
        of(blocks.slice(0, -1)),
        of([others[0], second, ...rest]),
        of([`${first.slice(0, 40)}${first[40] === "A" ? "B" : "A"}${first.slice(41)}`, second, ...rest]),
        of([]),
        { value_json: otherRow.value_json },
        { value_json: row.value_json.replace('"mcp_refcache_blocks":1', '"mcp_refcache_blocks":2') },
        { value_json: row.value_json.replace(/"bytes":\d+/, '"bytes":7') },
        { namespace: "other" },
      ];
      const code = options.encryption ? "decryption_failed" : "reference_unavailable";
      const genuine = told(await cache.get(refId, { ...asServer, page: 2 }));
      for (const change of changes) {
        await store.write(refId, { ...row, ...change });
        await expect(cache.resolve(refId, asServer)).rejects.toMatchObject({ code });
        // A page may be made of blocks that are still the same.
        const page = cache.get(refId, { ...asServer, page: 2 }).then(told, ({ code }) => code);
        expect([code, genuine]).toContainEqual(await page);
      }
      if (options.encryption === undefined) expect(logger.lines.join()).toContain("was changed in the store");
      await store.write(refId, row);
      expect(await cache.resolve(refId, asServer)).toEqual(LARGE);
    });

    test("a value that looks like blocks is itself", async () => {
      const store = await make();
      const cache = on(store, options);
      const { refId } = await cache.set("k", LARGE);
      const lookalike = JSON.parse((await store.read(refId)).value_json);
      const plain = on(store, { encryption: options.encryption });
      for (const writer of [cache, plain])
        for (const value of [lookalike, { ...lookalike, blocks: ["AAAA"] }]) {
          const { refId: stored } = await writer.set("l", value);
          expect(await cache.resolve(stored, asServer)).toEqual(value);
        }
    });

    test("nothing of it is in the store in the clear", async () => {
      const store = await make();
      const { refId } = await on(store, options).set("k", LARGE);
      await outlined(store, refId);
      const raw = await store.bytes();
      expect(raw.includes(CANARY)).toBe(false);
      if (options.encryption) expect(raw.includes('"kind":"items"')).toBe(false); // its outline
    });
  });

  test("servers of every setting read what servers of every other wrote", async () => {
    const store = await make();
    const acceptPlaintext = { encryption: encryption({ acceptPlaintext: true }) };
    const servers = [{}, ...FORMS.map(([, options]) => options)];
    for (const options of servers) {
      const { refId } = await on(store, options).set("k", LARGE);
      expect(await on(store, acceptPlaintext).resolve(refId, asServer)).toEqual(LARGE);
      if (options.encryption) continue;
      expect(await on(store, {}).resolve(refId, asServer)).toEqual(LARGE);
      await expect(on(store, { encryption: encryption() }).resolve(refId, asServer)).rejects.toThrow(
        "encrypted",
      );
    }
  });

  test("a cache without encryption gives no blocks for the value", async () => {
    const store = await make();
    const { refId } = await on(store, { encryption: encryption() }).set("k", LARGE);
    await outlined(store, refId);
    await expect(on(store, {}).resolve(refId, asServer)).rejects.toThrow(DecryptionError);
    await expect(on(store, {}).get(refId, asServer)).rejects.toThrow(DecryptionError);
    const row = await store.read(refId);
    await store.write(refId, { ...row, metadata_json: "{}" }); // as Python writes over it
    await expect(on(store, {}).resolve(refId, asServer)).rejects.toThrow(DecryptionError);
  });

  test("what Python stored of a compressed value's object is that object", async () => {
    const store = await make();
    const { refId } = await on(store, { compression: true }).set("k", MEDIUM);
    const row = await store.read(refId);
    await store.write(refId, { ...row, metadata_json: "{}" });
    expect(await on(store, {}).resolve(refId, asServer)).toEqual(JSON.parse(row.value_json));
  });

  test("what this server cannot decompress is told by name, and made again by a tool", async () => {
    const store = await make();
    const codec = isSupported("zstd") ? "lz9" : "zstd";
    const logger = recordingLogger();
    const cache = on(store, { compression: { codec: "gzip" }, logger });
    let runs = 0;
    const load = cache.cached("n", { name: "load" })(async () => {
      runs++;
      return MEDIUM;
    });
    const { ref_id } = await load();
    const row = await store.read(ref_id ?? "");
    await store.write(ref_id ?? "", {
      ...row,
      value_json: row.value_json.replace('"codec":"gzip"', `"codec":"${codec}"`),
    });
    const error = await errorOf(() => cache.resolve(ref_id ?? "", asServer));
    expect(error).toBeInstanceOf(EntryUnreadableError);
    expect(error.message).toContain(codec);
    expect(error.message).not.toContain(ref_id);
    expect(await cache.resolveMany([ref_id ?? ""], asServer)).toMatchObject([{ status: "rejected" }]);
    expect((await load()).ref_id).not.toBe(ref_id);
    expect(runs).toBe(2);
    expect(logger.lines.join()).toContain("made again");
  });

  test("more than limits.maxValueBytes is not made of what is compressed", async () => {
    const store = await make();
    const { refId } = await on(store, { compression: true }).set("k", "a".repeat(1_000_000));
    const small = on(store, { limits: { maxValueBytes: 100_000 } });
    await expect(small.resolve(refId, asServer)).rejects.toThrow("limits.maxValueBytes");
  });

  describe("re-encryption", () => {
    const both = { encryption: encryption({ keys: { k1: key(1), k2: key(2) }, current: "k2" }) };

    test.each([
      ["encrypted", { encryption: encryption() }, false],
      ["encrypted and compressed", { encryption: encryption(), compression: true }, true],
      ["plain", {}, false],
      ["compressed", { compression: true }, true],
    ])(
      "of what is %s keeps it readable, by ranges too, and as small",
      async (_how, options, isCompressed) => {
        const store = await make();
        const { refId } = await on(store, options).set("k", LARGE);
        await outlined(store, refId);
        const cache = on(store, both);
        const done = { reencrypted: 1, unchanged: 0, failed: 0 };
        expect(await cache.reencrypt({ plaintext: true })).toEqual(done);
        expect(await cache.reencrypt({ plaintext: true })).toEqual({ ...done, reencrypted: 0, unchanged: 1 });
        expect(await on(store, both).resolve(refId, asServer)).toEqual(LARGE);
        const { codec, key_id } = membersOf((await store.read(refId)).value_json);
        expect(key_id).toBe("k2");
        expect(codec !== "none").toBe(isCompressed);
        const answers = await answersOf(cache, refId);
        await outlined(store, refId);
        expect(await answersOf(cache, refId)).toEqual(answers);
      },
    );

    test("leaves nothing of the text or its outline in the clear", async () => {
      const store = await make();
      if (store.kind === "memory") return;
      const former = on(store, {});
      const { refId } = await former.set("k", LARGE);
      await outlined(store, refId);
      await former.close();
      const cache = on(store, both);
      await cache.reencrypt({ plaintext: true });
      await cache.close(); // the last one on a file of SQLite writes its WAL back
      const raw = await store.bytes();
      expect(raw.includes(CANARY)).toBe(false);
      expect(raw.includes('"kind":"items"')).toBe(false);
    });

    test("leaves alone what was damaged", async () => {
      const store = await make();
      const { refId } = await on(store, { encryption: encryption() }).set("k", LARGE);
      const { refId: other } = await on(store, { compression: true }).set("k", LARGE);
      for (const damaged of [refId, other]) {
        const row = await store.read(damaged);
        await store.write(damaged, {
          ...row,
          value_json: row.value_json.replace(/"blocks":\["./, '"blocks":["'),
        });
      }
      const cache = on(store, { ...both, logger: recordingLogger() });
      expect(await cache.reencrypt({ plaintext: true })).toEqual({ reencrypted: 0, unchanged: 0, failed: 2 });
    });
  });
});

describe("the option", () => {
  const cache = (compression: unknown) => new RefCache({ name: "calc", compression: compression as never });

  test.each([
    ["compression", 7, "must be true, false or an object"],
    ["compression", null, "must be true, false or an object"],
    ["compression.codec", { codec: "lz4" }, "zstd"],
    ["compression.minBytes", { minBytes: 0 }, ""],
    ["compression.minBytes", { minBytes: "1 KB" }, ""],
    ["compression.level", { level: 9 }, "is not an option"],
  ])("%s is refused by name: %j", async (option, given, message) => {
    const error = await errorOf(() => cache(given));
    expect(error).toMatchObject({ code: "invalid_option", option });
    expect(error.message).toContain(message);
  });

  test.skipIf(isSupported("zstd"))("zstd is refused where Node lacks it, with what to do", async () => {
    const error = await errorOf(() => cache({ codec: "zstd" satisfies Codec }));
    expect(error).toMatchObject({ option: "compression.codec" });
    expect(error.message).toMatch(/22\.15.*Choose brotli or gzip/);
  });

  test("is off by default, and for values below minBytes and those that do not become smaller", async () => {
    const store = memoryStore();
    const random = randomBytes(60_000).toString("base64");
    for (const [options, value] of [
      [{}, LARGE],
      [{ compression: false }, LARGE],
      [{ compression: true }, MEDIUM.slice(0, 100)],
      [{ compression: { minBytes: 100_000 } }, MEDIUM],
      [{ compression: true }, random],
      [{ encryption: encryption() }, random],
    ] as const) {
      const { refId } = await on(store, options).set("k", value);
      expect((await store.read(refId)).value_json).not.toContain("mcp_refcache_blocks");
    }
    const { refId } = await on(store, { compression: { minBytes: 100 } }).set("k", "ab".repeat(500));
    expect((await store.read(refId)).value_json).toContain("mcp_refcache_blocks");
  });
});

describe("sealing and opening", () => {
  const protection = new Protection(makeKeyring(encryption()), recordingLogger(), {
    compression: { codec: "gzip", minBytes: 1000 },
  });
  const REF = reference(1);

  test("of what is not large takes no promise", () => {
    const sealed = protection.seal(REF, entry({ value: MEDIUM }));
    expect(sealed).not.toBeInstanceOf(Promise);
    if (!(sealed instanceof Promise))
      expect(protection.open(REF, sealed)).toMatchObject({ namespace: "public" });
  });

  test("of what is large leaves turns to others", async () => {
    const large = entry({ json: JSON.stringify("0123456789 é ".repeat(1_500_000)) });
    let sealed = large;
    const sealing = await longestTurn(async () => {
      sealed = await protection.seal(REF, large);
    });
    const opening = await longestTurn(async () => protection.open(REF, sealed));
    expect(sealed.json.length).toBeLessThan(large.json.length / 4);
    expect(sealing).toBeLessThan(100);
    expect(opening).toBeLessThan(100);
  });

  test("of a text that is written piece by piece gives an entry as any other", async () => {
    const whole = { ...entry({ value: LARGE }), createdAt: 1000, expiresAt: 2000 };
    for (const [keyring, compression] of [
      [makeKeyring(encryption()), undefined],
      [undefined, { codec: "brotli", minBytes: 1 }],
      [makeKeyring(encryption()), { codec: "gzip", minBytes: 1 }],
    ] as const) {
      const protection = new Protection(keyring, recordingLogger(), { compression });
      const sealer = protection.sealer(REF);
      const text = Buffer.from(whole.json);
      const pieces: Uint8Array[] = [];
      for (let at = 0; at < text.length; at += 9999)
        pieces.push(...sealer.push(text.subarray(at, at + 9999)));
      pieces.push(...sealer.end());
      const sealed = { ...sealer.seal(whole), json: Buffer.concat(pieces).toString() };
      expect(await protection.open(REF, sealed)).toEqual(whole);
    }
  });
});
