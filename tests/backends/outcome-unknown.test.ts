import { expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { removeInBatches } from "../../src/backends/sqlite/pace.js";
import { type StoreError, StoreTimeoutError, StoreUnavailableError } from "../../src/errors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { all, entry, reference } from "../helpers/entries.js";
import { type Fault, FaultProxy } from "../helpers/fault-proxy.js";
import { blackHole, cutBeforeReply } from "../helpers/proxy-faults.js";
import { startRedis } from "../helpers/redis-server.js";

const REF = reference(1);
const READS: Record<string, (backend: RedisBackend) => Promise<unknown>> = {
  get: (backend) => backend.get(REF),
  head: (backend) => backend.head(REF),
  exists: (backend) => backend.exists(REF),
  getLink: (backend) => backend.getLink("a"),
  heads: (backend) => all(backend.heads()),
};
const WRITES: typeof READS = {
  set: (backend) => backend.set(REF, entry()),
  setLinked: (backend) => backend.setLinked(REF, entry(), "a"),
  replace: (backend) => backend.replace(REF, entry()),
  delete: (backend) => backend.delete(REF),
};
const UNKNOWN = "The outcome of the write is unknown.";

describeRedisServer("after a failure without a reply", () => {
  async function connected() {
    const redis = await startRedis();
    const proxy = await FaultProxy.before(redis.port);
    const backend = new RedisBackend({ host: "127.0.0.1", port: proxy.port, commandTimeout: 200 });
    onTestFinished(async () => {
      await backend.close();
      await proxy.close();
      await redis.stop();
    });
    await backend.set(REF, entry());
    return { proxy, backend };
  }

  test.each([
    ["out of time", blackHole("replies"), StoreTimeoutError],
    ["connection lost", cutBeforeReply(), StoreUnavailableError],
  ])(
    "%s: a write says that its outcome is unknown, a read nothing of it",
    async (_, fault, Class) => {
      for (const [name, call] of Object.entries({ ...READS, ...WRITES })) {
        const { proxy, backend } = await connected();
        proxy.fail(fault);
        const error = await failureOf(call(backend));
        expect(error, name).toBeInstanceOf(Class);
        expect(error.outcomeUnknown, name).toBe(name in WRITES);
        expect(error.message.includes(UNKNOWN), name).toBe(name in WRITES);
      }
    },
    60_000,
  );

  test("a write that was not sent, or was refused, has surely not been done", async () => {
    const { proxy, backend } = await connected();
    await proxy.refuse();
    const unsent = async () => (await failureOf(backend.set(REF, entry()))).message;
    await expect.poll(unsent).toContain("ECONNREFUSED");
    expect((await failureOf(backend.set(REF, entry()))).outcomeUnknown).toBe(false);
    const wrong = new RedisBackend({ host: "127.0.0.1", port: proxy.port, username: "nobody" });
    await proxy.accept();
    expect((await failureOf(wrong.set(REF, entry()))).outcomeUnknown).toBe(false);
    await wrong.close();
  });

  test("a clearing that is cut off midway has done a part", async () => {
    const { proxy, backend } = await connected();
    await backend.setMany(Array.from({ length: 1500 }, (_, n) => ({ refId: reference(n), entry: entry() })));
    proxy.fail(cutAfter("mcp-refcache:entry:", "scan"));
    const error = await failureOf(backend.clear());
    expect(error.outcomeUnknown).toBe(true);
    expect(error.message).toMatch(/A part had been done by then\.$/);
  });
});

test("a removal in batches that fails has done a part, unless it was the first", async () => {
  const failure = new StoreTimeoutError("It was locked.");
  const failingAfter = (batches: number) =>
    failureOf(
      removeInBatches((limit) => {
        if (batches-- === 0) throw failure;
        return limit;
      }),
    );
  expect(await failingAfter(0)).toBe(failure);
  const partly = await failingAfter(2);
  expect(partly).toBeInstanceOf(StoreTimeoutError);
  expect(partly.outcomeUnknown).toBe(true);
});

/** Cuts the connection at a request that follows one that removes what begins with a prefix. */
function cutAfter(prefix: string, command: string): Fault {
  let hasRemoved = false;
  return {
    onRequest(link, bytes) {
      if (hasRemoved && bytes.includes(command)) return link.cut();
      hasRemoved ||= bytes.includes("unlink") && bytes.includes(prefix);
      link.toServer(bytes);
    },
  };
}

async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  try {
    await call;
  } catch (error) {
    return error as StoreError;
  }
  throw new Error("the call has not failed");
}
