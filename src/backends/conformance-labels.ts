import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry, EntryMetadata } from "../entry/entry.js";
import type { Label } from "../entry/labels.js";
import { StoreUnavailableError } from "../errors.js";
import { type CacheBackend, hasLabels, hasLeases, hasLinks, hasReplace, type LabelStore } from "./backend.js";

type Backend = CacheBackend & LabelStore;

const [A = "", B = "", C = "", D = ""] = Array.from({ length: 4 }, (_, n) => nth(n + 1));
const NAMES = [
  "a",
  "A",
  "aa",
  "a:b",
  "*",
  "%",
  "{a}",
  "日本 😀",
  " ",
  "'; --",
  "x".repeat(128),
  "x".repeat(127),
  "\n",
];
const KINDS = ["namespace", "tool", "tag"] as const;

/** What a backend that finds entries by label must do. */
export const LABEL_CHECKS: Readonly<Record<string, (backend: CacheBackend) => Promise<void>>> = {
  "labels: exactly the entries that bear one go, of whatever kind and name": whereLabels(async (backend) => {
    const labels = NAMES.flatMap((name) => KINDS.map((kind): Label => ({ kind, name })));
    for (const [n, label] of labels.entries()) await backend.set(nth(n), bearing(label));
    for (const [n, label] of labels.entries()) {
      assert.equal(await backend.removeLabelled(label), 1, `removing ${label.kind} ${label.name}`);
      assert.equal(await backend.exists(nth(n)), false);
      assert.equal((await listed(backend)).length, labels.length - n - 1);
    }
  }),

  "labels: an entry is found by each of its tags": whereLabels(async (backend) => {
    for (const refId of [A, B, C]) await backend.set(refId, make({ tags: ["one", "two"] }));
    await backend.set(D, make({ tags: ["two"] }));
    assert.equal(await backend.removeLabelled(tag("one")), 3);
    assert.equal(await backend.removeLabelled(tag("one")), 0);
    assert.equal(await backend.removeLabelled(tag("two")), 1);
  }),

  "labels: what may not go stays, and may go later": whereLabels(async (backend) => {
    for (const kind of KINDS) {
      const label = { kind, name: kind };
      for (const refId of [A, B, C]) await backend.set(refId, bearing(label));
      const asked: string[] = [];
      const removed = await backend.removeLabelled(label, async (refId, head) => {
        asked.push(refId);
        assert.equal("json" in head, false);
        assert.equal(head.createdAt, CREATED_AT);
        return refId === B;
      });
      assert.deepEqual([removed, asked.sort()], [1, [A, B, C]]);
      assert.deepEqual(await listed(backend), [A, C]);
      assert.equal(await backend.removeLabelled(label), 2);
    }
  }),

  "labels: thousands go, each once": whereLabels(async (backend) => {
    const set = (n: number) => backend.set(nth(n), make({ tags: [n % 2 ? "odd" : "even"] }));
    for (let n = 0; n < 2500; n += 100) await Promise.all(Array.from({ length: 100 }, (_, m) => set(n + m)));
    assert.equal(await backend.removeLabelled(tag("odd")), 1250);
    assert.equal((await listed(backend)).length, 1250);
    assert.equal(await backend.removeLabelled(tag("even"), () => true), 1250);
  }),

  "labels: an entry is found by what it bears now, not by what it bore": whereLabels(async (backend) => {
    await backend.set(A, make({ tags: ["old"], toolName: "old" }));
    await backend.set(A, make({ tags: ["new"], toolName: "new" }));
    await backend.set(B, make({ tags: ["new"] }));
    for (const kind of ["tag", "tool"] as const)
      assert.equal(await backend.removeLabelled({ kind, name: "old" }), 0);
    assert.equal(await backend.removeLabelled({ kind: "tool", name: "new" }), 1);
    assert.equal(await backend.removeLabelled(tag("new")), 1);
  }),

  "labels: what is written over an entry bears its own": whereLabels(async (backend) => {
    if (!hasReplace(backend)) return;
    await backend.set(A, make({ tags: ["old"] }));
    await backend.replace(A, make({ tags: ["new"] }));
    assert.equal(await backend.removeLabelled(tag("old")), 0);
    assert.equal(await backend.removeLabelled(tag("new")), 1);
  }),

  "labels: what is stored under a lease bears its own": whereLabels(async (backend) => {
    if (!hasLeases(backend)) return;
    const lease = await backend.acquireLease("memo:1", 10_000);
    assert.ok(typeof lease === "object");
    await backend.setLeased(A, make({ tags: ["t"], link: "memo:1" }), lease);
    assert.equal(await backend.removeLabelled(tag("t")), 1);
    if (hasLinks(backend)) assert.equal(await backend.getLink("memo:1"), undefined);
  }),

  "labels: what is deleted, cleared or expired is not counted": whereLabels(async (backend) => {
    for (const refId of [A, B]) await backend.set(refId, make({ tags: ["t"] }));
    await backend.set(C, make({ tags: ["t"] }, Date.now() + 300));
    await backend.set(D, make({ tags: ["t"] }, Date.now() - 1));
    await backend.delete(A);
    await sleep(350);
    assert.equal(await backend.removeLabelled(tag("t")), 1);
    await backend.set(A, make({ tags: ["t"] }));
    await backend.clear();
    assert.equal(await backend.removeLabelled(tag("t")), 0);
  }),

  "labels: names go with the entries they lead to, and not with others": whereLabels(async (backend) => {
    if (!hasLinks(backend)) return;
    for (const kind of KINDS) {
      const label = { kind, name: kind };
      const linked = (link: string) => bearing(label, { link });
      await backend.setLinked(A, linked("taken over"), "taken over");
      await backend.setLinked(B, make({ link: "taken over" }), "taken over");
      await backend.setLinked(C, linked("memo:1"), "memo:1");
      assert.equal(await backend.removeLabelled(label), 2);
      assert.equal(await backend.getLink("memo:1"), undefined);
      assert.equal(await backend.getLink("taken over"), B);
    }
  }),

  "labels: reject after close": whereLabels(async (backend) => {
    await backend.close();
    for (const kind of KINDS)
      await assert.rejects(backend.removeLabelled({ kind, name: "a" }), StoreUnavailableError);
  }),
};

function whereLabels(check: (backend: Backend) => Promise<void>) {
  return async (backend: CacheBackend) => (hasLabels(backend) ? check(backend) : undefined);
}

const CREATED_AT = 1_700_000_000_000;

function tag(name: string): Label {
  return { kind: "tag", name };
}

/** An entry that bears one label, apart from the namespace `checks` where the label is none. */
function bearing({ kind, name }: Label, metadata: Partial<EntryMetadata> = {}): Entry {
  const entry = make({
    ...metadata,
    ...(kind === "tag" && { tags: [name] }),
    ...(kind === "tool" && { toolName: name }),
  });
  return kind === "namespace" ? { ...entry, namespace: name } : entry;
}

function make(metadata: Partial<EntryMetadata>, expiresAt: number | null = null): Entry {
  return {
    json: "[1,2,3]",
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: CREATED_AT,
    expiresAt,
    metadata: { toolName: null, totalItems: null, totalSize: 7, ...metadata },
  };
}

function nth(n: number): string {
  return `check:${n.toString(16).padStart(32, "0")}`;
}

async function listed(backend: CacheBackend): Promise<string[]> {
  const references: string[] = [];
  for await (const refId of backend.keys()) references.push(refId);
  return references.sort();
}
