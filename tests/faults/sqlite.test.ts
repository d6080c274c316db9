import { onTestFinished, test } from "vitest";
import { canMount } from "../helpers/mounts.js";
import { watchForStrays } from "../helpers/strays.js";
import { named, runFault } from "./run-fault.js";
import { DISK_FULL, SQLITE_FAULTS } from "./sqlite-faults.js";
import { sqliteScene } from "./sqlite-rig.js";

watchForStrays();

test.each(named(SQLITE_FAULTS))("%s", async (_, fault) => {
  const scene = sqliteScene();
  onTestFinished(() => scene.close());
  await runFault(fault, scene);
});

test.runIf(canMount())(DISK_FULL.name, async () => {
  const scene = sqliteScene("32m");
  onTestFinished(() => scene.close());
  await runFault(DISK_FULL, scene);
});
