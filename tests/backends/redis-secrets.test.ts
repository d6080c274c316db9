import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { all, entry, reference } from "../helpers/entries.js";
import { freePort, type RedisServer, startRedis } from "../helpers/redis-server.js";

const CANARY = "canary-p@ss/word:7";
const REF = reference(1);
const DEEP = { depth: Number.POSITIVE_INFINITY, showHidden: true, getters: true } as const;

/** Every form in which somebody may get to see an object. */
function shown(thing: unknown): string {
  const texts = [inspect(thing, DEEP), String(thing), textOf(thing)];
  if (thing instanceof Error) texts.push(thing.message, thing.stack ?? "", shown(thing.cause ?? null));
  return texts.join("\n");
}

/** JSON, where the thing has no cycle. */
function textOf(thing: unknown): string {
  try {
    return JSON.stringify(thing) ?? "";
  } catch {
    return "";
  }
}

function expectNoCanary(thing: unknown): void {
  const text = shown(thing);
  for (const form of [CANARY, encodeURIComponent(CANARY), "canary"]) expect(text).not.toContain(form);
}

describeRedisServer("what nobody gets to see", () => {
  let redis: RedisServer;
  let refusing: RedisServer;
  const logged: unknown[][] = [];
  const consoles = ["log", "warn", "error", "info", "debug"] as const;

  beforeAll(async () => {
    redis = await startRedis({ password: CANARY });
    refusing = await startRedis({
      config: [["user", "app", "on", `>${CANARY}`, "~*", "-@all"]],
    });
    for (const name of consoles)
      vi.spyOn(console, name).mockImplementation((...args) => void logged.push(args));
  });
  afterEach(() => expectNoCanary(logged));
  afterAll(async () => {
    vi.restoreAllMocks();
    await redis.stop();
    await refusing.stop();
  });

  async function everyFailure(options: RedisBackendOptions): Promise<unknown[]> {
    const backend = new RedisBackend({ commandTimeout: 200, connectTimeout: 200, ...options });
    expectNoCanary(backend);
    const secret = entry({ value: CANARY });
    const calls = [backend.get(REF), backend.set(REF, secret), backend.delete(REF), all(backend.keys())];
    const outcomes = await Promise.allSettled(calls);
    expectNoCanary(backend);
    await backend.close();
    expectNoCanary(backend);
    return outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
  }

  test("the password works, and is nowhere in the backend", async () => {
    expect(await everyFailure({ url: redis.url })).toEqual([]);
  });

  test("password, URL and value are in no error of any kind", async () => {
    const down = await freePort();
    const wrong = `redis://:${encodeURIComponent(`x${CANARY}`)}@127.0.0.1`;
    const failures = [
      await everyFailure({ url: `${wrong}:${redis.port}` }),
      await everyFailure({ url: `${wrong}:${down}` }),
      await everyFailure({ host: "127.0.0.1", port: redis.port, username: "nobody", password: CANARY }),
      await everyFailure({ host: "127.0.0.1", port: refusing.port, username: "app", password: CANARY }),
      await everyFailure({ url: `${redis.url}/99` }),
      await everyFailure({ url: redis.url.replace("redis:", "rediss:") }),
    ];
    redis.freeze();
    failures.push(await everyFailure({ url: redis.url }));
    redis.thaw();
    expect(failures.map((errors) => errors.length)).toEqual(Array(failures.length).fill(4));
    for (const error of failures.flat()) expectNoCanary(error);
  });

  test("a given client is not in the backend either", async () => {
    const { Redis } = await import("ioredis");
    const client = new Redis(redis.url);
    const backend = new RedisBackend({ client });
    await backend.get(REF);
    expect(shown(client)).toContain(CANARY);
    expectNoCanary(backend);
    await backend.close();
    client.disconnect();
  });
});
