import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes of the heap that are in use, once what nobody uses is gone. */
export async function usedHeap(): Promise<number> {
  for (let round = 0; round < 4; round++) {
    collect();
    await sleep(10); // finalizers and closing sockets take turns of their own
  }
  return process.memoryUsage().heapUsed;
}

/** How many sockets, timers and the like keep this process alive, by kind. */
export function openResources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
