import { describe, expect, test, vi } from "vitest";
import {
  type Actor,
  DEFAULT_POLICY,
  EntryUnreadableError,
  MemoryBackend,
  type Policy,
  RefCache,
  ReferenceUnavailableError,
  runAs,
} from "../../src/index.js";
import { keyName } from "../../src/memo.js";
import { LARGE_BYTES } from "../../src/outline/outline.js";
import { asServer } from "../helpers/actors.js";
import { all, entry, expiredEntry, reference } from "../helpers/entries.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { sqlite } from "../helpers/sqlite.js";

const actor: Actor = { type: "agent", id: "mallory", sessionId: "s9" };
const CANARY = "canary-9e1c";

/** Reasons for which there is nothing to be had; none of them may be told from another. */
const ENTRIES: Readonly<Record<string, Parameters<typeof entry>[0]>> = {
  "denied by role": { policy: { agentPermissions: 0 } },
  "denied by name": { policy: { deniedActors: ["agent:mallory"] } },
  "denied by the allow list": { policy: { allowedActors: ["agent:alice"] } },
  "denied by its session": { policy: { boundSession: "s1" } },
  "denied as another's": { policy: { owner: "user:alice", userPermissions: 0, agentPermissions: 0 } },
  "foreign by user": { namespace: "user:alice" },
  "foreign by agent": { namespace: "agent:alice:notes" },
  "foreign by session": { namespace: "session:s1" },
  "foreign by organisation": { namespace: "org:acme" },
  "foreign by group": { namespace: "shared:team" },
  "foreign by what it was made of": { policy: { within: ["user:alice"] } },
  "of a namespace that admits nobody": { namespace: "user" },
};
const NONE: readonly string[] = ["test:00000000", "other:ffffffffffffffffffffffffffffffff"];
const MALFORMED: readonly unknown[] = [
  "",
  "test",
  "test:",
  "test:xyz",
  "TEST:DEADBEEF12",
  "test:0000000",
  "test:00000000\n",
  " test:00000000",
  "1test:00000000",
  "*",
  "test:*",
  "../test:00000000",
  "canary",
];

/** Nothing to be had for a row of reasons, each under a reference and a key of its own. */
async function store(backend: MemoryBackend, cacheName = "test") {
  const references: string[] = [];
  const value = { secret: CANARY };
  for (const [n, wish] of Object.values(ENTRIES).entries()) {
    await backend.setLinked(
      reference(n),
      entry({ value, ...wish }),
      keyName(wish?.namespace ?? "public", `key ${n}`),
    );
    references.push(reference(n));
  }
  const expired = reference(500);
  await backend.setLinked(expired, expiredEntry({ value }), keyName("public", "expired"));
  const cache = new RefCache({ name: cacheName, backend });
  const deleted = await cache.set("deleted", value);
  await cache.delete(deleted.refId, asServer);
  return { cache, references: [...references, expired, deleted.refId, ...NONE] };
}

/** All that can be told of an error from outside. */
const looks = (error: Error) => ({
  class: error.constructor,
  name: error.name,
  message: error.message,
  keys: Reflect.ownKeys(error),
  members: Object.entries(error),
  cause: error.cause,
  json: JSON.stringify(error),
  text: String(error),
});

const EXPECTED = {
  class: ReferenceUnavailableError,
  name: "ReferenceUnavailableError",
  message:
    "This reference is unknown, expired, or not available to you. Call the tool that produced it again to get a new one.",
  keys: ["stack", "message", "code"],
  members: [["code", "reference_unavailable"]],
  cause: undefined,
  json: '{"code":"reference_unavailable"}',
};

describe("denied, missing, expired, foreign and malformed look the same", () => {
  test.each(["get", "resolve"] as const)("to %s", async (method) => {
    const { cache, references } = await store(new MemoryBackend());
    for (const refId of [...references, ...(MALFORMED as string[])]) {
      const error = await errorOf(() => cache[method](refId, { actor }));
      expect(looks(error)).toMatchObject(EXPECTED);
      expect(everythingIn(error)).not.toContain(CANARY);
      if (refId.length > 8) expect(everythingIn({ ...looks(error) })).not.toContain(refId);
    }
    for (const malformed of [undefined, null, 7, {}, ["test:00000000"]])
      expect(looks(await errorOf(() => cache[method](malformed as never, { actor })))).toMatchObject(
        EXPECTED,
      );
  });

  test("to get a page, or all of it", async () => {
    const { cache, references } = await store(new MemoryBackend());
    for (const options of [{ page: 1 }, { page: 99 }, { page: -1 }, { pageSize: 0 }, { full: true }])
      for (const refId of [...references, ...(MALFORMED as string[])])
        expect(looks(await errorOf(() => cache.get(refId, { actor, ...options })))).toMatchObject(EXPECTED);
  });

  test("to exists, delete and info", async () => {
    const { cache, references } = await store(new MemoryBackend());
    for (const refId of [...references, ...(MALFORMED as string[])]) {
      expect(await cache.exists(refId, { actor })).toBe(false);
      expect(await cache.delete(refId, { actor })).toBe(false);
      expect(await cache.info(refId, { actor })).toBeUndefined();
    }
    for (const [n] of Object.keys(ENTRIES).entries())
      expect(await cache.exists(reference(n), asServer)).toBe(true);
  });

  test("to lookup, list and clear", async () => {
    const { cache } = await store(new MemoryBackend());
    const namespaces = Object.values(ENTRIES).map((wish) => wish?.namespace ?? "public");
    for (const [n, namespace] of namespaces.entries())
      expect(await cache.lookup(`key ${n}`, { actor, namespace })).toBeUndefined();
    for (const key of ["expired", "deleted", "never"])
      expect(await cache.lookup(key, { actor })).toBeUndefined();
    for (const namespace of [undefined, "nowhere", ...namespaces]) {
      expect(await all(cache.list({ actor, ...(namespace === undefined ? {} : { namespace }) }))).toEqual([]);
      expect(await cache.clear(namespace, { actor })).toBe(0);
    }
    expect(await all(cache.list(asServer))).toHaveLength(Object.keys(ENTRIES).length);
  });

  test("to a tool, which gets the text", async () => {
    const { cache, references } = await store(new MemoryBackend());
    const echo = cache.cached("n")(async (args: unknown) => ({ got: args }));
    for (const refId of [...references, ...(MALFORMED as string[])])
      expect(await runAs(actor, () => echo({ data: refId }))).toMatchObject({
        value: { got: { data: refId } },
      });
  });

  test("to a tool that asks for it by name", async () => {
    const { cache, references } = await store(new MemoryBackend());
    const fetch = cache.cached("n", { resolveRefs: false })(async ({ refId }: { refId: string }) =>
      cache.resolve(refId),
    );
    for (const refId of [...references, ...(MALFORMED as string[])]) {
      expect(looks(await errorOf(() => runAs(actor, () => fetch({ refId }))))).toMatchObject(EXPECTED);
      const plain = () => cache.callAs(actor, () => cache.resolve(refId));
      expect(looks(await errorOf(plain))).toMatchObject(EXPECTED);
    }
  });

  test("as does what cannot be read, except to the server itself", async () => {
    const { cache, references } = await store(new MemoryBackend());
    const backend = new MemoryBackend();
    const unreadable = async (refId: string): Promise<never> => {
      throw new EntryUnreadableError(refId, "policy is not an object");
    };
    Object.assign(backend, { get: unreadable, head: unreadable, look: unreadable });
    const broken = new RefCache({ name: "test", backend });
    const refId = references[0] ?? "";
    for (const method of ["get", "resolve"] as const) {
      expect(looks(await errorOf(() => broken[method](refId, { actor })))).toMatchObject(EXPECTED);
      expect(await errorOf(() => broken[method](refId, asServer))).toBeInstanceOf(EntryUnreadableError);
    }
    expect(await broken.exists(refId, { actor })).toBe(false);
    expect(await broken.delete(refId, { actor })).toBe(false);
    await cache.close();
  });

  test("whichever server of the store it came from", async () => {
    const backend = new MemoryBackend();
    await store(backend);
    const other = new RefCache({ name: "other", backend });
    for (const refId of [reference(0), NONE[0] ?? ""])
      expect(looks(await errorOf(() => other.get(refId, { actor })))).toMatchObject(EXPECTED);
  });
});

describe("a denied value", () => {
  const large = (policy: Partial<Policy>) => entry({ value: "x".repeat(10_000_000), policy });
  const backends = { memory: () => new MemoryBackend(), sqlite: () => sqlite() };

  test.each(["memory", "sqlite"] as const)("of ten megabytes is never fetched: %s", async (kind) => {
    const backend = backends[kind]();
    const cache = new RefCache({ name: "test", backend });
    await backend.setLinked(reference(1), large({ agentPermissions: 0 }), keyName("public", "large"));
    const get = vi.spyOn(backend, "get");
    const echo = cache.cached("n", { key: false })(async (args: unknown) => args);
    await errorOf(() => cache.get(reference(1), { actor }));
    await errorOf(() => cache.get(reference(1), { actor, full: true }));
    await errorOf(() => cache.resolve(reference(1), { actor }));
    await cache.exists(reference(1), { actor });
    await cache.delete(reference(1), { actor });
    await cache.info(reference(1), { actor });
    await cache.lookup("large", { actor });
    await cache.clear("public", { actor });
    await all(cache.list({ actor }));
    await runAs(actor, () => echo({ data: reference(1) }));
    expect(get).not.toHaveBeenCalled();
    expect(await cache.resolve(reference(1), { actor: { type: "user" } })).toHaveLength(10_000_000);
    expect(get).toHaveBeenCalledTimes(1);
  });

  test("that took a permitted one's place meanwhile is not told", async () => {
    const backend = new MemoryBackend();
    const cache = new RefCache({ name: "test", backend });
    const large = "x".repeat(LARGE_BYTES); // of which the head is seen first
    await backend.set(reference(1), entry({ value: large }));
    const { get } = backend;
    backend.get = async (refId) => {
      await backend.set(refId, entry({ value: CANARY, policy: { agentPermissions: 0 } }));
      return get.call(backend, refId);
    };
    expect(looks(await errorOf(() => cache.get(reference(1), { actor })))).toMatchObject(EXPECTED);
    backend.get = async (refId) => {
      await backend.set(refId, entry({ value: CANARY, policy: DEFAULT_POLICY, namespace: "user:alice" }));
      return get.call(backend, refId);
    };
    await backend.set(reference(1), entry({ value: large, policy: DEFAULT_POLICY }));
    expect(looks(await errorOf(() => cache.get(reference(1), { actor })))).toMatchObject(EXPECTED);
  });
});

describe("a refusal to store", () => {
  const CLOSED = { namespaces: { "user:*": {}, closed: { policy: { agentPermissions: 17 } } } };
  const cache = new RefCache({ name: "test", defaultPolicy: { agentPermissions: 31 }, ...CLOSED });

  test("says what it takes, and stores nothing", async () => {
    for (const namespace of ["closed", "user:alice"]) {
      const error = await errorOf(() => cache.set("k", CANARY, { actor, namespace }));
      expect(error).toMatchObject({ name: "PermissionDeniedError", code: "permission_denied" });
      expect(everythingIn(error)).not.toContain(CANARY);
    }
    expect(await all(cache.list(asServer))).toEqual([]);
  });

  test("is the same for a key of another, whose value stays", async () => {
    const { refId } = await cache.set("mine", 1, { policy: { agentPermissions: 0 } });
    const error = await errorOf(() => cache.set("mine", 2, { actor }));
    expect(error).toMatchObject({ code: "permission_denied" });
    expect((await cache.lookup("mine", asServer))?.refId).toBe(refId);
    expect(await cache.set("other", 2, { actor })).toHaveProperty("refId");
  });

  test("comes before the value is looked at", async () => {
    const value = new Proxy({}, { get: () => expect.unreachable(), ownKeys: () => expect.unreachable() });
    await expect(cache.set("k", value, { actor, namespace: "closed" })).rejects.toMatchObject({
      code: "permission_denied",
    });
  });
});
