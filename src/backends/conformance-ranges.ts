import assert from "node:assert/strict";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry } from "../entry/entry.js";
import { StoreUnavailableError } from "../errors.js";
import { type CacheBackend, hasRanges, hasReplace, type RangeStore } from "./backend.js";

type Backend = CacheBackend & RangeStore;

const A = "check:00000000000000000000000000000001";
const EMPTY = new Uint8Array();
const OUTLINE = Uint8Array.from([0, 1, 2, 255, 10, 13]);
const LARGE = JSON.stringify("0123456789é日😀".repeat(30_000));

/** What a backend must do that reads parts of texts. */
export const RANGE_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "ranges: a look shows a small entry whole": whereRanges(async (backend) => {
    const entry = make('{"a":["é",1]}');
    await backend.set(A, entry);
    const { json, ...head } = entry;
    const seen = await backend.look(A);
    assert.deepEqual(seen?.head, head);
    assert.equal(seen?.json, json);
  }),

  "ranges: a look shows the head of a large entry, and its outline once there is one": whereRanges(
    async (backend) => {
      const { json: _, ...head } = await large(backend);
      const before = await backend.look(A);
      assert.deepEqual(before?.head, head);
      assert.equal(before?.outline, undefined);
      await backend.keepOutline(A, make(LARGE), OUTLINE);
      assert.deepEqual(Uint8Array.from((await backend.look(A))?.outline ?? []), OUTLINE);
    },
  ),

  "ranges: are the bytes of the text, in the order they were asked for": whereRanges(async (backend) => {
    await backend.keepOutline(A, await large(backend), OUTLINE);
    const text = Buffer.from(LARGE);
    const ranges = [
      { from: 400_000, to: 470_001 },
      { from: 0, to: 1 },
      { from: 65_535, to: 65_537 },
      { from: text.length - 20, to: text.length },
    ];
    const { textAt = 0 } = (await backend.look(A)) ?? {};
    const read = await backend.readRanges(A, ranges, textAt);
    for (const [n, { from, to }] of ranges.entries())
      assert.ok(text.subarray(from, to).equals(read?.[n] ?? EMPTY), `bytes ${from} to ${to}`);
  }),

  "ranges: nothing is there of what is missing, deleted or expired": whereRanges(async (backend) => {
    assert.equal(await backend.look(A), undefined);
    await backend.keepOutline(A, make(LARGE), OUTLINE);
    assert.equal(await backend.look(A), undefined);
    await backend.keepOutline(A, await large(backend), OUTLINE);
    await backend.delete(A);
    assert.equal(await backend.look(A), undefined);
    await backend.set(A, make(LARGE));
    assert.equal((await backend.look(A))?.outline, undefined, "an outline outlived its entry");
    await backend.set(A, { ...make(LARGE), expiresAt: Date.now() - 1 });
    assert.equal(await backend.look(A), undefined);
  }),

  "ranges: an outline is gone once its namespace, or all, was cleared": whereRanges(async (backend) => {
    for (const namespace of ["checks", undefined]) {
      await backend.keepOutline(A, await large(backend), OUTLINE);
      await backend.clear(namespace);
      await large(backend);
      assert.equal((await backend.look(A))?.outline, undefined);
    }
  }),

  "ranges: an outline goes with what it was of, once that is replaced": whereRanges(async (backend) => {
    if (!hasReplace(backend)) return;
    await backend.keepOutline(A, await large(backend), OUTLINE);
    await backend.replace(A, make(LARGE));
    assert.equal((await backend.look(A))?.outline, undefined);
  }),

  "ranges: reject after close": whereRanges(async (backend) => {
    await backend.close();
    await assert.rejects(backend.look(A), StoreUnavailableError);
    await assert.rejects(backend.keepOutline(A, make(LARGE), OUTLINE), StoreUnavailableError);
    await assert.rejects(backend.readRanges(A, [{ from: 0, to: 1 }], 0), StoreUnavailableError);
  }),
};

function whereRanges(check: (backend: Backend) => Promise<void>): (backend: CacheBackend) => Promise<void> {
  return async (backend) => (hasRanges(backend) ? check(backend) : undefined);
}

async function large(backend: Backend): Promise<Entry> {
  const entry = make(LARGE);
  await backend.set(A, entry);
  return entry;
}

function make(json: string): Entry {
  return {
    json,
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: 1_700_000_000_000,
    expiresAt: null,
    metadata: { toolName: "check", totalItems: null, totalSize: Buffer.byteLength(json) },
  };
}
