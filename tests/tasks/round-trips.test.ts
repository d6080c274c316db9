import { expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { ANONYMOUS_AGENT, RefCache, type TaskContext } from "../../src/index.js";
import { countingClient } from "../helpers/counting-client.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { startRedis } from "../helpers/redis-server.js";
import { taskIn } from "./task-servers.js";

const POLLER = { actor: ANONYMOUS_AGENT };

describeRedisServer("round trips of polls", () => {
  test("of a running task: one for another server, none for its own", async () => {
    const { url, ...redis } = await startRedis().then((server) => ({
      url: server.url,
      stop: () => server.stop(),
    }));
    onTestFinished(() => redis.stop());
    const [own, other] = [counted(url), counted(url)];
    const mayEnd = new AbortController();
    const ended = new Promise((resolve) => mayEnd.signal.addEventListener("abort", resolve));
    const tool = own.cache.cached("jobs", { asyncTimeout: 1 })(
      (_: { id: number }, _task: TaskContext) => ended,
    );
    const refId = taskIn(await tool({ id: 1 }));
    await other.cache.get(refId, POLLER); // connects
    own.trips.length = 0;
    other.trips.length = 0;
    for (const server of [own, other])
      expect(await server.cache.get(refId, POLLER)).toMatchObject({ status: "processing" });
    expect(own.trips).toEqual([]);
    expect(other.trips).toEqual([["hmget", "pttl"]]);
    mayEnd.abort();
  });
});

function counted(url: string) {
  const { client, trips } = countingClient(url);
  const cache = new RefCache({ name: "jobs", backend: new RedisBackend({ client }) });
  onTestFinished(() => cache.close());
  return { cache, trips };
}
