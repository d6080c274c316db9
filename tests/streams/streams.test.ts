import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { decodeValue } from "../../src/entry/decode.js";
import { encodeValue } from "../../src/entry/encode.js";
import {
  ANONYMOUS_AGENT,
  type CacheBackend,
  fromJson,
  fromText,
  hasStreams,
  InvalidJsonError,
  LimitExceededError,
  MemoryBackend,
  NoItemsError,
  type PreviewAnswer,
  RefCache,
  type RefCacheOptions,
  ReferenceUnavailableError,
  StreamInterruptedError,
  StreamStalledError,
  ValueNotStorableError,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { all } from "../helpers/entries.js";
import { temporaryFolder } from "../helpers/folders.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { hasRedisBinary, storeForTests } from "../helpers/redis-server.js";
import { anyText, anyValue } from "../preview/arbitraries.js";

const NO_LIMITS = { maxValueBytes: 1e9, maxDepth: 500 };
const ROWS = Array.from({ length: 30_000 }, (_, id) => ({ id, name: `row ${id} é😀` }));
const LARGE = Buffer.from(JSON.stringify(ROWS));

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

function cut(text: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, n) =>
    text.subarray(n * size, (n + 1) * size),
  );
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  return Buffer.concat(await all(chunks)).toString();
}

let redis: Awaited<ReturnType<typeof storeForTests>> | undefined;
beforeAll(async () => {
  if (hasRedisBinary()) redis = await storeForTests();
});
afterAll(() => redis?.stop());

const STORES: Record<string, () => CacheBackend> = {
  memory: () => new MemoryBackend(),
  sqlite: () => new SqliteBackend(`${temporaryFolder()}/cache.db`),
  redis: () => new RedisBackend({ url: redis?.url ?? "" }),
  "a backend of one's own": () => new MinimalBackend(),
};

describe.each(Object.keys(STORES))("streams on %s", (name) => {
  beforeEach(async () => {
    if (name !== "redis") return;
    const backend = STORES.redis?.();
    await backend?.clear();
    await backend?.close();
  });

  function open(options: Partial<RefCacheOptions> = {}): RefCache {
    const cache = new RefCache({ name: "s", backend: STORES[name]?.(), ...options });
    onTestFinished(() => cache.close());
    return cache;
  }

  test("the items of an async iterable are a list, large or small or none", async () => {
    const cache = open();
    for (const rows of [ROWS, ROWS.slice(0, 3), []]) {
      const { refId, totalItems, bytes } = await cache.set("k", each(rows), { tags: ["t"], toolName: "x" });
      expect(totalItems).toBe(rows.length);
      expect(bytes).toBe(Buffer.byteLength(JSON.stringify(rows)));
      expect(await cache.resolve(refId, asServer)).toEqual(rows);
      expect(await all(cache.items(refId, asServer))).toEqual(rows);
      expect(await textOf(cache.resolveStream(refId, asServer))).toBe(JSON.stringify(rows));
      expect((await cache.lookup("k", asServer))?.refId).toBe(refId);
    }
    expect(await cache.invalidate({ tags: ["t"] }, asServer)).toBe(3);
  });

  test("a Readable of objects, with items that need care", async () => {
    const cache = open();
    const items = [1n << 70n, Number.NaN, new Date(0), { deep: ["é"] }];
    const { refId } = await cache.set("k", Readable.from(items));
    expect(await cache.resolve(refId, asServer)).toEqual([
      1n << 70n,
      Number.NaN,
      new Date(0).toISOString(),
      { deep: ["é"] },
    ]);
  });

  test("a preview and a page are those of the value at hand", async () => {
    const cache = open();
    const streamed = await cache.set("a", each(ROWS));
    const whole = await cache.set("b", ROWS);
    for (const asked of [{}, { page: 7 }, { page: 3, pageSize: 10 }, { preview: "truncate" as const }]) {
      const a = (await cache.get(streamed.refId, { ...asServer, ...asked })) as PreviewAnswer;
      const b = (await cache.get(whole.refId, { ...asServer, ...asked })) as PreviewAnswer;
      expect(a.preview).toEqual(b.preview);
      expect([a.page, a.total_pages, a.total_items]).toEqual([b.page, b.total_pages, b.total_items]);
      expect(Math.abs(a.original_size / b.original_size - 1)).toBeLessThan(0.1);
    }
  });

  test("JSON text of every kind of source is stored as it is", async () => {
    const cache = open();
    const text = LARGE.toString();
    const sources = [
      text,
      LARGE,
      cut(LARGE, 10_007),
      each(cut(LARGE, 65_537)),
      each([text.slice(0, 99), text.slice(99)]),
    ];
    for (const source of sources) {
      const { refId, totalItems } = await cache.set("k", fromJson(source));
      expect(totalItems).toBe(ROWS.length);
      expect((await textOf(cache.resolveStream(refId, asServer))) === text).toBe(true);
    }
  });

  test("values of any shape come back, however they were cut", async () => {
    const cache = open();
    await fc.assert(
      fc.asyncProperty(fc.oneof(anyValue, anyText), fc.integer({ min: 1, max: 50 }), async (value, size) => {
        const { json } = encodeValue(value, NO_LIMITS);
        if (/NaN|Infinity/.test(json)) return;
        const { refId } = await cache.set("k", fromJson(each(cut(Buffer.from(json), size))));
        expect(await cache.resolve(refId, asServer)).toEqual(decodeValue(json));
        expect(await textOf(cache.resolveStream(refId, asServer))).toBe(json);
      }),
      { numRuns: 60 },
    );
  });

  test("a text comes in pieces that cut its characters", async () => {
    const cache = open();
    const text = 'é "日本" \\ 😀\n'.repeat(50_000);
    const units = (part: string) => each(part.split(""));
    for (const [source, expected] of [
      [text, text],
      [each(cut(Buffer.from(text), 1001)), text],
      [units(text.slice(0, 1000)), text.slice(0, 1000)],
      [each(["\ud83d", Buffer.from("a")]), "\ud83da"],
      [each([]), ""],
    ] as const) {
      const { refId, totalItems } = await cache.set("k", fromText(source));
      expect((await cache.resolve(refId, asServer)) === expected).toBe(true);
      expect(totalItems).toBeNull();
      expect(await cache.get(refId, asServer)).toMatchObject({ ref_id: refId });
      await expect(all(cache.items(refId, asServer))).rejects.toThrow(NoItemsError);
    }
    await expect(cache.set("k", fromText(each([Uint8Array.of(0xff)])))).rejects.toThrow(
      ValueNotStorableError,
    );
  });

  test("one giant item, nesting, and the members of an object", async () => {
    const cache = open();
    const giant = { text: "x".repeat(1_000_000), rows: ROWS };
    const one = await cache.set("k", each([giant]));
    expect(await all(cache.items(one.refId, asServer))).toEqual([giant]);
    const object = await cache.set("k", fromJson(JSON.stringify({ a: 1, ...giant })));
    expect(object.totalItems).toBe(3);
    expect(await all(cache.items(object.refId, asServer))).toEqual(Object.entries({ a: 1, ...giant }));
    expect(await cache.get(object.refId, { ...asServer, page: 1 })).toMatchObject({ page: 1 });
  });

  test("reading back takes what resolve takes", async () => {
    const cache = open();
    for (const rows of [ROWS, ROWS.slice(0, 1)]) {
      const { refId } = await cache.set("k", each(rows), { policy: { agentPermissions: 1 } });
      const asAgent = { actor: ANONYMOUS_AGENT };
      await expect(cache.items(refId, asAgent).next()).rejects.toThrow(ReferenceUnavailableError);
      await expect(cache.resolveStream(refId, asAgent).next()).rejects.toThrow(ReferenceUnavailableError);
    }
  });

  test.each([
    ["its source throws", () => new Error("source"), Error],
    ["an item is no JSON", () => undefined, ValueNotStorableError],
  ])("nothing is stored where %s, and the source is closed", async (_, failure, Failure) => {
    const cache = open();
    for (const before of [ROWS, [1]]) {
      let isClosed = false;
      const source = async function* () {
        try {
          yield* before;
          const error = failure();
          if (error !== undefined) throw error;
          yield new Map();
          yield 1;
        } finally {
          isClosed = true;
        }
      };
      await expect(cache.set("k", source())).rejects.toThrow(Failure);
      expect(isClosed).toBe(true);
      expect(await cache.lookup("k", asServer)).toBeUndefined();
      expect(await all(cache.list(asServer))).toEqual([]);
    }
  });

  test("an item that is no JSON is named by its place", async () => {
    await expect(open().set("k", each([1, { a: new Map() }]))).rejects.toThrow("at $[1].a");
  });

  test("what is no JSON is refused with the place, and not quoted", async () => {
    const cache = open();
    const broken = `${JSON.stringify(ROWS).slice(0, -1)},secret]`;
    const refused = await cache.set("k", fromJson(broken)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(InvalidJsonError);
    expect((refused as InvalidJsonError).offset).toBe(Buffer.byteLength(broken) - "secret]".length);
    expect(String(refused)).not.toContain("secret");
  });

  test("limits hold while it comes", async () => {
    const cache = open({ limits: { maxValueBytes: 1_000_000, maxDepth: 5 } });
    let given = 0;
    const endless = async function* () {
      for (;;) yield "x".repeat(1000 + (given++ % 7));
    };
    await expect(cache.set("k", endless())).rejects.toThrow(LimitExceededError);
    expect(given).toBeLessThan(2000);
    await expect(cache.set("k", each([[[[[[1]]]]]]))).rejects.toThrow("limits.maxDepth");
    await expect(cache.set("k", fromJson("[[[[[[1]]]]]]"))).rejects.toThrow("limits.maxDepth");
    expect(await all(cache.list(asServer))).toEqual([]);
  });

  test("a source that stalls, or is not wanted any more, is given up", async () => {
    const cache = open({ limits: { maxStreamPause: 100 } });
    let isAsked = 0;
    const stalling = () => ({
      [Symbol.asyncIterator]: () => ({
        next: () =>
          isAsked++ % 2 === 0 ? Promise.resolve({ value: 1, done: false }) : new Promise<never>(() => {}),
        return: async () => ({ value: undefined, done: true as const }),
      }),
    });
    await expect(cache.set("k", stalling())).rejects.toThrow(StreamStalledError);
    const patient = open();
    const abort = new AbortController();
    const setting = patient.set("k", stalling(), { signal: abort.signal });
    const refused = expect(setting).rejects.toThrow("enough");
    await sleep(20);
    abort.abort(new Error("enough"));
    await refused;
    expect(await all(patient.list(asServer))).toEqual([]);
  });

  test("a tool that returns a stream answers with parts of it, and is found again", async () => {
    const cache = open();
    let runs = 0;
    const rows = cache.cached("n")(async function* rows({ count }: { count: number }) {
      runs++;
      yield* ROWS.slice(0, count);
    });
    const large = await rows({ count: ROWS.length });
    expect(large).toMatchObject({ is_complete: false, total_items: ROWS.length });
    expect(large.preview).toBeDefined();
    expect((await rows({ count: ROWS.length })).ref_id).toBe(large.ref_id);
    const small = await rows({ count: 2 });
    expect(small).toMatchObject({ is_complete: true, value: ROWS.slice(0, 2) });
    expect(runs).toBe(2);
    const value: { id: number; name: string }[] | undefined = small.value;
    expect(value).toHaveLength(2);
  });

  test("what is invalidated while it is stored is made again, and found by nobody else", async () => {
    const backend = STORES[name]?.() as CacheBackend;
    if (!hasStreams(backend)) return;
    const cache = open({ backend });
    let runs = 0;
    const rows = cache.cached("n")(async function* listing() {
      runs++;
      yield* ROWS;
    });
    const openText = backend.openText.bind(backend);
    backend.openText = async (refId) => {
      const writer = await openText(refId);
      const commit = writer.commit.bind(writer);
      writer.commit = async (head, options) => {
        const done = await commit(head, options);
        if (runs === 1) await cache.invalidate({ tool: "listing" }, asServer);
        return done;
      };
      return writer;
    };
    const answer = await rows();
    expect(answer).toMatchObject({ is_complete: false, total_items: ROWS.length });
    expect(runs).toBe(2);
    expect((await rows()).ref_id).toBe(answer.ref_id);
    expect(await all(cache.list(asServer))).toHaveLength(1);
  });

  test("what gives a stream is private as long as it gives", async () => {
    const cache = open();
    const secret = await cache.set("secret", each([..."secret"]), { policy: { agentPermissions: 16 } });
    const tool = cache.cached("n")(function tool(_: { n: number }) {
      return (async function* () {
        for (const row of ROWS) yield row;
        yield* cache.items(secret.refId);
      })();
    });
    const answer = await tool({ n: 1 });
    expect(answer).toMatchObject({ is_complete: false });
    expect(answer.preview).toBeUndefined();
    expect(JSON.stringify(answer)).not.toContain("row 1");
  });

  test("an entry that goes while it is read ends in an error, or was read before", async () => {
    const cache = open();
    const { refId } = await cache.set("k", each(ROWS));
    for (const read of [cache.items(refId, asServer), cache.resolveStream(refId, asServer)]) {
      await read.next();
    }
    const reading = cache.resolveStream(refId, asServer);
    const first = (await reading.next()).value as Uint8Array;
    await cache.delete(refId, asServer);
    const rest = await all(reading).catch((error: unknown) => error);
    if (Array.isArray(rest)) expect(Buffer.concat([first, ...rest]).equals(LARGE)).toBe(true);
    else expect(rest).toBeInstanceOf(StreamInterruptedError);
  });

  test("encrypted, it is seen by no store", async () => {
    const backend = STORES[name]?.() as CacheBackend;
    const encryption = { keys: { k: Buffer.alloc(32, 1) }, current: "k" };
    const cache = open({ backend, encryption });
    const { refId } = await cache.set("k", each(ROWS));
    expect((await backend.get(refId))?.json).not.toContain("row 1");
    expect(await all(cache.items(refId, asServer))).toEqual(ROWS);
  });

  test("two servers that store under one key at once: one of the two, whole", async () => {
    const cache = open();
    await Promise.all([cache.set("k", each(ROWS)), cache.set("k", fromJson(LARGE))]);
    const found = await cache.lookup("k", asServer);
    expect((await textOf(cache.resolveStream(found?.refId ?? "", asServer))) === LARGE.toString()).toBe(true);
  });
});
