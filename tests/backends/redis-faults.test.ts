import { createRequire } from "node:module";
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/index.js";
import {
  StoreError,
  StoreFullError,
  StoreTimeoutError,
  StoreUnavailableError,
  StoreUnusableError,
} from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { all, entry, reference } from "../helpers/entries.js";
import { freePort, RedisServer, type RedisServerOptions, startRedis } from "../helpers/redis-server.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** "About a second", on a machine that runs other tests too. */
const BOUND_MS = 1500;
const REF = reference(1);

/** Every call there is. */
const CALLS: Record<string, (backend: RedisBackend) => Promise<unknown>> = {
  get: (backend) => backend.get(REF),
  set: (backend) => backend.set(REF, entry()),
  delete: (backend) => backend.delete(REF),
  exists: (backend) => backend.exists(REF),
  clear: (backend) => backend.clear(),
  "clear of a namespace": (backend) => backend.clear("public"),
  keys: (backend) => all(backend.keys()),
  head: (backend) => backend.head(REF),
  heads: (backend) => all(backend.heads()),
  getLink: (backend) => backend.getLink("a"),
  setLinked: (backend) => backend.setLinked(REF, entry(), "a"),
};

/** What the list of faults in `tests/faults` leaves out: what is said, how a backend closes, and single calls. */
describeRedisServer("RedisBackend when the server fails", () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);

  beforeEach(() => {
    process.on("unhandledRejection", note);
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
    await sleep(20);
    process.off("unhandledRejection", note);
    expect(unhandled.splice(0)).toEqual([]);
  });

  async function server(options?: RedisServerOptions): Promise<RedisServer> {
    const started = await startRedis(options);
    cleanups.push(() => started.stop());
    return started;
  }

  function backendOn(options: RedisBackendOptions): RedisBackend {
    const backend = new RedisBackend(options);
    cleanups.push(() => backend.close());
    return backend;
  }

  /** A server that accepts connections and does with them as told. */
  async function impostor(onConnection: (socket: Socket) => void): Promise<number> {
    const sockets = new Set<Socket>();
    const listener: Server = createServer((socket) => {
      sockets.add(socket.on("error", () => {}));
      onConnection(socket);
    });
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    cleanups.push(async () => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    });
    return (listener.address() as { port: number }).port;
  }

  test("down at the first call: fails at once, and works within a second of the server's start", async () => {
    const port = await freePort();
    const backend = backendOn({ host: "127.0.0.1", port });
    for (const call of Object.values(CALLS)) {
      const { error, elapsed } = await failureOf(call(backend));
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error.message).toContain(`127.0.0.1:${port}`);
      expect(elapsed).toBeLessThan(500);
    }
    const late = await new RedisServer(port, {}).start();
    cleanups.push(() => late.stop());
    expect(await recoveryOf(backend)).toBeLessThan(1000);
  });

  test("frozen for long: once it is known, calls fail at once", async () => {
    const redis = await server();
    const backend = backendOn({ url: redis.url });
    await backend.set(REF, entry());
    redis.freeze();
    const together = await Promise.all(Array.from({ length: 50 }, () => failureOf(backend.get(REF))));
    expect(together.every(({ error }) => error instanceof StoreTimeoutError)).toBe(true);
    await failureOf(backend.get(REF));
    await sleep(200);
    expect((await failureOf(backend.get(REF))).elapsed).toBeLessThan(100);
    await sleep(1500);
    redis.thaw();
    expect(await recoveryOf(backend)).toBeLessThan(1000);
  });

  test("a late reply never answers another call", async () => {
    const redis = await server();
    const backend = backendOn({ url: redis.url, commandTimeout: 150 });
    for (let n = 0; n < 20; n++) await backend.set(reference(n), entry({ json: `${n}` }));
    for (let round = 0; round < 5; round++) {
      redis.freeze();
      const late = Array.from({ length: 20 }, (_, n) => failureOf(backend.get(reference(n))));
      await Promise.all(late);
      redis.thaw();
      await recoveryOf(backend);
      const reads = await Promise.all(Array.from({ length: 20 }, (_, n) => backend.get(reference(19 - n))));
      expect(reads.map((read) => read?.json)).toEqual(Array.from({ length: 20 }, (_, n) => `${19 - n}`));
    }
  });

  test("this process too busy to look: an answer that waits unread is taken", async () => {
    const redis = await server();
    const backend = backendOn({ url: redis.url, commandTimeout: 100 });
    await backend.set(REF, entry({ json: JSON.stringify("x".repeat(3_000_000)) }));
    const reading = backend.get(REF);
    const until = performance.now() + 400;
    while (performance.now() < until);
    expect((await reading)?.json).toHaveLength(3_000_002);
  });

  test("accepts and never answers: every call settles in time, and so does close", async () => {
    const port = await impostor(() => {});
    const backend = backendOn({ host: "127.0.0.1", port });
    for (const call of Object.values(CALLS).slice(0, 4)) {
      const { error, elapsed } = await failureOf(call(backend));
      expect(error).toBeInstanceOf(StoreTimeoutError);
      expect(elapsed).toBeLessThan(BOUND_MS);
    }
    const start = performance.now();
    await backend.close();
    expect(performance.now() - start).toBeLessThan(BOUND_MS);
  });

  test("loading its data: says so", async () => {
    const port = await impostor((socket) =>
      socket.on("data", (data) => {
        const isHello = data.toString().includes("hello");
        socket.write(isHello ? "%0\r\n" : "-LOADING Redis is loading the dataset in memory\r\n");
      }),
    );
    const { error } = await failureOf(backendOn({ host: "127.0.0.1", port }).get(REF));
    expect(error).toBeInstanceOf(StoreUnavailableError);
    expect(error.message).toContain("loading");
  });

  test("a wrong or missing password: names the remedy, works once the password is right", async () => {
    const redis = await server({ password: "right" });
    for (const password of ["wrong", undefined]) {
      const backend = backendOn({ host: redis.host, port: redis.port, ...(password ? { password } : {}) });
      const { error, elapsed } = await failureOf(backend.get(REF));
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error.message).toContain("REDIS_PASSWORD");
      expect(elapsed).toBeLessThan(BOUND_MS);
    }
    const late = backendOn({ host: redis.host, port: redis.port, password: "new" });
    await failureOf(late.get(REF));
    const admin = new Redis(redis.url);
    await admin.config("SET", "requirepass", "new");
    admin.disconnect();
    expect(await recoveryOf(late)).toBeLessThan(1000);
  });

  test("an ACL user without the rights: names those that are needed", async () => {
    const config = [
      ["user", "reader", "on", ">secret", "~*", "-@all", "+get"],
      [
        "user",
        "app",
        "on",
        ">secret",
        "~mcp-refcache:*",
        "-@all",
        "+get",
        "+getrange",
        "+set",
        "+unlink",
        "+scan",
        "+multi",
        "+exec",
      ],
    ];
    const redis = await server({ config });
    const address = { host: redis.host, port: redis.port, password: "secret" };
    const reader = backendOn({ ...address, username: "reader" });
    expect(await reader.get(REF)).toBeUndefined();
    for (const call of [CALLS.set, CALLS.delete, CALLS.keys]) {
      const { error } = await failureOf(call?.(reader));
      expect(error).toBeInstanceOf(StoreUnavailableError);
      expect(error.message).toContain("UNLINK");
    }
    const app = backendOn({ ...address, username: "app" });
    for (const call of Object.values(CALLS)) await call(app);
  });

  test("maxmemory reached: full, and room is made by clearing", async () => {
    const redis = await server({
      config: [
        ["maxmemory", "4mb"],
        ["maxmemory-policy", "noeviction"],
      ],
    });
    const backend = backendOn({ url: redis.url });
    await backend.setLinked(REF, entry({ json: "1" }), "key");
    const large = entry({ json: JSON.stringify("x".repeat(1_000_000)) });
    const { error } = await failureOf(fillUp(backend, large));
    expect(error).toBeInstanceOf(StoreFullError);
    expect((await backend.get(REF))?.json).toBe("1");
    await expect(backend.setLinked(reference(99), large, "key")).rejects.toBeInstanceOf(StoreFullError);
    expect(await backend.getLink("key")).toBe(REF); // a refused value does not cost the key its former one
    await backend.clear();
    await backend.set(REF, entry());
  });

  test("a replica: reads, and says that it does not write", async () => {
    const primary = await server({ config: [["repl-diskless-sync-delay", "0"]] });
    const replica = await server({ config: [["replicaof", primary.host, `${primary.port}`]] });
    await backendOn({ url: primary.url }).set(REF, entry({ json: "1" }));
    const backend = backendOn({ url: replica.url });
    await expect.poll(async () => (await readOrNothing(backend))?.json, { timeout: 10_000 }).toBe("1");
    const { error } = await failureOf(backend.set(REF, entry()));
    expect(error).toBeInstanceOf(StoreUnusableError);
    expect(error.message).toContain("read-only");
  });

  test("a database that does not exist: an error, and never database 0", async () => {
    const redis = await server({ config: [["databases", "2"]] });
    const backend = backendOn({ url: `${redis.url}/7` });
    for (let n = 0; n < 3; n++) {
      const { error, elapsed } = await failureOf(backend.set(REF, entry()));
      expect(error).toBeInstanceOf(StoreUnusableError);
      expect(error.message).toContain("database");
      expect(elapsed).toBeLessThan(BOUND_MS);
    }
    expect(await all(backendOn({ url: redis.url }).keys())).toEqual([]);
  });

  test("a host that does not exist, and one that does not answer", async () => {
    const nowhere = backendOn({ host: "no-such-host.invalid" });
    const first = await failureOf(nowhere.get(REF));
    expect(first.error).toBeInstanceOf(StoreError);
    expect(first.elapsed).toBeLessThan(BOUND_MS);
    const silent = await failureOf(backendOn({ host: "192.0.2.1" }).get(REF));
    expect(silent.error).toBeInstanceOf(StoreError);
    expect(silent.elapsed).toBeLessThan(BOUND_MS);
  });

  test("close waits for what is under way, and settles on a frozen server", async () => {
    const redis = await server();
    const backend = backendOn({ url: redis.url });
    await backend.set(REF, entry({ json: "1" }));
    const reading = backend.get(REF);
    const closing = backend.close();
    await expect(backend.get(REF)).rejects.toThrow(StoreUnavailableError);
    expect((await reading)?.json).toBe("1");
    await closing;
    const other = backendOn({ url: redis.url });
    await other.get(REF);
    redis.freeze();
    const start = performance.now();
    await other.close();
    expect(performance.now() - start).toBeLessThan(BOUND_MS);
  });

  test("close before the first call and while the server is down", async () => {
    const port = await freePort();
    const unused = new RedisBackend({ host: "127.0.0.1", port });
    await unused.close();
    const failing = new RedisBackend({ host: "127.0.0.1", port });
    await failureOf(failing.get(REF));
    await failing.close();
    await failing.close();
    await expect(failing.get(REF)).rejects.toThrow(/closed/);
  });

  test("a given client whose server freezes: calls settle in time as well", async () => {
    const redis = await server();
    const client = new Redis(redis.url);
    client.on("error", () => {});
    cleanups.push(async () => client.disconnect());
    const backend = backendOn({ client });
    await backend.set(REF, entry());
    redis.freeze();
    const { error, elapsed } = await failureOf(backend.get(REF));
    expect(error).toBeInstanceOf(StoreTimeoutError);
    expect(elapsed).toBeLessThan(BOUND_MS);
    redis.thaw();
    expect(await recoveryOf(backend)).toBeLessThan(1000);
  });
});

/** The error a call fails with, and after how many milliseconds. */
async function failureOf(call: Promise<unknown> | undefined): Promise<{ error: Error; elapsed: number }> {
  const start = performance.now();
  try {
    await call;
  } catch (error) {
    return { error: error as Error, elapsed: performance.now() - start };
  }
  throw new Error("the call has not failed");
}

/** Milliseconds until a write and a read work. */
async function recoveryOf(backend: RedisBackend): Promise<number> {
  const start = performance.now();
  for (;;) {
    try {
      await backend.set(reference(999), entry());
      await backend.get(reference(999));
      return performance.now() - start;
    } catch (error) {
      if (!(error instanceof StoreError) || performance.now() - start > 5000) throw error;
      await sleep(10);
    }
  }
}

async function fillUp(backend: RedisBackend, large: ReturnType<typeof entry>): Promise<void> {
  for (let n = 0; n < 20; n++) await backend.set(reference(n + 10), large);
}

async function readOrNothing(backend: RedisBackend) {
  return backend.get(REF).catch(() => undefined);
}
