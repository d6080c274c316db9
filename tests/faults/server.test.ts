import { afterAll, beforeAll, test } from "vitest";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { watchForStrays } from "../helpers/strays.js";
import { type RedisScene, redisScene } from "./redis-rig.js";
import { named, runFault } from "./run-fault.js";
import { SERVER_FAULTS } from "./server-faults.js";

describeRedisServer("what becomes of Redis itself", () => {
  let scene: RedisScene;
  beforeAll(async () => {
    scene = await redisScene();
  });
  afterAll(() => scene.close());
  watchForStrays();

  test.each(named(SERVER_FAULTS))("%s", async (_, fault) => {
    await runFault(fault, scene);
  });
});
