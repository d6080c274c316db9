import { afterAll, beforeAll, test } from "vitest";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { watchForStrays } from "../helpers/strays.js";
import { CONNECTION_FAULTS } from "./connection-faults.js";
import { type RedisScene, redisScene } from "./redis-rig.js";
import { named, runFault } from "./run-fault.js";

describeRedisServer("what goes wrong between a server of ours and Redis", () => {
  let scene: RedisScene;
  beforeAll(async () => {
    scene = await redisScene();
  });
  afterAll(() => scene.close());
  watchForStrays();

  test.each(named(CONNECTION_FAULTS))("%s", async (_, fault) => {
    await runFault(fault, scene);
  });
});
