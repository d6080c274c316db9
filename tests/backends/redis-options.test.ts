import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { ioredisOptions, loadIoredis, retryDelay } from "../../src/backends/redis/client.js";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/index.js";
import { readOptions } from "../../src/backends/redis/options.js";
import type { Environment } from "../../src/config.js";
import { ConfigurationError, PeerDependencyError } from "../../src/errors.js";

const { Redis, Cluster } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");
const DEFAULTS = { host: "localhost", port: 6379, db: 0, connectTimeout: 1000, commandTimeout: 1000 };

describe("where the server is", () => {
  test.each<[what: string, options: RedisBackendOptions, env: Environment, expected: object]>([
    ["nothing said", {}, {}, {}],
    ["REDIS_URL", {}, { REDIS_URL: "redis://a:1" }, { host: "a", port: 1 }],
    [
      "REDIS_URL beats the parts",
      {},
      { REDIS_URL: "redis://a:1", REDIS_HOST: "b", REDIS_DB: "4" },
      { host: "a", port: 1 },
    ],
    [
      "the parts",
      {},
      { REDIS_HOST: "b", REDIS_PORT: "2", REDIS_DB: "3", REDIS_PASSWORD: "p", REDIS_SSL: "yes" },
      { host: "b", port: 2, db: 3, password: "p", tls: {} },
    ],
    [
      "url beats REDIS_URL and the parts",
      { url: "redis://c:3" },
      { REDIS_URL: "redis://a:1", REDIS_PASSWORD: "p", REDIS_DB: "2" },
      { host: "c", port: 3 },
    ],
    [
      "host beats REDIS_URL, and takes other parts",
      { host: "c" },
      { REDIS_URL: "redis://:x@a:1", REDIS_PASSWORD: "p" },
      { host: "c", password: "p" },
    ],
    ["port beats REDIS_URL's", { port: 9 }, { REDIS_URL: "redis://a:1/2" }, { host: "a", port: 9, db: 2 }],
    ["db 0 beats REDIS_DB", { db: 0 }, { REDIS_DB: "3" }, { db: 0 }],
    ["tls false beats REDIS_SSL", { tls: false }, { REDIS_SSL: "1" }, {}],
    ["tls false beats rediss", { url: "rediss://a", tls: false }, {}, { host: "a" }],
    [
      "password beats the URL's",
      { url: "redis://u:p@a", password: "q" },
      {},
      { host: "a", username: "u", password: "q" },
    ],
    [
      "undefined says nothing",
      { host: undefined, port: undefined } as object,
      { REDIS_PORT: "7" },
      { port: 7 },
    ],
    ["rediss", { url: "rediss://a:1" }, {}, { host: "a", port: 1, tls: {} }],
    [
      "escapes",
      { url: "redis://us%40er:p%2Fw%3A@a/15" },
      {},
      { host: "a", username: "us@er", password: "p/w:", db: 15 },
    ],
    ["a user without password", { username: "u" }, {}, { username: "u", password: "" }],
    ["IPv6", { url: "redis://[::1]:7" }, {}, { host: "::1", port: 7 }],
    ["TLS options", { tls: { servername: "x" } }, {}, { tls: { servername: "x" } }],
  ])("%s", (_, options, env, expected) => {
    expect(readOptions(options, env)).toEqual({ ...DEFAULTS, ...expected });
  });

  test.each<[option: string, options: object, env?: Environment]>([
    ["port", { port: 0 }],
    ["port", { port: 65_536 }],
    ["port", { port: "6379" }],
    ["db", { db: -1 }],
    ["host", { host: "" }],
    ["password", { password: 7 }],
    ["connectTimeout", { connectTimeout: 0 }],
    ["commandTimeout", { commandTimeout: 2 ** 31 }],
    ["url", { url: "http://user:canary@a" }],
    ["url", { url: "canary" }],
    ["url", { url: "redis://:canary%@a" }],
    ["url", { url: "redis://:canary@a/x" }],
    ["url", { url: "redis://:canary@a:99999" }],
    ["REDIS_URL", {}, { REDIS_URL: "unix://:canary@/tmp/x" }],
    ["REDIS_PORT", {}, { REDIS_PORT: "canary" }],
    ["REDIS_DB", {}, { REDIS_DB: "-1" }],
  ])("refuses a bad %s without quoting it: %j", (option, options, env = {}) => {
    const refusal = errorOf(() => readOptions(options, env));
    expect(refusal).toBeInstanceOf(ConfigurationError);
    expect(refusal).toMatchObject({ option });
    expect(String(refusal)).not.toContain("canary");
  });
});

describe("where sentinels and clusters are", () => {
  const COMMON = { db: 0, connectTimeout: 1000, commandTimeout: 1000 };
  const ADDRESSES = [
    { host: "h1", port: 1 },
    { host: "h2", port: 2 },
  ];

  test.each<[what: string, options: RedisBackendOptions, env: Environment, expected: object]>([
    [
      "sentinels by URL",
      { url: "redis+sentinel://us%40er:p%2Fw@h1:1,h2:2/cache/3" },
      {},
      { sentinels: ADDRESSES, masterName: "cache", db: 3, username: "us@er", password: "p/w" },
    ],
    [
      "sentinels by REDIS_URL, with TLS and credentials of their own",
      {},
      {
        REDIS_URL: "rediss+sentinel://h1:1,h2:2/cache",
        REDIS_SENTINEL_USERNAME: "s",
        REDIS_SENTINEL_PASSWORD: "t",
      },
      {
        sentinels: ADDRESSES,
        masterName: "cache",
        tls: {},
        sentinelTls: {},
        sentinelUsername: "s",
        sentinelPassword: "t",
      },
    ],
    [
      "sentinels by options, over REDIS_URL and with the other parts of the environment",
      { sentinels: [{ host: "h1" }], masterName: "cache", sentinelTls: false, tls: true },
      { REDIS_URL: "redis://a:1", REDIS_PASSWORD: "p", REDIS_DB: "2" },
      { sentinels: [{ host: "h1", port: 26_379 }], masterName: "cache", password: "p", db: 2, tls: {} },
    ],
    [
      "a cluster by URL",
      { url: "rediss+cluster://:p@h1:1,h2:2", natMap: { "a:1": { host: "b", port: 2 } } },
      {},
      { nodes: ADDRESSES, password: "p", tls: {}, natMap: { "a:1": { host: "b", port: 2 } } },
    ],
    ["a cluster by REDIS_URL", {}, { REDIS_URL: "redis+cluster://h1:1,h2:2/" }, { nodes: ADDRESSES }],
    ["a cluster by options", { nodes: [{ host: "h1" }] }, {}, { nodes: [{ host: "h1", port: 6379 }] }],
    [
      "IPv6",
      { url: "redis+cluster://[::1]:7,h2" },
      {},
      {
        nodes: [
          { host: "::1", port: 7 },
          { host: "h2", port: 6379 },
        ],
      },
    ],
  ])("%s", (_, options, env, expected) => {
    expect(readOptions(options, env)).toEqual({ ...COMMON, ...expected });
  });

  test.each<[option: string, options: object, env?: Environment]>([
    ["url", { url: "redis+sentinel://:canary@h1:1/cache/x" }],
    ["url", { url: "redis+sentinel://:canary@h1:1/cache/1/2" }],
    ["url", { url: "redis+other://:canary@h1:1" }],
    ["url", { url: "redis://:canary@h1:1,h2:2" }],
    ["url", { url: "redis+cluster://:canary@h1:99999" }],
    ["masterName", { url: "redis+sentinel://:canary@h1:1" }],
    ["sentinels", { sentinels: [], masterName: "canary" }],
    ["masterName", { sentinels: [{ host: "h1" }] }],
    ["nodes", { nodes: "canary" }],
    ["nodes[0].port", { nodes: [{ host: "canary", port: 0 }] }],
    ["db", { url: "redis+cluster://:canary@h1:1/1" }],
    ["db", { nodes: [{ host: "canary" }] }, { REDIS_DB: "1" }],
    ["sentinelPassword", { sentinels: [{}], masterName: "canary", sentinelPassword: 7 }],
  ])("refuses a bad %s without quoting it: %j", (option, options, env = {}) => {
    const refusal = errorOf(() => readOptions(options, env));
    expect(refusal).toBeInstanceOf(ConfigurationError);
    expect(refusal).toMatchObject({ option });
    expect(String(refusal)).not.toContain("canary");
  });
});

describe("the client", () => {
  test("a key prefix is refused, of a server's client and of a cluster's", () => {
    const prefixed = { lazyConnect: true, keyPrefix: "x:" };
    expect(() => new RedisBackend({ client: new Redis(prefixed) })).toThrow(/keyPrefix/);
    expect(() => new RedisBackend({ client: new Cluster([], prefixed) })).toThrow(/keyPrefix/);
  });

  test("says which package to install when ioredis is absent", () => {
    const absent = () => {
      throw Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
    };
    const refusal = errorOf(() => loadIoredis(absent));
    expect(refusal).toBeInstanceOf(PeerDependencyError);
    expect(String(refusal)).toContain("npm install ioredis");
  });

  test("passes other failures of loading on", () => {
    const broken = () => {
      throw new SyntaxError("broken");
    };
    expect(() => loadIoredis(broken)).toThrow(SyntaxError);
  });

  test("pauses between attempts grow to half a second at most, with jitter", () => {
    const delays = Array.from({ length: 2000 }, (_, n) => retryDelay(n + 1));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(50);
    expect(Math.max(...delays)).toBeLessThanOrEqual(500);
    expect(new Set(delays).size).toBeGreaterThan(100);
  });

  test("ioredis keeps nothing for later and sends nothing twice", () => {
    expect(
      ioredisOptions({ host: "localhost", port: 6379, db: 0, connectTimeout: 1000, commandTimeout: 1000 }),
    ).toMatchObject({
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      lazyConnect: true,
      connectTimeout: 1000,
    });
  });
});

function errorOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
