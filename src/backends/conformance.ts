import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { DEFAULT_POLICY } from "../access/policy.js";
import type { Entry } from "../entry/entry.js";
import { StoreUnavailableError } from "../errors.js";
import {
  type CacheBackend,
  type HeadStore,
  hasHeads,
  hasLinks,
  hasReplace,
  type LinkStore,
  type ReplaceStore,
} from "./backend.js";
import { BATCH_CHECKS } from "./conformance-batches.js";
import { CHANNEL_CHECKS } from "./conformance-channel.js";
import { LABEL_CHECKS } from "./conformance-labels.js";
import { LEASE_CHECKS } from "./conformance-leases.js";
import { RANGE_CHECKS } from "./conformance-ranges.js";
import { STREAM_CHECKS } from "./conformance-streams.js";
import { TASK_CHECKS } from "./conformance-tasks.js";

/** One thing a backend must do. `run` rejects with an `AssertionError` where it does not. */
export interface BackendCheck {
  readonly name: string;
  run(): Promise<void>;
}

/**
 * Everything the {@link CacheBackend} protocol asks, for any test runner. `create` is called once a check and
 * must give an empty backend that shares nothing with the ones before; the check closes it. Checks of a
 * capability pass on a backend that does not have it.
 * @example
 * for (const check of backendChecks(async () => new MyBackend())) test(check.name, check.run);
 */
export function backendChecks(create: () => Promise<CacheBackend>): BackendCheck[] {
  return Object.entries(CHECKS).map(([name, check]) => ({
    name,
    run: async () => {
      const backend = await create();
      try {
        await check(backend);
      } finally {
        await backend.close();
      }
    },
  }));
}

type Check = (backend: CacheBackend) => Promise<void>;

const A = "check:00000000000000000000000000000001";
const B = "check:00000000000000000000000000000002";
const C = "check:00000000000000000000000000000003";
const YEAR_2100 = 4_102_444_800_500;

const VALUES: Readonly<Record<string, string>> = {
  null: "null",
  "an empty text": '""',
  "a nested value": '{"a":[1,-2.5,{"b":[]}],"c":true}',
  escapes: '"\\u0000\\b\\f\\n\\r\\t\\"\\\\\\/\\u00e9\\u2028"',
  "spaces and repeated members": ' { "a" : 1 , "a" : [ ] } '.trim(),
  "NaN and infinities": "[NaN,Infinity,-Infinity]",
  "numbers no double holds":
    "[12345678901234567890123,-0.0,1e+22,1E400,0.1000000000000000055511151231257827]",
  "non-ASCII text": '"Zoë 日本 😀 \u2028 \u202e"',
  "escapes of lone surrogates": '["\\ud800","\\udc00x"]',
  "members that look like a head": '{"namespace":"x","policy":{},"metadata":{"expires_at":1},"expires_at":1}',
  "a text of 5 MB": JSON.stringify("0123456789abcdé\n".repeat(320_000)),
};

const NAMESPACES = [
  ..."users|usersAbc|user|user*|user?|[user]|%|_|user_|USERS|a:b|a:b:*".split("|"),
  ...["'", '"', "\\", "a'; DROP TABLE x; --", "{a}", " users", "日本 😀", "-", "\n"],
];

const CHECKS: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(
    Object.entries(VALUES).map(([what, json]) => [
      `gives back ${what}, byte for byte`,
      (backend: CacheBackend) => comesBackAs(backend, make({ json, metadata: metadataOf(json) })),
    ]),
  ),

  "gives back every member of a policy": (backend) =>
    comesBackAs(
      backend,
      make({
        policy: {
          userPermissions: 0,
          agentPermissions: 16,
          owner: "user:Zoë",
          ownerPermissions: 7,
          allowedActors: ["agent:claude-*", "user:*"],
          deniedActors: [],
          boundSession: "session-1",
        },
      }),
    ),

  "gives back metadata, members of other writers included": (backend) =>
    comesBackAs(
      backend,
      make({
        metadata: {
          toolName: 'tool "ü"',
          totalItems: 3,
          totalSize: 7,
          strictJson: true,
          tags: ["invoices", "日本 😀"],
          link: "memo:1",
          atRest: { refId: A, checksum: 4_294_967_295, storedSize: 7 },
          other: { task_id: "t-1", nested: { list: [1, null, "x"] } },
        },
      }),
    ),

  "gives back metadata that says nothing": (backend) =>
    comesBackAs(backend, make({ metadata: { toolName: null, totalItems: null, totalSize: null } })),

  "keeps an entry without expiry": (backend) => comesBackAs(backend, make({ expiresAt: null })),
  "keeps an entry that expires in the year 2100": (backend) =>
    comesBackAs(backend, make({ createdAt: 1_700_000_000_123, expiresAt: YEAR_2100 })),

  "has nothing under an unknown reference": async (backend) => {
    assert.equal(await backend.get(A), undefined);
    assert.equal(await backend.exists(A), false);
    assert.equal(await backend.delete(A), false);
    assert.deepEqual(await listed(backend), []);
    assert.equal(await backend.clear(), 0);
  },

  "tells what exists": async (backend) => {
    await backend.set(A, make());
    assert.equal(await backend.exists(A), true);
    assert.equal(await backend.exists(B), false);
  },

  "overwrites an entry as a whole, its namespace too": async (backend) => {
    await backend.set(A, make({ namespace: "old", expiresAt: null }));
    const entry = make({ json: '"new"', namespace: "new", expiresAt: YEAR_2100 });
    await comesBackAs(backend, entry);
    assert.deepEqual(await listed(backend, "old"), []);
    assert.deepEqual(await listed(backend), [A]);
  },

  "an overwrite takes an expiry away": async (backend) => {
    await backend.set(A, make({ expiresAt: Date.now() + 60 }));
    await backend.set(A, make({ expiresAt: null }));
    await sleep(90);
    assert.equal(await backend.exists(A), true);
  },

  "deletes one entry and tells whether there was one": async (backend) => {
    await backend.set(A, make());
    await backend.set(B, make());
    assert.equal(await backend.delete(A), true);
    assert.equal(await backend.delete(A), false);
    assert.equal(await backend.get(A), undefined);
    assert.deepEqual(await listed(backend), [B]);
  },

  "an entry is missing from its expiry on": async (backend) => {
    await backend.set(A, make({ expiresAt: Date.now() + 400 }));
    assert.equal(await backend.exists(A), true);
    await sleep(450);
    await isMissing(backend, A);
  },

  "an entry stored after its expiry is missing": async (backend) => {
    await backend.set(A, make({ expiresAt: YEAR_2100 }));
    await backend.set(A, make({ expiresAt: Date.now() - 1000 }));
    await isMissing(backend, A);
  },

  "an expired entry is neither deleted nor cleared": async (backend) => {
    for (const refId of [A, B]) await backend.set(refId, make({ expiresAt: Date.now() - 1 }));
    assert.equal(await backend.delete(A), false);
    assert.equal(await backend.clear("checks"), 0);
    assert.equal(await backend.clear(), 0);
  },

  "lists and clears exactly one namespace": async (backend) => {
    for (const [n, namespace] of NAMESPACES.entries()) await backend.set(nth(n), make({ namespace }));
    for (const [n, namespace] of NAMESPACES.entries()) {
      assert.deepEqual(await listed(backend, namespace), [nth(n)], `listing ${namespace}`);
    }
    for (const [n, namespace] of NAMESPACES.entries()) {
      assert.equal(await backend.clear(namespace), 1, `clearing ${namespace}`);
      const left = NAMESPACES.length - n - 1;
      assert.equal((await listed(backend)).length, left, `left after clearing ${namespace}`);
    }
  },

  "clears everything and stays usable": async (backend) => {
    for (const [n, namespace] of NAMESPACES.entries()) await backend.set(nth(n), make({ namespace }));
    assert.equal(await backend.clear(), NAMESPACES.length);
    assert.deepEqual(await listed(backend), []);
    await comesBackAs(backend, make());
  },

  "lists and clears thousands of entries, each once": async (backend) => {
    const references = Array.from({ length: 3000 }, (_, n) => nth(n));
    const metadata = { toolName: null, totalItems: null, totalSize: 7 };
    await Promise.all(references.map((refId) => backend.set(refId, make({ namespace: "many", metadata }))));
    await backend.set(A.replace("check", "other"), make({ namespace: "few" }));
    assert.deepEqual(await listed(backend, "many"), references);
    assert.equal(await backend.clear("many"), 3000);
    assert.equal((await listed(backend)).length, 1);
  },

  "a listing that is given up leaves the backend usable": async (backend) => {
    for (const refId of [A, B, C]) await backend.set(refId, make());
    for await (const _ of backend.keys()) break;
    await comesBackAs(backend, make());
    assert.equal(await backend.clear(), 3);
  },

  "entries may be deleted and stored while they are listed": async (backend) => {
    for (const refId of [A, B]) await backend.set(refId, make());
    for await (const refId of backend.keys()) {
      await backend.delete(refId);
      await backend.set(C, make({ namespace: "others" }));
    }
    assert.deepEqual(await listed(backend, "checks"), []);
  },

  "one of several concurrent writes of a reference wins as a whole": async (backend) => {
    const entries = Array.from({ length: 20 }, (_, n) => make({ json: `${n}`, namespace: `n${n}` }));
    const reads = entries.map(async (entry) => {
      await backend.set(A, entry);
      return backend.get(A);
    });
    for (const read of [...(await Promise.all(reads)), await backend.get(A)]) {
      assert.equal(read?.namespace, `n${read?.json}`);
    }
    assert.deepEqual(await listed(backend), [A]);
  },

  "does not keep the caller's object": async (backend) => {
    const entry = make({ policy: { ...DEFAULT_POLICY, allowedActors: ["user:a"] } });
    const expected = structuredClone(entry);
    await backend.set(A, entry);
    vandalise(entry);
    assert.deepEqual(await backend.get(A), expected);
  },

  "gives every reader a copy, or one that cannot be changed": async (backend) => {
    const entry = make({ policy: { ...DEFAULT_POLICY, allowedActors: ["user:a"] } });
    await backend.set(A, entry);
    vandalise(await backend.get(A));
    assert.deepEqual(await backend.get(A), entry);
  },

  "rejects every call after close, and closes twice": async (backend) => {
    await backend.set(A, make());
    await backend.close();
    await backend.close();
    await isClosed(backend.get(A));
    await isClosed(backend.set(A, make()));
    await isClosed(backend.delete(A));
    await isClosed(backend.exists(A));
    await isClosed(backend.clear());
    await isClosed(listed(backend));
  },

  "closes before its first use": async (backend) => {
    await backend.close();
    await isClosed(backend.exists(A));
  },

  "heads: reads a head without the value": whereHeads(async (backend) => {
    const entry = make({ expiresAt: YEAR_2100 });
    await backend.set(A, entry);
    const { json: _, ...head } = entry;
    assert.deepEqual(await backend.head(A), head);
    assert.equal(await backend.head(B), undefined);
  }),

  "heads: lists exactly one namespace, or all": whereHeads(async (backend) => {
    const namespaceOf = new Map(NAMESPACES.map((namespace, n) => [nth(n), namespace]));
    for (const [refId, namespace] of namespaceOf) await backend.set(refId, make({ namespace }));
    for (const [refId, namespace] of namespaceOf) {
      const heads = await collect(backend.heads(namespace));
      assert.deepEqual(
        heads.map(([id, head]) => [id, head.namespace]),
        [[refId, namespace]],
      );
    }
    const all = await collect(backend.heads());
    assert.deepEqual(new Map(all.map(([id, head]) => [id, head.namespace])), namespaceOf);
  }),

  "heads: leaves out what has expired": whereHeads(async (backend) => {
    await backend.set(A, make({ expiresAt: Date.now() - 1 }));
    await backend.set(B, make({ expiresAt: YEAR_2100 }));
    assert.equal(await backend.head(A), undefined);
    assert.deepEqual(
      (await collect(backend.heads())).map(([refId]) => refId),
      [B],
    );
  }),

  "heads: rejects after close": whereHeads(async (backend) => {
    await backend.close();
    await isClosed(backend.head(A));
    await isClosed(collect(backend.heads()));
  }),

  "links: lead to a reference, and to another once replaced": whereLinks(async (backend) => {
    assert.equal(await backend.getLink("memo:1"), undefined);
    await backend.setLinked(A, make(), "memo:1");
    await backend.setLinked(C, make({ expiresAt: YEAR_2100 }), "memo:10");
    await backend.setLinked(B, make({ expiresAt: YEAR_2100 }), "memo:1");
    assert.equal(await backend.getLink("memo:1"), B);
    assert.equal(await backend.getLink("memo:10"), C);
    for (const refId of [A, B, C]) assert.ok(await backend.exists(refId));
  }),

  "links: take any name of 200 ASCII characters": whereLinks(async (backend) => {
    const names = ["*", "a b", "%_'\"\\{}[]?:", "~".repeat(200), `${"~".repeat(199)}-`];
    for (const [n, name] of names.entries()) await backend.setLinked(nth(n), make(), name);
    for (const [n, name] of names.entries()) assert.equal(await backend.getLink(name), nth(n), name);
  }),

  "links: end with their entry": whereLinks(async (backend) => {
    await backend.setLinked(B, make({ expiresAt: Date.now() - 1000 }), "past");
    await backend.setLinked(A, make({ expiresAt: Date.now() + 400 }), "soon");
    assert.equal(await backend.getLink("past"), undefined);
    assert.equal(await backend.getLink("soon"), A);
    await sleep(450);
    assert.equal(await backend.getLink("soon"), undefined);
  }),

  "links: go when everything is cleared": whereLinks(async (backend) => {
    await backend.setLinked(A, make(), "memo:1");
    await backend.clear();
    assert.equal(await backend.getLink("memo:1"), undefined);
  }),

  "links: are not entries": whereLinks(async (backend) => {
    await backend.setLinked(B, make(), A);
    assert.equal(await backend.get(A), undefined);
    assert.deepEqual(await listed(backend), [B]);
    assert.equal(await backend.clear(), 1);
  }),

  "links: reject after close": whereLinks(async (backend) => {
    await backend.close();
    await isClosed(backend.getLink("a"));
    await isClosed(backend.setLinked(A, make(), "a"));
  }),

  "replace: writes over an entry as a whole, its namespace too": whereReplace(async (backend) => {
    await backend.set(A, make({ namespace: "old", expiresAt: null }));
    const entry = make({ json: '"new"', namespace: "new", expiresAt: YEAR_2100 });
    assert.equal(await backend.replace(A, entry), true);
    assert.deepEqual(await backend.get(A), entry);
    assert.deepEqual(await listed(backend, "old"), []);
    assert.deepEqual(await listed(backend, "new"), [A]);
  }),

  "replace: makes no entry where there is none": whereReplace(async (backend) => {
    assert.equal(await backend.replace(A, make()), false);
    await backend.set(B, make());
    await backend.delete(B);
    assert.equal(await backend.replace(B, make()), false);
    await sleep(10); // what sweeps when a store is opened has swept
    await backend.set(C, make({ expiresAt: Date.now() - 1 }));
    assert.equal(await backend.replace(C, make()), false);
    assert.deepEqual(await listed(backend), []);
  }),

  "replace: brings nothing back that is deleted at the same time": whereReplace(async (backend) => {
    await backend.set(A, make());
    await Promise.all([backend.replace(A, make()), backend.delete(A)]);
    assert.equal(await backend.exists(A), false);
  }),

  "replace: sets the expiry, or takes it away": whereReplace(async (backend) => {
    for (const refId of [A, B]) await backend.set(refId, make({ expiresAt: Date.now() + 400 }));
    await backend.set(C, make());
    assert.equal(await backend.replace(A, make({ expiresAt: null })), true);
    assert.equal(await backend.replace(B, make({ expiresAt: Date.now() + 500 })), true);
    assert.equal(await backend.replace(C, make({ expiresAt: Date.now() - 1000 })), true);
    assert.deepEqual(await listed(backend), [A, B]);
    await sleep(550);
    assert.deepEqual(await listed(backend), [A]);
  }),

  "replace: names go on leading to the entry": whereReplace(async (backend) => {
    if (!hasLinks(backend)) return;
    await backend.setLinked(A, make(), "memo:1");
    await backend.replace(A, make({ json: '"new"' }));
    assert.equal(await backend.getLink("memo:1"), A);
  }),

  "replace: does not keep the caller's object": whereReplace(async (backend) => {
    await backend.set(A, make());
    const entry = make({ policy: { ...DEFAULT_POLICY, allowedActors: ["user:a"] } });
    const expected = structuredClone(entry);
    await backend.replace(A, entry);
    vandalise(entry);
    assert.deepEqual(await backend.get(A), expected);
  }),

  ...RANGE_CHECKS,
  ...STREAM_CHECKS,

  "replace: rejects after close": whereReplace(async (backend) => {
    await backend.close();
    await isClosed(backend.replace(A, make()));
  }),

  ...CHANNEL_CHECKS,
  ...LEASE_CHECKS,
  ...LABEL_CHECKS,
  ...BATCH_CHECKS,
  ...TASK_CHECKS,
};

function whereReplace(check: (backend: CacheBackend & ReplaceStore) => Promise<void>): Check {
  return async (backend) => (hasReplace(backend) ? check(backend) : undefined);
}

function whereHeads(check: (backend: CacheBackend & HeadStore) => Promise<void>): Check {
  return async (backend) => (hasHeads(backend) ? check(backend) : undefined);
}

function whereLinks(check: (backend: CacheBackend & LinkStore) => Promise<void>): Check {
  return async (backend) => (hasLinks(backend) ? check(backend) : undefined);
}

function make(wish: Partial<Entry> = {}): Entry {
  const json = wish.json ?? "[1,2,3]";
  return {
    json,
    namespace: "checks",
    policy: DEFAULT_POLICY,
    createdAt: 1_700_000_000_000,
    expiresAt: null,
    metadata: metadataOf(json),
    ...wish,
  };
}

function metadataOf(json: string): Entry["metadata"] {
  return { toolName: "check", totalItems: null, totalSize: Buffer.byteLength(json) };
}

function nth(n: number): string {
  return `check:${n.toString(16).padStart(32, "0")}`;
}

async function comesBackAs(backend: CacheBackend, entry: Entry): Promise<void> {
  await backend.set(A, entry);
  const read = await backend.get(A);
  // `ok` and not `equal`, which would print megabytes.
  assert.ok(read?.json === entry.json, "the text of the value has changed");
  assert.deepEqual(read, entry);
  assert.equal(await backend.exists(A), true);
}

async function isMissing(backend: CacheBackend, refId: string): Promise<void> {
  assert.equal(await backend.get(refId), undefined);
  assert.equal(await backend.exists(refId), false);
  assert.deepEqual(await listed(backend), []);
  assert.deepEqual(await listed(backend, "checks"), []);
  assert.equal(await backend.delete(refId), false);
}

async function isClosed(call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, StoreUnavailableError);
}

async function listed(backend: CacheBackend, namespace?: string): Promise<string[]> {
  return (await collect(backend.keys(namespace))).sort();
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** Changes what can be changed; a frozen object refuses, which is as good. */
function vandalise(entry: Entry | undefined): void {
  const changes = [
    () => Object.assign(entry ?? {}, { json: '"changed"', expiresAt: 1 }),
    () => Object.assign(entry?.policy ?? {}, { userPermissions: 0 }),
    () => Object.assign(entry?.policy.allowedActors ?? [], ["user:mallory"]),
    () => Object.assign(entry?.metadata ?? {}, { toolName: "changed" }),
  ];
  for (const change of changes) {
    try {
      change();
    } catch (error) {
      assert.ok(error instanceof TypeError);
    }
  }
}
