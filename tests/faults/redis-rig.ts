import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";
import { RedisBackend, type RedisBackendOptions, type RedisClient } from "../../src/backends/redis/index.js";
import { ACL_RULES } from "../../src/backends/redis/rights.js";
import { FaultProxy } from "../helpers/fault-proxy.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";
import { closeServer, type Server, serverOn } from "./operations.js";
import type { Scene } from "./run-fault.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** The user that has these rights. */
export const USER = { username: "app", password: "secret" };
const ADMIN = { username: "admin", password: "admin" };

/** The deadline of a command where nothing else is said. */
export const DEADLINE_MS = 1000;

/** A real server that keeps what it acknowledged over a crash, behind a proxy. */
export interface RedisRig {
  readonly redis: RedisServer;
  readonly proxy: FaultProxy;
  /** Gives a command to the server, past the proxy, on a connection of its own. */
  admin(...command: (string | number)[]): Promise<unknown>;
  /** A connection of an administrator, past the proxy, for more than one command. */
  connect(): Promise<RedisClient>;
}

/** A scene on it, and how to end it. */
export interface RedisScene extends Scene<RedisRig> {
  close(): Promise<void>;
}

/** Starts everything. `options` are those of the server that is to bear the faults. */
export async function redisScene(options: RedisBackendOptions = {}): Promise<RedisScene> {
  const redis = await startRedis({
    persist: true,
    config: [
      ["enable-debug-command", "yes"],
      ["enable-protected-configs", "yes"],
      ["loading-process-events-interval-bytes", "1024"],
      ["user", "admin", "on", ">admin", "~*", "&*", "+@all"],
      ["user", "app", "on", ">secret", ...ACL_RULES],
    ],
  });
  const proxy = await FaultProxy.before(redis.port);
  const rig = { redis, proxy, admin: adminOf(redis), connect: () => connectTo(redis) };
  const server = backendsAt({ host: "127.0.0.1", port: proxy.port, ...USER, ...options });
  const join = () => backendsAt({ url: redis.url, commandTimeout: 5000 });
  const observer = join();
  const close = async () => {
    await Promise.all([closeServer(server), closeServer(observer)]);
    await proxy.close();
    await redis.stop();
  };
  return { rig, server, observer, join, deadline: options.commandTimeout ?? DEADLINE_MS, close };
}

/** A server of ours that stores where the options say. */
export function backendsAt(options: RedisBackendOptions): Server {
  return serverOn(() => new RedisBackend(options));
}

/** Lets the user `app` do what the backend does, and nothing else. */
export async function grantRights({ admin }: RedisRig): Promise<void> {
  await admin("ACL", "SETUSER", "app", "reset", "on", ">secret", ...ACL_RULES);
}

/** Waits until the server says, in its INFO, that something is so. */
export async function until({ admin }: RedisRig, isSo: (info: string) => boolean): Promise<void> {
  await eventually(async () => isSo(String(await admin("INFO"))));
}

/**
 * Cuts connections, and waits until as many have come about again, those for messages among them: until then servers
 * send into the void.
 */
export async function untilConnectedAnew({ proxy }: RedisRig, cut: () => unknown): Promise<void> {
  const { accepted, connections } = proxy;
  await cut();
  await eventually(() => proxy.accepted >= accepted + connections);
}

async function eventually(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 10) {
    if (await isSo()) return;
    await sleep(10);
  }
  throw new Error("it has not come to it within 10 s");
}

function adminOf(redis: RedisServer): RedisRig["admin"] {
  return async (command, ...args) => {
    const client = await connectTo(redis);
    try {
      return await client.call(String(command), ...args);
    } finally {
      client.disconnect();
    }
  };
}

async function connectTo({ port, host }: RedisServer): Promise<RedisClient> {
  // A ready check would refuse a server that is busy or loading.
  const settings = { retryStrategy: () => null, lazyConnect: true, enableReadyCheck: false };
  const client = new Redis({ port, host, ...ADMIN, ...settings });
  client.on("error", () => {});
  await client.connect();
  return client;
}
