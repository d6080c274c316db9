import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { fromJson, fromText, RefCache, type RefCacheOptions } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { supportedCodecs } from "../helpers/codecs.js";
import { all } from "../helpers/entries.js";
import { encryption } from "../helpers/keys.js";
import { membersOf, onEveryStore, type RawStore } from "../helpers/raw-stores.js";

const CANARY = "canary-5f3a";
/** Some 2 MB. */
const ROWS = Array.from({ length: 24_000 }, (_, id) => ({ id, name: `${CANARY} é 日 🙂 ${noise()}` }));

const FORMS: [string, Partial<RefCacheOptions>][] = [
  ...supportedCodecs.map((codec): [string, Partial<RefCacheOptions>] => [codec, { compression: { codec } }]),
  ["encrypted", { encryption: encryption() }],
  ["compressed and encrypted", { encryption: encryption(), compression: true }],
];

function noise(): string {
  return randomBytes(12).toString("base64url");
}

function on(store: RawStore, options: Partial<RefCacheOptions>): RefCache {
  return new RefCache({ name: "calc", backend: store.connect(), ...options });
}

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

onEveryStore((make) => {
  describe.each(FORMS)("a stream that is %s", (_form, options) => {
    test("comes back whole, by items, as a stream and by pages, and is nowhere in the clear", async () => {
      const store = await make();
      const { refId, totalItems } = await on(store, options).set("k", each(ROWS), { tags: ["t"] });
      expect(totalItems).toBe(ROWS.length);
      const reader = on(store, options);
      expect(await reader.resolve(refId, asServer)).toEqual(ROWS);
      expect(await all(reader.items(refId, asServer))).toEqual(ROWS);
      const chunks = await all(reader.resolveStream(refId, asServer));
      expect(Buffer.concat(chunks).toString()).toBe(JSON.stringify(ROWS));
      const page = await reader.get(refId, { ...asServer, page: 400, pageSize: 10 });
      expect(page.preview).toEqual(ROWS.slice(3990, 4000));
      const row = await store.read(refId);
      if (store.kind !== "sqlite") expect(membersOf(row.value_json).mcp_refcache_blocks).toBe(1);
      const raw = await store.bytes();
      expect(raw.includes(CANARY)).toBe(false);
      if (options.encryption) expect(raw.includes('"kind":"items"')).toBe(false);
      expect(await reader.invalidate({ tags: ["t"] }, asServer)).toBe(1);
    });

    test("of text and of JSON, in pieces of any size, is what a value at hand is", async () => {
      const store = await make();
      const cache = on(store, options);
      const text = `${CANARY} é 🙂 `.repeat(40_000);
      const json = Buffer.from(JSON.stringify(ROWS));
      const pieces = Array.from({ length: 500 }, (_, n) => json.subarray(n * 7001, (n + 1) * 7001));
      const { refId: ofText } = await cache.set("a", fromText(each([text.slice(0, 99), text.slice(99)])));
      const { refId: ofJson } = await cache.set("b", fromJson(each(pieces)));
      expect(await cache.resolve(ofText, asServer)).toBe(text);
      expect(await cache.resolve(ofJson, asServer)).toEqual(ROWS);
    });

    test("made by a tool is found by other servers", async () => {
      const store = await make();
      let runs = 0;
      const load = (cache: RefCache) =>
        cache.cached("n", { name: "load" })(async () => {
          runs++;
          return each(ROWS);
        });
      const first = await load(on(store, options))();
      expect((await load(on(store, options))()).ref_id).toBe(first.ref_id);
      expect(runs).toBe(1);
    });
  });
});
