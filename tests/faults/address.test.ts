import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { watchForStrays } from "../helpers/strays.js";
import { ADDRESS_FAULTS } from "./address-faults.js";
import { closeServer, endOf, prepareOperations } from "./operations.js";
import { backendsAt, type RedisScene, redisScene, USER } from "./redis-rig.js";
import { checkTime, named } from "./run-fault.js";

describeRedisServer("what is wrong about the address of Redis", () => {
  let scene: RedisScene;
  beforeAll(async () => {
    scene = await redisScene();
  });
  afterAll(() => scene.close());
  watchForStrays();

  test.each(named(ADDRESS_FAULTS))("%s", async (_, { options, outcomes }) => {
    const { observer, rig, deadline } = scene;
    const server = backendsAt({ host: "127.0.0.1", port: rig.redis.port, ...USER, ...options });
    onTestFinished(() => closeServer(server));
    for (const operation of await prepareOperations(server, observer)) {
      const ended = await endOf(operation);
      checkTime(ended, deadline);
      expect(operation.kind === "tool" ? ["unstored"] : outcomes, operation.name).toContain(ended.outcome);
      expect(ended.outcomeUnknown).toBe(false);
      if (operation.found) expect(await operation.found(observer)).toBe("undone");
    }
  });
});
