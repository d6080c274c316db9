import { onTestFinished, test } from "vitest";
import { canMount } from "../helpers/mounts.js";
import { watchForStrays } from "../helpers/strays.js";
import { runFault } from "./run-fault.js";
import { DISK_FULL, SQLITE_FAULTS } from "./sqlite-faults.js";
import { sqliteScene } from "./sqlite-rig.js";

watchForStrays();

test.each(SQLITE_FAULTS)("$name", async (fault) => {
  const scene = sqliteScene();
  onTestFinished(() => scene.close());
  await runFault(fault, scene);
});

test.runIf(canMount())(DISK_FULL.name, async () => {
  const scene = sqliteScene("32m");
  onTestFinished(() => scene.close());
  await runFault(DISK_FULL, scene);
});
