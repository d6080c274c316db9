import assert from "node:assert/strict";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry, EntryMetadata } from "../entry/entry.js";
import { StoreUnavailableError } from "../errors.js";
import { type BatchStore, type CacheBackend, hasBatches, hasLabels, hasLinks } from "./backend.js";

type Backend = CacheBackend & BatchStore;

const YEAR_2100 = 4_102_444_800_500;

/** What a backend that reads and writes many entries at once must do. */
export const BATCH_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "batches: give each entry in its place, and nothing for what is not there": whereBatches(
    async (backend) => {
      const entries = [make('"a"'), make("[1,null]", { tags: ["t"] }), make('"é😀"')];
      await backend.setMany(entries.map((entry, n) => ({ refId: nth(n), entry })));
      await backend.set(nth(9), make('"past"', {}, Date.now() - 1000));
      const asked = [nth(2), nth(7), nth(0), nth(9), nth(1), nth(2)];
      const [a, b, c] = entries;
      const expected = [c, undefined, a, undefined, b, c];
      assert.deepEqual(await backend.getMany(asked), expected);
      assert.deepEqual(
        await backend.headMany(asked),
        expected.map((entry) => entry && headOf(entry)),
      );
    },
  ),

  "batches: of nothing are nothing": whereBatches(async (backend) => {
    await backend.setMany([]);
    assert.deepEqual(await backend.getMany([]), []);
    assert.deepEqual(await backend.headMany([]), []);
  }),

  "batches: heads may be large": whereBatches(async (backend) => {
    const tags = Array.from({ length: 32 }, (_, n) => `${n}`.padStart(128, "t"));
    const entries = [make("1"), make("2", { tags }), make("3")];
    await backend.setMany(entries.map((entry, n) => ({ refId: nth(n), entry })));
    assert.deepEqual(await backend.headMany([nth(0), nth(1), nth(2)]), entries.map(headOf));
  }),

  "batches: thousands, each as if alone": whereBatches(async (backend) => {
    const many = Array.from({ length: 3000 }, (_, n) => ({ refId: nth(n), entry: make(`${n}`) }));
    await backend.setMany(many);
    const read = await backend.getMany(many.map(({ refId }) => refId));
    assert.deepEqual(
      read.map((entry) => entry && "json" in entry && entry.json),
      many.map((_, n) => `${n}`),
    );
    assert.equal(await backend.clear("checks"), 3000);
  }),

  "batches: entries are labelled, names lead to them, and the last of one reference or name counts":
    whereBatches(async (backend) => {
      await backend.setMany([
        { refId: nth(0), entry: make("0", { tags: ["t"], link: "memo:1" }), name: "memo:1" },
        { refId: nth(1), entry: make("1"), name: "memo:1" },
        { refId: nth(2), entry: make("2", { tags: ["t"] }, YEAR_2100) },
        { refId: nth(2), entry: make("3", {}, YEAR_2100) },
      ]);
      if (hasLinks(backend)) assert.equal(await backend.getLink("memo:1"), nth(1));
      assert.equal((await backend.get(nth(2)))?.json, "3");
      if (!hasLabels(backend)) return;
      assert.equal(await backend.removeLabelled({ kind: "tag", name: "t" }), 1);
      if (hasLinks(backend)) assert.equal(await backend.getLink("memo:1"), nth(1));
    }),

  "batches: reject after close": whereBatches(async (backend) => {
    await backend.close();
    const calls = [
      backend.getMany([nth(0)]),
      backend.headMany([nth(0)]),
      backend.setMany([{ refId: nth(0), entry: make("1") }]),
    ];
    for (const call of calls) await assert.rejects(call, StoreUnavailableError);
  }),
};

function whereBatches(check: (backend: Backend) => Promise<void>) {
  return async (backend: CacheBackend) => (hasBatches(backend) ? check(backend) : undefined);
}

function make(json: string, metadata: Partial<EntryMetadata> = {}, expiresAt: number | null = null): Entry {
  return {
    json,
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: 1_700_000_000_000,
    expiresAt,
    metadata: { toolName: null, totalItems: null, totalSize: Buffer.byteLength(json), ...metadata },
  };
}

function headOf({ json: _, ...head }: Entry): Omit<Entry, "json"> {
  return head;
}

function nth(n: number): string {
  return `check:${n.toString(16).padStart(32, "0")}`;
}
