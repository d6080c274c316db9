import { createRequire } from "node:module";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { countingClient } from "../helpers/counting-client.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { all, entry, reference } from "../helpers/entries.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

const [A, B, C] = [reference(1), reference(2), reference(3)];
const LABEL = "mcp-refcache:label:tag:t";
const tagged = (wish: Parameters<typeof entry>[0] = {}) => entry({ ...wish, metadata: { tags: ["t"] } });
const tag = { kind: "tag", name: "t" } as const;

describeRedisServer("the index of labels in Redis", () => {
  let server: RedisServer;
  let raw: InstanceType<typeof Redis>;

  beforeAll(async () => {
    server = await startRedis();
    raw = new Redis(server.url);
  });
  beforeEach(() => raw.flushall());
  afterAll(async () => {
    raw.disconnect();
    await server.stop();
  });

  function connect(options: { namespaceIndex?: boolean } = {}) {
    const { client, trips } = countingClient(server.url);
    const backend = new RedisBackend({ ...options, client });
    onTestFinished(() => backend.close());
    return { backend, commands: () => new Set(trips.splice(0).flat()) };
  }

  test("costs what has neither tool nor tags nothing", async () => {
    const { backend, commands } = connect();
    await backend.set(A, entry());
    expect(commands()).toEqual(new Set(["set"]));
    expect(await raw.keys("*")).toHaveLength(1);
  });

  test("is written in one transaction with the entry", async () => {
    const { backend } = connect();
    await backend.setLinked(A, tagged({ expiresIn: 60_000 }), "memo:1");
    expect(await raw.zrange(LABEL, "0", "-1")).toEqual([A]);
    await raw.config("SET", "maxmemory", "1");
    onTestFinished(async () => void (await raw.config("SET", "maxmemory", "0")));
    await expect(backend.setLinked(B, tagged(), "memo:2")).rejects.toMatchObject({ code: "store_full" });
    await raw.config("SET", "maxmemory", "0");
    expect(await raw.zrange(LABEL, "0", "-1")).toEqual([A]);
  });

  test("removes by label without looking through the store", async () => {
    const { backend, commands } = connect();
    await backend.set(A, tagged());
    for (let n = 10; n < 1500; n++) await raw.set(`mcp-refcache:entry:${reference(n)}`, "{}");
    commands();
    expect(await backend.removeLabelled(tag)).toBe(1);
    expect(commands()).not.toContain("scan");
    expect(await raw.exists(LABEL)).toBe(0);
  });

  test("what Python wrote over an entry, or deleted, is not touched and no longer indexed", async () => {
    const { backend } = connect();
    for (const refId of [A, B, C]) await backend.set(refId, tagged());
    const plain = connect().backend;
    await raw.del(`mcp-refcache:entry:${A}`);
    await plain.set(B, entry()); // as Python does, which knows no tags
    expect(await backend.removeLabelled(tag)).toBe(1);
    expect(await raw.exists(LABEL)).toBe(0);
    expect(await backend.exists(B)).toBe(true);
  });

  test("long names have a key of bounded length", async () => {
    const { backend } = connect();
    const tool = { kind: "tool", name: "x".repeat(10_000) } as const;
    await backend.set(A, entry({ metadata: { toolName: tool.name } }));
    expect((await raw.keys("mcp-refcache:label:*"))[0]?.length).toBeLessThan(200);
    expect(await backend.removeLabelled(tool)).toBe(1);
  });

  test("does not grow for ever: what has expired goes when more comes, and dead labels go altogether", async () => {
    const { backend } = connect();
    const start = Date.now();
    const clock = vi.spyOn(Date, "now").mockReturnValue(start);
    onTestFinished(() => clock.mockRestore());
    await backend.set(A, tagged({ expiresIn: 1000 }));
    await backend.set(A, entry({ expiresIn: 1000, metadata: { tags: ["dead"] } }));
    clock.mockReturnValue(start + 61_000);
    await backend.set(B, tagged({ expiresIn: 3_600_000 }));
    expect(await raw.zrange(LABEL, "0", "-1")).toEqual([B]);
    clock.mockReturnValue(start + 1_300_000);
    await backend.set(C, tagged({ expiresIn: 3_600_000 }));
    await vi.waitFor(async () => expect(await raw.exists("mcp-refcache:label:tag:dead")).toBe(0), 5000);
    expect((await raw.zrange(LABEL, "0", "-1")).sort()).toEqual([B, C]);
    await vi.waitFor(
      async () => expect(await raw.zrange("mcp-refcache:labels", "0", "-1")).toEqual([LABEL]),
      5000,
    );
  });

  test("clear leaves nothing of it", async () => {
    const { backend } = connect();
    await backend.setLinked(A, tagged(), "memo:1");
    await backend.clear();
    expect(await raw.keys("*")).toEqual([]);
  });

  test("a namespace is looked for in the whole store, as long as others may write to it", async () => {
    const { backend, commands } = connect();
    await backend.set(A, entry({ namespace: "n" }));
    commands();
    expect(await all(backend.keys("n"))).toEqual([A]);
    expect(commands()).toContain("scan");
    expect(await backend.clear("n")).toBe(1);
    expect(commands()).toContain("scan");
  });

  test("with namespaceIndex, once what there was is indexed, by index alone", async () => {
    await connect().backend.set(A, entry({ namespace: "n", metadata: { toolName: "tool" } }));
    const { backend, commands } = connect({ namespaceIndex: true });
    await backend.set(B, entry({ namespace: "n" }));
    commands();
    expect((await all(backend.keys("n"))).sort()).toEqual([A, B]);
    expect(commands()).toContain("scan");
    await raw.del("mcp-refcache:label:tool:tool");
    expect(await backend.rebuildIndex()).toBe(2);
    commands();
    expect((await all(backend.keys("n"))).sort()).toEqual([A, B]);
    expect(await backend.clear("n")).toBe(2);
    expect(commands()).not.toContain("scan");
    expect(await all(backend.keys())).toEqual([]);
    expect(await raw.zcard("mcp-refcache:label:tool:tool")).toBe(0);
  });

  test("with namespaceIndex, everything that was lost with the index is found the old way", async () => {
    const { backend, commands } = connect({ namespaceIndex: true });
    await backend.clear(); // an empty store is indexed
    await backend.set(A, entry({ namespace: "n" }));
    commands();
    expect(await all(backend.keys("n"))).toEqual([A]);
    expect(commands()).not.toContain("scan");
    await raw.flushall();
    await backend.set(A, entry({ namespace: "n" }));
    await raw.del("mcp-refcache:label:namespace:n");
    expect(await all(backend.keys("n"))).toEqual([A]);
  });

  test("namespaceIndex is true or false", () => {
    expect(() => new RedisBackend({ namespaceIndex: 1 as never })).toThrow(
      expect.objectContaining({ option: "namespaceIndex" }),
    );
  });
});
