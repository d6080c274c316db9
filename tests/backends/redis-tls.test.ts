import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  RedisBackend,
  type RedisBackendOptions,
  type RedisTlsOptions,
} from "../../src/backends/redis/index.js";
import { StoreUnavailableError } from "../../src/errors.js";
import { type Certificates, makeCertificates } from "../helpers/certificates.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { entry, reference } from "../helpers/entries.js";
import { startCluster } from "../helpers/redis-cluster.js";
import { startSentinels } from "../helpers/redis-sentinels.js";
import { type RedisServer, startRedis } from "../helpers/redis-server.js";

const REF = reference(1);
const PASSWORD = "p@ss/word:7";

describeRedisServer("TLS", () => {
  let certificates: Certificates;
  let redis: RedisServer;

  beforeAll(async () => {
    certificates = makeCertificates();
    redis = await startRedis({ password: PASSWORD, tls: certificates });
  });
  afterAll(async () => {
    await redis?.stop();
    certificates.remove();
  });

  async function roundTrip(options: RedisBackendOptions): Promise<string | undefined> {
    const backend = new RedisBackend(options);
    try {
      await backend.set(REF, entry({ json: "1" }));
      return (await backend.get(REF))?.json;
    } finally {
      await backend.close();
    }
  }

  test("rediss:// with the authority that is trusted", async () => {
    const ca = readFileSync(certificates.ca, "utf8");
    expect(await roundTrip({ url: redis.url, tls: { ca } })).toBe("1");
    const url = redis.url.replace("127.0.0.1", "localhost");
    expect(await roundTrip({ url, tls: { ca } })).toBe("1");
  });

  test("an authority that is not trusted is refused, by name of the cause", async () => {
    const refusal = await roundTrip({ url: redis.url }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreUnavailableError);
    expect(String(refusal)).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED|UNABLE_TO_GET_ISSUER/);
  });

  test("a certificate for another name is refused", async () => {
    const ca = readFileSync(certificates.ca, "utf8");
    const tls = { ca, servername: "other.example" };
    const refusal = await roundTrip({ url: redis.url, tls }).catch((error: unknown) => error);
    expect(String(refusal)).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  test("a client that speaks no TLS is told in time", async () => {
    const start = performance.now();
    const refusal = await roundTrip({ url: redis.url.replace("rediss:", "redis:") }).catch((e: unknown) => e);
    expect(refusal).toBeInstanceOf(StoreUnavailableError);
    expect(performance.now() - start).toBeLessThan(1500);
  });

  test("a PEM that is none is an error at every call", async () => {
    const backend = new RedisBackend({ url: redis.url, tls: { cert: "no PEM", key: "no PEM" } });
    for (let n = 0; n < 3; n++) await expect(backend.get(REF)).rejects.toThrow(StoreUnavailableError);
    await backend.close();
  });

  describe("where clients must have a certificate", () => {
    let strict: RedisServer;

    beforeAll(async () => {
      strict = await startRedis({ tls: certificates, config: [["tls-auth-clients", "yes"]] });
    });
    afterAll(() => strict?.stop());

    test("a client that has one is let in", async () => {
      expect(await roundTrip({ url: strict.url, tls: { ca: pem("ca"), ...clientPems() } })).toBe("1");
    });

    test.each<[who: string, tls: () => RedisTlsOptions]>([
      ["without a certificate", () => ({ ca: pem("ca") })],
      ["with one of another authority", () => ({ ca: pem("ca"), ...foreignPems() })],
    ])("a client %s is refused, in time", async (_, tls) => {
      const start = performance.now();
      const refusal = await roundTrip({ url: strict.url, tls: tls() }).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(StoreUnavailableError);
      expect(performance.now() - start).toBeLessThan(1500);
    });
  });

  test.each([
    ["sentinels", startSentinels],
    ["a cluster", startCluster],
  ])("rediss:// to %s, every connection of it", { timeout: 40_000 }, async (_, start) => {
    const topology = await start({ tls: certificates });
    try {
      expect(await roundTrip({ url: topology.url, tls: { ca: pem("ca") } })).toBe("1");
      for (const tls of [true, false]) {
        const refusal = await roundTrip({ url: topology.url, tls }).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(StoreUnavailableError);
        expect(String(refusal)).toContain("TLS");
      }
    } finally {
      await topology.stop();
    }
  });

  function pem(name: "ca" | "cert" | "key"): string {
    return readFileSync(certificates[name], "utf8");
  }

  function clientPems() {
    const { cert, key } = certificates.client;
    return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
  }

  function foreignPems() {
    const { client, remove } = makeCertificates();
    const pems = { cert: readFileSync(client.cert, "utf8"), key: readFileSync(client.key, "utf8") };
    remove();
    return pems;
  }
});
