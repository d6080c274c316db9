import assert from "node:assert/strict";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry, EntryHead } from "../entry/entry.js";
import { StoreUnavailableError } from "../errors.js";
import {
  type CacheBackend,
  type EntryWriter,
  hasLabels,
  hasLeases,
  hasLinks,
  hasRanges,
  hasStreams,
  type StreamStore,
} from "./backend.js";

type Backend = CacheBackend & StreamStore;

const A = "check:00000000000000000000000000000001";
const OUTLINE = Uint8Array.from([0, 1, 2, 255, 10, 13]);
const LARGE = JSON.stringify("0123456789é日😀".repeat(30_000));

/** What a backend must do that stores texts which come in pieces. */
export const STREAM_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "streams: pieces of any length make one entry, byte for byte": whereStreams(async (backend) => {
    for (const [json, size] of [
      [LARGE, 65_535],
      [LARGE, 1_000_000],
      ["[]", 1],
      ['{"a":"é"}', 1],
      [LARGE, 65_536],
    ] as const) {
      const writer = await written(backend, json, size);
      assert.equal(await backend.exists(A), false, "it is there before it is an entry");
      assert.equal(await writer.commit(headOf(json)), true);
      const read = await backend.get(A);
      assert.ok(read?.json === json, "the text of the value has changed");
      assert.deepEqual(read, { ...headOf(json), json });
      await backend.delete(A);
    }
  }),

  "streams: what is given up leaves nothing": whereStreams(async (backend) => {
    const writer = await written(backend, LARGE);
    await writer.abort();
    assert.equal(await backend.get(A), undefined);
    assert.deepEqual(await listed(backend), []);
    await (await written(backend, "[1]")).commit(headOf("[1]"));
    assert.equal((await backend.get(A))?.json, "[1]");
  }),

  "streams: an entry that was made is not given up any more": whereStreams(async (backend) => {
    const writer = await written(backend, "[1]");
    await writer.commit(headOf("[1]"));
    await writer.abort();
    assert.equal((await backend.get(A))?.json, "[1]");
  }),

  "streams: expire as entries do": whereStreams(async (backend) => {
    await (await written(backend, LARGE)).commit({ ...headOf(LARGE), expiresAt: Date.now() + 60_000 });
    assert.equal(await backend.exists(A), true);
    await (await written(backend, LARGE)).commit({ ...headOf(LARGE), expiresAt: Date.now() - 1 });
    assert.equal(await backend.exists(A), false);
  }),

  "streams: outline, name and labels come with the entry": whereStreams(async (backend) => {
    const head = { ...headOf(LARGE), metadata: { ...headOf(LARGE).metadata, tags: ["t"], link: "name" } };
    await (await written(backend, LARGE)).commit(head, { outline: OUTLINE, name: "name" });
    if (hasLinks(backend)) assert.equal(await backend.getLink("name"), A);
    if (hasRanges(backend)) {
      const look = await backend.look(A);
      assert.equal(look?.json, undefined);
      assert.deepEqual(Uint8Array.from(look?.outline ?? []), OUTLINE);
      const ranges = [{ from: 400_000, to: 470_001 }];
      const [bytes] = (await backend.readRanges(A, ranges, look?.textAt ?? 0)) ?? [];
      assert.ok(
        Buffer.from(LARGE)
          .subarray(400_000, 470_001)
          .equals(bytes ?? new Uint8Array()),
      );
    }
    if (hasLabels(backend)) assert.equal(await backend.removeLabelled({ kind: "tag", name: "t" }), 1);
  }),

  "streams: a lease is given back, and of a lost one the name stays": whereStreams(async (backend) => {
    if (!hasLeases(backend) || !hasLinks(backend)) return;
    const lease = await backend.acquireLease("job", 60_000);
    assert.ok(typeof lease === "object");
    assert.equal(await (await written(backend, "[1]")).commit(headOf("[1]"), { lease }), true);
    assert.equal(await backend.getLink("job"), A);
    const next = await backend.acquireLease("job", 60_000, A);
    assert.ok(typeof next === "object", "the lease was kept");
    await backend.releaseLease(next);
    const newest = await backend.acquireLease("job", 60_000, A);
    assert.ok(typeof newest === "object");
    const other = "check:00000000000000000000000000000002";
    const late = await written(backend, "[2]", 100, other);
    assert.equal(await late.commit(headOf("[2]"), { lease: next }), false);
    assert.equal(await backend.getLink("job"), A);
  }),

  "streams: of two under one reference, each is whole or fails": whereStreams(async (backend) => {
    const first = await written(backend, LARGE);
    const second = await written(backend, "[2]");
    const outcomes = await Promise.allSettled([first.commit(headOf(LARGE)), second.commit(headOf("[2]"))]);
    assert.ok(outcomes.some(({ status }) => status === "fulfilled"));
    const read = await backend.get(A);
    assert.ok(read?.json === LARGE || read?.json === "[2]", "two texts are mixed");
    assert.equal(read?.metadata.totalSize, Buffer.byteLength(read?.json ?? ""));
  }),

  "streams: take the place of an entry": whereStreams(async (backend) => {
    await backend.set(A, { ...headOf("[0]"), json: "[0]" });
    const writer = await written(backend, LARGE);
    await writer.commit(headOf(LARGE));
    assert.ok((await backend.get(A))?.json === LARGE);
  }),

  "streams: reject after close": whereStreams(async (backend) => {
    const writer = await written(backend, "[1]");
    await backend.close();
    const open = async () => (await backend.openText(A)).write(Buffer.from("1"));
    await assert.rejects(open(), StoreUnavailableError);
    await assert.rejects(writer.commit(headOf("[1]")), StoreUnavailableError);
    await writer.abort();
  }),
};

function whereStreams(check: (backend: Backend) => Promise<void>): (backend: CacheBackend) => Promise<void> {
  return async (backend) => (hasStreams(backend) ? check(backend) : undefined);
}

async function written(backend: Backend, json: string, size = 100_000, refId = A): Promise<EntryWriter> {
  const text = Buffer.from(json);
  const writer = await backend.openText(refId);
  for (let at = 0; at < text.length; at += size) await writer.write(text.subarray(at, at + size));
  return writer;
}

async function listed(backend: Backend): Promise<string[]> {
  const references: string[] = [];
  for await (const refId of backend.keys()) references.push(refId);
  return references;
}

function headOf(json: string): EntryHead {
  const metadata: Entry["metadata"] = {
    toolName: "check",
    totalItems: null,
    totalSize: Buffer.byteLength(json),
  };
  return {
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: 1_700_000_000_000,
    expiresAt: null,
    metadata,
  };
}
