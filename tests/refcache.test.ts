import { describe, expect, test } from "vitest";
import { runAs } from "../src/access/current.js";
import {
  type Actor,
  type CacheBackend,
  ConfigurationError,
  InvalidPageError,
  isReference,
  MemoryBackend,
  RefCache,
  type RefCacheOptions,
  ReferenceUnavailableError,
  ValueNotStorableError,
} from "../src/index.js";
import { asServer } from "./helpers/actors.js";
import { all } from "./helpers/entries.js";
import { errorOf } from "./helpers/errors.js";

const agent: Actor = { type: "agent", id: "a" };
const user: Actor = { type: "user", id: "u" };

describe("set", () => {
  test("gives a reference and what is known of the value", async () => {
    const cache = new RefCache({ name: "calc" });
    const before = Date.now();
    const reference = await cache.set("primes", [2, 3, 5], {
      namespace: "sequences",
      ttl: "90s",
      toolName: "primes",
    });
    expect(reference).toEqual({
      refId: expect.stringMatching(/^calc:[0-9a-f]{32}$/),
      namespace: "sequences",
      createdAt: expect.any(Number),
      expiresAt: reference.createdAt + 90_000,
      toolName: "primes",
      totalItems: 3,
      bytes: 7,
    });
    expect(reference.createdAt).toBeGreaterThanOrEqual(before);
  });

  test("makes a new reference each time; the key leads to the newest, the older stays", async () => {
    const cache = new RefCache({ name: "calc" });
    const [one, two] = [await cache.set("k", 1), await cache.set("k", 2)];
    expect(one.refId).not.toBe(two.refId);
    expect(await cache.lookup("k", asServer)).toEqual(two);
    expect(await cache.resolve(one.refId, asServer)).toBe(1);
  });

  test("refuses before anything is stored", async () => {
    const cache = new RefCache({ name: "calc" });
    await expect(cache.set("k", { f: () => 1 })).rejects.toBeInstanceOf(ValueNotStorableError);
    await expect(cache.set("", 1)).rejects.toMatchObject({ option: "key" });
    await expect(cache.set("k", 1, { namespace: "" })).rejects.toMatchObject({ option: "namespace" });
    await expect(cache.set("k", 1, { namespace: "a\nb" })).rejects.toMatchObject({ option: "namespace" });
    await expect(cache.set("k", 1, { ttl: "1 fortnight" })).rejects.toMatchObject({ option: "ttl" });
    await expect(cache.set("k", 1, { policy: { owner: 1 as never } })).rejects.toMatchObject({
      option: "policy.owner",
    });
    expect(await all(cache.list(asServer))).toEqual([]);
  });

  test("time to live: call over namespace over cache, within limits", async () => {
    const cache = new RefCache({
      name: "calc",
      defaultTtl: "1h",
      namespaces: { "user:*": { ttl: "1m" }, "user:vip:*": { ttl: null }, "user:vip:x": { ttl: "2m" } },
    });
    const lifeOf = async (namespace: string, ttl?: string | null) => {
      const { createdAt, expiresAt } = await cache.set("k", 1, {
        namespace,
        ...(ttl === undefined ? {} : { ttl }),
      });
      return expiresAt === null ? null : expiresAt - createdAt;
    };
    expect(await lifeOf("other")).toBe(3_600_000);
    expect(await lifeOf("user:a")).toBe(60_000);
    expect(await lifeOf("user:vip:a")).toBeNull();
    expect(await lifeOf("user:vip:x")).toBe(120_000);
    expect(await lifeOf("users")).toBe(3_600_000);
    expect(await lifeOf("user:a", "5s")).toBe(5000);
    expect(await lifeOf("user:a", null)).toBeNull();
    const bounded = new RefCache({ name: "calc", limits: { minTtl: "10s", maxTtl: "1h" } });
    for (const ttl of ["9s", "61m", null, 0, -1, Number.NaN]) {
      await expect(bounded.set("k", 1, { ttl })).rejects.toMatchObject({ option: "ttl" });
    }
  });
});

describe("lookup", () => {
  test("is exact in namespace and key, and works for another cache on the store", async () => {
    const backend = new MemoryBackend();
    const [one, two] = [new RefCache({ name: "one", backend }), new RefCache({ name: "two", backend })];
    const { refId } = await one.set("report", 1, { namespace: "a" });
    expect((await two.lookup("report", { ...asServer, namespace: "a" }))?.refId).toBe(refId);
    for (const [namespace, key] of [
      ["a", "port"],
      ["a", "report "],
      ["A", "report"],
      ["public", "report"],
      ["", "a:report"],
    ] as const) {
      expect(await two.lookup(key, { ...asServer, namespace })).toBeUndefined();
    }
  });

  test("tells those nothing who may neither read nor use", async () => {
    const cache = new RefCache({ name: "one" });
    await cache.set("k", 1, { policy: { agentPermissions: 0 } });
    expect(await cache.lookup("k", { actor: agent })).toBeUndefined();
    expect(await cache.lookup("k", { actor: user })).toBeDefined();
  });

  test("finds nothing once the entry is gone", async () => {
    const cache = new RefCache({ name: "one" });
    const { refId } = await cache.set("k", 1);
    await cache.delete(refId, asServer);
    expect(await cache.lookup("k", asServer)).toBeUndefined();
  });
});

describe("get", () => {
  const cache = new RefCache({ name: "calc", measure: "characters", maxSize: 500 });
  const list = Array.from({ length: 1000 }, (_, index) => index);

  test("pages partition the value", async () => {
    const { refId } = await cache.set("list", list);
    const pages: unknown[] = [];
    for (let page = 1, last = 1; page <= last; page++) {
      const answer = await cache.get(refId, { ...asServer, page, pageSize: 90 });
      if (!("preview_strategy" in answer)) throw new Error("no page");
      last = answer.total_pages ?? 0;
      pages.push(...(answer.preview as unknown[]));
      expect(answer.message).toContain(`Page ${page} of ${last}`);
    }
    expect(pages).toEqual(list);
  });

  test("full shows what fits under the cap, and says what does not", async () => {
    const { refId } = await cache.set("list", list);
    expect(await cache.get(refId, { ...asServer, full: true })).toMatchObject({
      is_complete: true,
      value: list,
    });
    const tight = new RefCache({ name: "calc", measure: "characters", limits: { maxFullSize: 1000 } });
    const { refId: other } = await tight.set("list", list);
    expect(await tight.get(other, { ...asServer, full: true })).toMatchObject({
      is_complete: false,
      message: expect.stringMatching(/In full it is about 3891 characters; at most 1000 are shown/),
    });
  });

  test("maxSize is per call, under the hard cap", async () => {
    const { refId } = await cache.set("list", list);
    const sizeOf = async (maxSize: number) => {
      const answer = await cache.get(refId, { ...asServer, maxSize });
      return "preview_strategy" in answer ? answer.preview_size : "whole";
    };
    expect(await sizeOf(100)).toBeLessThanOrEqual(100);
    expect(await sizeOf(4000)).toBe("whole");
    const capped = new RefCache({ name: "calc", measure: "characters", limits: { maxPreviewSize: 50 } });
    const { refId: other } = await capped.set("list", list);
    expect(await capped.get(other, { ...asServer, maxSize: 100_000 })).toMatchObject({ is_complete: false });
    for (const maxSize of [0, 9, 10.5, Number.NaN]) {
      await expect(cache.get(refId, { ...asServer, maxSize })).rejects.toMatchObject({ option: "maxSize" });
    }
  });

  test.each([0, -1, 1.5, 99, Number.NaN])("page %d is answered clearly", async (page) => {
    const { refId } = await cache.set("list", list);
    const error = await errorOf(() => cache.get(refId, { ...asServer, page, pageSize: 500 }));
    expect(error).toBeInstanceOf(InvalidPageError);
    expect(error.message).toMatch(/\b\d+\b/);
  });
});

describe("unknown, expired, forbidden and malformed look the same", () => {
  test.each(["get", "resolve"] as const)("%s", async (method) => {
    const cache = new RefCache({ name: "calc", limits: { minTtl: 1 } });
    const forbidden = await cache.set("k", "treasure", { policy: { agentPermissions: 0 } });
    const expired = await cache.set("e", 1, { ttl: 1 });
    while (await cache.exists(expired.refId, asServer))
      await new Promise((resolve) => setTimeout(resolve, 2));
    const errors = [];
    for (const refId of [forbidden.refId, expired.refId, "calc:00000000", "not a reference", ""]) {
      errors.push(await errorOf(() => cache[method](refId, { actor: agent })));
    }
    for (const error of errors) {
      expect(error).toBeInstanceOf(ReferenceUnavailableError);
      expect({ ...error, message: error.message }).toEqual({ ...errors[0], message: errors[0]?.message });
    }
  });

  test("delete, exists and lists", async () => {
    const cache = new RefCache({ name: "calc" });
    const { refId } = await cache.set("k", 1, { policy: { agentPermissions: 0 } });
    expect(await cache.exists(refId, { actor: agent })).toBe(false);
    expect(await cache.delete(refId, { actor: agent })).toBe(false);
    expect(await cache.clear("public", { actor: agent })).toBe(0);
    expect(await all(cache.list({ actor: agent }))).toEqual([]);
    expect(await cache.exists(refId, { actor: user })).toBe(true);
    expect(await cache.delete(refId, { actor: user })).toBe(true);
  });
});

test("READ shows and EXECUTE uses", async () => {
  const cache = new RefCache({ name: "calc" });
  const readable = await cache.set("r", 1, { policy: { agentPermissions: 1 } });
  const usable = await cache.set("x", 2, { policy: { agentPermissions: 16 } });
  expect(await cache.get(readable.refId, { actor: agent })).toMatchObject({ value: 1 });
  expect(await cache.resolve(usable.refId, { actor: agent })).toBe(2);
  await expect(cache.resolve(readable.refId, { actor: agent })).rejects.toBeInstanceOf(
    ReferenceUnavailableError,
  );
  await expect(cache.get(usable.refId, { actor: agent })).rejects.toBeInstanceOf(ReferenceUnavailableError);
});

test("an actor that was not found does not become the server itself", async () => {
  const cache = new RefCache({ name: "calc" });
  const { refId } = await cache.set("x", "treasure", { policy: { agentPermissions: 0, userPermissions: 0 } });
  for (const actor of [undefined, null, {}, "system", { type: "system", id: " " }]) {
    const options = { actor: actor as never };
    await expect(cache.resolve(refId, options)).rejects.toMatchObject({ option: "actor" });
    await expect(cache.get(refId, options)).rejects.toMatchObject({ option: "actor" });
    expect(() => cache.list(options)).toThrow(ConfigurationError);
  }
});

test("a list belongs to who asked for it, not to who reads on", async () => {
  const cache = new RefCache({ name: "calc" });
  await cache.set("x", 1, { policy: { agentPermissions: 0 } });
  const asked = runAs(agent, () => cache.list());
  expect(await all(asked)).toEqual([]);
});

test("limits that are left undefined keep their defaults; the default life keeps to the limits", async () => {
  const cache = new RefCache({ name: "calc", limits: { maxDepth: undefined, maxTtl: "10m" } as never });
  expect(cache.limits.maxDepth).toBe(500);
  expect(cache.defaultTtl).toBe(600_000);
});

test("lists of actors cannot be changed from outside", async () => {
  const allowed = ["user:x"];
  const cache = new RefCache({ name: "calc", defaultPolicy: { allowedActors: allowed } });
  allowed.push("*");
  const { refId } = await cache.set("x", 1);
  await expect(cache.resolve(refId, { actor: user })).rejects.toBeInstanceOf(ReferenceUnavailableError);
});

test("inside a call the caller is the actor; outside, the server itself", async () => {
  const cache = new RefCache({ name: "calc" });
  const { refId } = await cache.set("x", 2, { policy: { agentPermissions: 0 } });
  expect(await cache.resolve(refId, asServer)).toBe(2);
  await runAs(agent, async () => {
    await Promise.resolve();
    await expect(cache.resolve(refId)).rejects.toBeInstanceOf(ReferenceUnavailableError);
  });
});

test("clear and list keep to exactly one namespace", async () => {
  const cache = new RefCache({ name: "calc" });
  for (const namespace of ["users", "usersAbc", "users:a", "user*", "public"])
    await cache.set("k", 1, { namespace });
  expect(await all(cache.list({ ...asServer, namespace: "users" }))).toHaveLength(1);
  expect(await cache.clear("users", asServer)).toBe(1);
  expect(await cache.clear("user*", asServer)).toBe(1);
  expect((await all(cache.list(asServer))).map(({ namespace }) => namespace).sort()).toEqual([
    "public",
    "users:a",
    "usersAbc",
  ]);
  expect(await cache.clear(undefined, asServer)).toBe(3);
});

test("a backend with nothing but the six operations is enough", async () => {
  const memory = new MemoryBackend();
  const { get, set, delete: remove, exists, clear, keys, close } = memory;
  const plain: CacheBackend = {
    get: get.bind(memory),
    set: set.bind(memory),
    delete: remove.bind(memory),
    exists: exists.bind(memory),
    clear: clear.bind(memory),
    keys: keys.bind(memory),
    close: close.bind(memory),
  };
  const cache = new RefCache({ name: "calc", backend: plain });
  const { refId } = await cache.set("k", [1, 2]);
  expect((await cache.lookup("k", asServer))?.refId).toBe(refId);
  expect(await all(cache.list(asServer))).toHaveLength(1);
  expect(await cache.exists(refId, { actor: agent })).toBe(true);
  let runs = 0;
  const call = cache.cached("n")(async function once() {
    return ++runs;
  });
  await call();
  expect(await call()).toMatchObject({ value: 1 });
  await cache.close();
});

test("references are random names of 128 bits", async () => {
  const cache = new RefCache({ name: "My-cache_1" });
  const references = await Promise.all(Array.from({ length: 1000 }, () => cache.set("same", 1)));
  expect(new Set(references.map(({ refId }) => refId)).size).toBe(1000);
  expect(references.every(({ refId }) => isReference(refId) && /^My-cache_1:[0-9a-f]{32}$/.test(refId))).toBe(
    true,
  );
});

test.each<[object, string]>([
  [{}, "name"],
  [{ name: "1st" }, "name"],
  [{ name: "a b" }, "name"],
  [{ name: "a:b" }, "name"],
  [{ name: "a\n" }, "name"],
  [{ name: "a", backend: {} }, "backend"],
  [{ name: "a", defaultTtl: "soon" }, "defaultTtl"],
  [{ name: "a", defaultTtl: 0 }, "defaultTtl"],
  [{ name: "a", defaultTtl: 1 }, "defaultTtl"],
  [{ name: "a", defaultPolicy: { owner: 3 } }, "defaultPolicy.owner"],
  [{ name: "a", namespaces: { n: { ttl: "x" } } }, 'namespaces["n"].ttl'],
  [{ name: "a", namespaces: { n: { policy: { x: 1 } } } }, 'namespaces["n"].policy.x'],
  [{ name: "a", namespaces: { "secret*": {} } }, 'namespaces["secret*"]'],
  [{ name: "a", namespaces: { "*": {} } }, 'namespaces["*"]'],
  [{ name: "a", limits: { minTtl: "1h", maxTtl: "1m" } }, "limits.maxTtl"],
  [{ name: "a", defaultTtl: "999999999d" }, "defaultTtl"],
  [{ name: "a", namespaces: { "": {} } }, 'namespaces[""]'],
  [{ name: "a", namespaces: { n: { size: 1 } } }, "namespaces.n.size"],
  [{ name: "a", preview: "everything" }, "preview"],
  [{ name: "a", maxSize: 3 }, "maxSize"],
  [{ name: "a", limits: { maxDepth: 0 } }, "limits.maxDepth"],
  [{ name: "a", limits: { maxdepth: 5 } }, "limits.maxdepth"],
  [{ name: "a", limits: { minTtl: "-1s" } }, "limits.minTtl"],
  [{ name: "a", limits: { maxTtl: "1m" }, defaultTtl: null }, "defaultTtl"],
  [{ name: "a", measure: "bytes" }, "measure"],
  [{ name: "a", logger: "stderr" }, "logger"],
  [{ name: "a", onStoreError: "ignore" }, "onStoreError"],
  [{ name: "a", ttl: 5 }, "ttl"],
])("refuses %j, naming the option", async (options, option) => {
  const error = await errorOf(() => new RefCache(options as RefCacheOptions));
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ option, code: "invalid_option" });
  expect(error.message).toContain(option);
});
