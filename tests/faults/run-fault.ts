import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import { StoreError, SYSTEM } from "../../src/index.js";
import { Hearing } from "./hearing.js";
import {
  closeServer,
  type Ended,
  endOf,
  type Operation,
  type Outcome,
  prepareOperations,
  type Remains,
  type Server,
} from "./operations.js";

/** Something that can go wrong with a store of kind `Rig`. */
export interface FaultCase<Rig> {
  /** What the list in `docs/faults.md` calls it. */
  readonly name: string;
  /** Makes it happen. */
  begin(rig: Rig): unknown;
  /** Puts it right. */
  end(rig: Rig): unknown;
  /** How reads may end under it; the first one is seen at least once. */
  readonly reads: readonly [Outcome, ...Outcome[]];
  /** How writes may end under it; the first one is seen at least once. */
  readonly writes: readonly [Outcome, ...Outcome[]];
  /** Whether the store forgets, or has others write into it: then what was acknowledged may be gone. */
  readonly loses?: boolean;
  /** Whether a server may use the former store for a moment after, and nobody hears what it says there. */
  readonly leavesFormer?: boolean;
  /** Whether only the cache bears it, by the checksums that a backend knows nothing of. */
  readonly cacheAlone?: boolean;
  /** Numbers in each list that is written. */
  readonly length?: number;
}

/** Faults with the names of their tests, which a template would cut short. */
export function named<F extends { readonly name: string }>(faults: readonly F[]): (readonly [string, F])[] {
  return faults.map((fault) => [fault.name, fault]);
}

/** A store that can fail, a server that is to bear it, and another that sees what is in the store. */
export interface Scene<Rig> {
  readonly rig: Rig;
  readonly server: Server;
  readonly observer: Server;
  /** Another server, which comes to the store now. */
  join(): Server;
  /** Milliseconds that each command of the server may take. */
  readonly deadline: number;
}

/** What a busy machine may add to the time that work takes to go on, in milliseconds. */
const ROOM_MS = 1500;
/** What it may add to the deadline of an operation, while all others are under way. */
const CROWDED_ROOM_MS = 3000;

/** A connection that is dead without a sign is found out in two seconds, and another takes its place within two. */
const HEARING_MS = 4000;

/** How operations ended that were under way when a fault came, and those that began under it. */
interface Encounter {
  readonly ended: readonly Ended[];
  readonly under: readonly Ended[];
}

/**
 * Lets a fault happen, and checks that each operation ends in time, and as it may; that work goes on within a second
 * of its end, messages among servers soon after; and that writes have, or have not, happened as they said.
 */
export async function runFault<Rig>(fault: FaultCase<Rig>, scene: Scene<Rig>): Promise<void> {
  const { ended, under } = await meetFault(fault, scene);
  await checkShared(scene);
  for (const end of [...ended, ...under]) checkTime(end, scene.deadline);
  checkOutcomes(ended, fault, ["value", "unstored"]);
  checkOutcomes(under, fault, []);
  checkSeen(under, fault);
  for (const end of [...ended, ...under]) await checkWrite(end, fault, scene.observer);
}

/**
 * Lets a fault happen while every operation is under way, lets every operation begin under it, puts it right, and
 * waits until work goes on, a second at most.
 */
export async function meetFault<Rig>(fault: FaultCase<Rig>, scene: Scene<Rig>): Promise<Encounter> {
  const { server, observer } = scene;
  await recovery(server); // so that it is connected when the fault comes
  const hearing = await Hearing.begin(server, observer);
  const [early, late] = await Promise.all([prepare(fault, scene), prepare(fault, scene)]);
  const saying = () => Promise.all([hearing.say(), hearing.say()]);
  const encounter = await meet(fault, scene.rig, early, late, saying);
  expect(await recovery(server), "the time to work again").toBeLessThan(1000 + ROOM_MS);
  await recovery(observer);
  await hearing.end(HEARING_MS + ROOM_MS, fault.leavesFormer);
  return encounter;
}

async function prepare(
  { length, cacheAlone }: FaultCase<never>,
  { server, observer }: Scene<unknown>,
): Promise<Operation[]> {
  const operations = await prepareOperations(server, observer, length);
  return operations.filter(({ isRaw }) => !(cacheAlone && isRaw));
}

async function meet<Rig>(
  fault: FaultCase<Rig>,
  rig: Rig,
  early: readonly Operation[],
  late: readonly Operation[],
  saying: () => Promise<unknown>,
): Promise<Encounter> {
  const underWay = Promise.all(early.map(endOf));
  let said: Promise<unknown> | undefined;
  try {
    await fault.begin(rig);
    said = saying();
    const under = await Promise.all(late.map(endOf));
    return { ended: await underWay, under };
  } finally {
    await fault.end(rig);
    await said;
  }
}

/** Checks that an operation has kept its deadlines. */
export function checkTime({ operation, elapsed }: Ended, deadline: number): void {
  expect(elapsed, `${operation.name} has a deadline`).toBeLessThan(
    operation.steps * deadline + CROWDED_ROOM_MS,
  );
}

function checkOutcomes(ended: readonly Ended[], fault: FaultCase<never>, more: readonly Outcome[]): void {
  for (const { operation, outcome, outcomeUnknown } of ended) {
    expect(allowed(operation, fault, more), operation.name).toContain(outcome);
    if (operation.kind === "read") expect(outcomeUnknown, operation.name).toBe(false);
  }
}

function allowed({ kind }: Operation, fault: FaultCase<never>, more: readonly Outcome[]): readonly Outcome[] {
  if (kind === "tool") return ["value", "unstored"];
  if (kind === "message") return ["value", ...fault.reads, ...fault.writes];
  if (kind === "read") return [...fault.reads, ...more];
  return [...fault.writes, ...more, ...(fault.loses ? ["miss"] : [])];
}

/** A fault that nobody notices would prove nothing. */
function checkSeen(ended: readonly Ended[], { reads, writes }: FaultCase<never>): void {
  const of = (kind: Operation["kind"]) =>
    ended.filter(({ operation }) => operation.kind === kind).map(({ outcome }) => outcome);
  expect(of("read")).toContain(reads[0]);
  expect(of("write")).toContain(writes[0]);
}

/** What was acknowledged is there; what surely failed is not; of the rest, whole entries or nothing. */
async function checkWrite(end: Ended, { loses }: FaultCase<never>, observer: Server): Promise<void> {
  const { operation, outcome, outcomeUnknown } = end;
  if (operation.found === undefined || loses) return;
  const unknown: Remains[] = ["done", "undone", "partly"];
  const expected = outcome === "value" ? ["done"] : outcomeUnknown ? unknown : ["undone"];
  expect(expected, `${operation.name} after ${outcome}`).toContain(await operation.found(observer));
}

/** What a server stores, one that comes later finds; a second after the fault at the latest. */
async function checkShared({ server, join }: Scene<unknown>): Promise<void> {
  const newcomer = join();
  const isShared = async () => {
    const { refId } = await server.cache.set("shared", [1], { ttl: "1m" });
    return newcomer.cache.exists(refId, { actor: SYSTEM });
  };
  try {
    await expect.poll(isShared, { timeout: 1000 + ROOM_MS }).toBe(true);
  } finally {
    await closeServer(newcomer);
  }
}

/** Milliseconds until writes and reads work again. */
export async function recovery({ cache, backend }: Server): Promise<number> {
  const start = performance.now();
  for (;;) {
    try {
      const { refId } = await cache.set("recovery", [1, 2, 3], { ttl: "1m" });
      expect(await cache.resolve(refId, { actor: SYSTEM })).toEqual([1, 2, 3]);
      await backend.exists(refId);
      return performance.now() - start;
    } catch (error) {
      if (!(error instanceof StoreError) || performance.now() - start > 10_000) throw error;
      await sleep(10);
    }
  }
}
