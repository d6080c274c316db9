import { describe, expect, test } from "vitest";
import { EntryStore } from "../../src/entry-store.js";
import { RefCache, type RefCacheOptions, SYSTEM } from "../../src/index.js";
import { resolveOptions } from "../../src/options.js";
import { Telemetry } from "../../src/telemetry/telemetry.js";
import { asServer } from "../helpers/actors.js";
import { all } from "../helpers/entries.js";
import { membersOf, onEveryStore, type RawStore } from "../helpers/raw-stores.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const MISSING = { code: "reference_unavailable" };

function on(store: RawStore, options: Partial<RefCacheOptions> = {}) {
  const logger = recordingLogger();
  return Object.assign(new RefCache({ name: "calc", backend: store.connect(), logger, ...options }), {
    lines: logger.lines,
  });
}

type Row = Awaited<ReturnType<RawStore["read"]>>;
const metadata = (row: Row, change: object) => ({
  metadata_json: JSON.stringify({ ...membersOf(row.metadata_json), ...change }),
});

onEveryStore((make) => {
  test("every entry carries its own reference and a checksum", async () => {
    const store = await make();
    const { refId } = await on(store).set("k", [1, 2, 3]);
    expect(membersOf((await store.read(refId)).metadata_json)).toEqual({
      tool_name: null,
      total_items: 3,
      total_size: 7,
      strict_json: true,
      mcp_refcache: { ref_id: refId, checksum: expect.any(Number) },
    });
  });

  test("nobody above the store sees them", async () => {
    const store = await make();
    const backend = store.connect();
    const options = resolveOptions({ name: "calc", backend });
    const entries = new EntryStore(options, new Telemetry(backend, options.logger));
    const entry = entries.make([1], { namespace: "n" });
    const refId = await entries.save(entry, "memo:1");
    expect(await entries.find(refId, entries.questionsOf(SYSTEM), "get")).toEqual(entry);
    expect(await entries.recall("memo:1")).toEqual({ seen: refId, found: { refId, entry } });
  });

  describe("a miss, and a warning", () => {
    test.each<[string, (row: Row) => Partial<Row>]>([
      ["another value", () => ({ value_json: "[1,2,4]" })],
      ["another namespace", () => ({ namespace: "other" })],
      ["another policy", (row) => ({ policy_json: row.policy_json.replace("17", "31") })],
      ["another time of making", (row) => ({ created_at: row.created_at - 1 })],
      ["another expiry", (row) => ({ expires_at: (row.expires_at ?? 0) + 1 })],
      ["another tool name", (row) => metadata(row, { tool_name: "other" })],
      ["another count", (row) => metadata(row, { total_items: 2 })],
      ["another promise", (row) => metadata(row, { strict_json: false })],
      ["another checksum", (row) => metadata(row, { mcp_refcache: { checksum: 1 } })],
      ["another reference", (row) => metadata(row, { mcp_refcache: { ref_id: "calc:00000000" } })],
    ])("for %s", async (_what, change) => {
      const store = await make();
      const cache = on(store);
      const { refId } = await cache.set("k", [1, 2, 3]);
      const row = await store.read(refId);
      await store.write(refId, row);
      expect(await cache.resolve(refId, asServer)).toEqual([1, 2, 3]);
      await store.write(refId, { ...row, ...change(row) });
      await expect(cache.resolve(refId, asServer)).rejects.toMatchObject(MISSING);
      await expect(cache.get(refId, asServer)).rejects.toMatchObject(MISSING);
      expect(cache.lines).toHaveLength(2);
      expect(cache.lines[0]).toContain(`${refId.slice(0, 9)}…`);
      expect(cache.lines.join()).not.toContain(refId);
      expect(await all(cache.list(asServer))).toHaveLength(1);
    });

    test("for entries that were swapped", async () => {
      const store = await make();
      const cache = on(store);
      const [a, b] = [(await cache.set("a", "a")).refId, (await cache.set("b", "b")).refId];
      const [rowA, rowB] = [await store.read(a), await store.read(b)];
      await store.write(a, rowB);
      await store.write(b, rowA);
      for (const refId of [a, b]) await expect(cache.resolve(refId, asServer)).rejects.toMatchObject(MISSING);
      expect(cache.lines).toHaveLength(2);
    });

    test("and a result is made again", async () => {
      const store = await make();
      const cache = on(store);
      let runs = 0;
      const load = cache.cached("n")(async function load() {
        return [++runs];
      });
      const { ref_id } = await load();
      const row = await store.read(ref_id ?? "");
      await store.write(ref_id ?? "", { ...row, value_json: "[7]" });
      expect(await load()).toMatchObject({ value: [2] });
      expect(cache.lines).toHaveLength(1);
    });
  });

  test("entries without them are accepted, and so are other writers' members", async () => {
    const store = await make();
    const cache = on(store);
    const { refId } = await cache.set("k", [1, 2, 3]);
    const row = await store.read(refId);
    for (const note of [undefined, null, 7, [], {}, { ref_id: 1, checksum: "1" }]) {
      const changed = metadata(row, { mcp_refcache: note, checksum: 5, ref_id: "theirs", total_size: null });
      await store.write(refId, { ...row, ...changed, value_json: "[4, 5]" });
      expect(await cache.resolve(refId, asServer)).toEqual([4, 5]);
    }
    expect(cache.lines).toEqual([]);
  });

  test("a plain value that looks like an envelope is what it is", async () => {
    const store = await make();
    const cache = on(store);
    const value = { mcp_refcache_encrypted: 1, note: "n", key_id: "k1", iv: "", tag: "", data: "" };
    const { refId } = await cache.set("k", value);
    expect(await cache.resolve(refId, asServer)).toEqual(value);
  });
});
