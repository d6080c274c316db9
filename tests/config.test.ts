import { describe, expect, test } from "vitest";
import { type Environment, encryptionFromEnvironment, redisOptionsFromEnvironment } from "../src/config.js";
import { ConfigurationError } from "../src/errors.js";
import { errorOf } from "./helpers/errors.js";

describe("redisOptionsFromEnvironment", () => {
  test.each<[env: Environment, expected: object]>([
    [{}, {}],
    [{ REDIS_URL: "", REDIS_HOST: "", REDIS_PORT: "", REDIS_DB: "", REDIS_PASSWORD: "", REDIS_SSL: "" }, {}],
    [{ REDIS_URL: "redis://a:1/2" }, { url: "redis://a:1/2" }],
    [{ REDIS_URL: "redis://a", REDIS_HOST: "b", REDIS_PORT: "no number" }, { url: "redis://a" }],
    [{ REDIS_HOST: "b" }, { host: "b" }],
    [{ REDIS_PORT: "6380" }, { port: 6380 }],
    [{ REDIS_PORT: "tcp://10.0.0.1:6380" }, { port: 6380 }],
    [{ REDIS_DB: "0" }, { db: 0 }],
    [{ REDIS_PASSWORD: " spaced " }, { password: " spaced " }],
    [{ REDIS_SSL: "true" }, { tls: true }],
    [{ REDIS_SSL: "1" }, { tls: true }],
    [{ REDIS_SSL: "YES" }, { tls: true }],
    [{ REDIS_SSL: "false" }, { tls: false }],
    [{ REDIS_SSL: "0" }, { tls: false }],
    [{ REDIS_SSL: "on" }, { tls: false }],
  ])("%j", (env, expected) => {
    expect(redisOptionsFromEnvironment(env)).toEqual(expected);
  });

  test.each(["REDIS_PORT", "REDIS_DB"])("a %s that is no number is refused by name", (variable) => {
    for (const text of ["x", "1.5", "-1", "1e3", "tcp://x"]) {
      const read = () => redisOptionsFromEnvironment({ [variable]: text });
      expect(read).toThrow(ConfigurationError);
      expect(read).toThrow(variable);
    }
  });
});

describe("encryptionFromEnvironment", () => {
  const [ONE, TWO] = [1, 2].map((n) => Buffer.alloc(32, n).toString("base64"));
  const keys = { MCP_REFCACHE_KEYS: `k1:${ONE}, k2:${TWO}` };

  test.each<[env: Environment, expected: object | undefined]>([
    [{}, undefined],
    [{ MCP_REFCACHE_KEYS: "", MCP_REFCACHE_CURRENT_KEY: "" }, undefined],
    [{ MCP_REFCACHE_KEYS: `k1:${ONE}\n` }, { keys: { k1: ONE }, current: "k1" }],
    [
      { ...keys, MCP_REFCACHE_CURRENT_KEY: "k2" },
      { keys: { k1: ONE, k2: TWO }, current: "k2" },
    ],
  ])("%j", (env, expected) => {
    expect(encryptionFromEnvironment(env)).toEqual(expected);
  });

  test.each<[variable: string, env: Environment]>([
    ["MCP_REFCACHE_KEYS", { MCP_REFCACHE_CURRENT_KEY: "k1" }],
    ["MCP_REFCACHE_KEYS", { MCP_REFCACHE_KEYS: `${ONE}` }],
    ["MCP_REFCACHE_KEYS", { MCP_REFCACHE_KEYS: `k1:${ONE},` }],
    ["MCP_REFCACHE_KEYS", { MCP_REFCACHE_KEYS: `k 1:${ONE}` }],
    ["MCP_REFCACHE_KEYS", { MCP_REFCACHE_KEYS: `k1:${ONE},k1:${TWO}`, MCP_REFCACHE_CURRENT_KEY: "k1" }],
    ['MCP_REFCACHE_KEYS["k1"]', { MCP_REFCACHE_KEYS: `k1:${ONE?.slice(1)}` }],
    ["MCP_REFCACHE_CURRENT_KEY", keys],
    ["MCP_REFCACHE_CURRENT_KEY", { ...keys, MCP_REFCACHE_CURRENT_KEY: "k3" }],
    ["MCP_REFCACHE_CURRENT_KEY", { ...keys, MCP_REFCACHE_CURRENT_KEY: "toString" }],
  ])("%s is refused by name, and no key quoted, in %j", async (variable, env) => {
    const error = await errorOf(() => encryptionFromEnvironment(env));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ option: variable });
    expect(error.message).not.toContain(ONE?.slice(4, 12));
  });
});
