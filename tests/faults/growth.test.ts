import { afterAll, beforeAll, expect, test } from "vitest";
import { type MadePreview, type PreviewSubject, remember } from "../../src/recent-previews.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { reference } from "../helpers/entries.js";
import { openResources, usedHeap } from "../helpers/heap.js";
import { watchForStrays } from "../helpers/strays.js";
import { CONNECTION_FAULTS } from "./connection-faults.js";
import { type RedisScene, redisScene } from "./redis-rig.js";
import { meetFault } from "./run-fault.js";
import { SERVER_FAULTS } from "./server-faults.js";

/** Short, so that many faults fit into a test. */
const DEADLINE_MS = 60;
const ROUNDS = 2;
/** Code that V8 has compiled meanwhile comes to 0.5 MB. One error kept for each operation would come to 2 MB. */
const MOST_GROWTH = 1.5e6;

/** One of each kind that leaves different things undone. */
const KINDS = [
  "The connection is cut in the middle of a reply",
  "The connection is reset",
  "Every new connection is cut at its first request",
  "Nothing passes either way",
  "Replies are late, past the deadline",
  "Garbage comes before replies",
  "Values are changed on the way",
  "Connections are refused",
  "Connections come about, and nobody answers",
  "The server is frozen",
  "The memory is full, and nothing is evicted",
  "The user is deleted",
  "Entries are cut short",
];
const FAULTS = [...CONNECTION_FAULTS, ...SERVER_FAULTS].filter(({ name }) => KINDS.includes(name));

/** Sockets of one connection by way of the proxy, which may be coming about at any time. */
const SPARE = 3;

/** Kinds of which more are open than there were. */
function moreThan(before: Readonly<Record<string, number>>): string[] {
  return Object.entries(openResources())
    .filter(([kind, count]) => count > (before[kind] ?? 0) + SPARE)
    .map(([kind, count]) => `${count} ${kind}`);
}

/** Previews that were made last are kept, up to a bound: it is to be reached before memory is measured. */
function fillPreviews(): void {
  const preview = { preview: null } as unknown as MadePreview["preview"];
  for (let n = 0; n < 1000; n++) {
    const json = Buffer.alloc(16 * 1024, "x").toString("latin1");
    remember(reference(n), { json } as PreviewSubject, { preview, original: 1 });
  }
}

describeRedisServer("what faults leave behind in the process", () => {
  let scene: RedisScene;
  beforeAll(async () => {
    scene = await redisScene({ commandTimeout: DEADLINE_MS, connectTimeout: DEADLINE_MS });
  });
  afterAll(() => scene.close());
  watchForStrays();

  async function everyFault(): Promise<void> {
    for (const fault of FAULTS) await meetFault(fault, scene);
  }

  test("neither memory nor sockets nor timers", async () => {
    expect(FAULTS).toHaveLength(KINDS.length);
    fillPreviews();
    await everyFault();
    const before = await usedHeap();
    const resources = openResources();
    for (let round = 0; round < ROUNDS; round++) await everyFault();
    await expect.poll(() => moreThan(resources), { timeout: 5000 }).toEqual([]);
    expect((await usedHeap()) - before).toBeLessThan(MOST_GROWTH);
  }, 120_000);
});
