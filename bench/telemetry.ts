import type { EntryStore } from "../src/entry-store.js";
import type { Telemetry } from "../src/telemetry/telemetry.js";
import { internals, RefCache, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { rowsOfSize, SMALL_SIZES } from "./values.js";

/** Long rounds: fractions of a microsecond are sought. */
const CALLS = 20_000;

/** What it costs a small read that it is counted, and that somebody hears of it. */
export async function* telemetryContests(): AsyncGenerator<Contest, void> {
  const size = SMALL_SIZES[0];
  if (size === undefined) return;
  const value = rowsOfSize(size.characters);
  const common = { size: size.name, calls: CALLS };
  yield {
    ...common,
    what: "counting, a read from memory",
    against: "the same, not counted",
    aim: 1.02,
    ours: inTurn(await reading(value, true)),
    ceiling: inTurn(await reading(value, false)),
  };
  yield {
    ...common,
    what: "resolve with a listener, memory",
    against: "the same without",
    aimExtra: 1,
    ours: inTurn(await resolving(value, true)),
    ceiling: inTurn(await resolving(value, false)),
  };
}

async function resolving(value: unknown, isHeard: boolean): Promise<() => Promise<unknown>> {
  const cache = new RefCache({ name: "bench" });
  const { refId } = await cache.set("k", value);
  let hits = 0;
  if (isHeard) cache.events.on("hit", () => hits++);
  const resolve = () => cache.resolve(refId, { actor: SYSTEM });
  await resolve();
  if (isHeard !== hits > 0) throw new Error(`${hits} hits were heard`);
  return resolve;
}

/** What `resolve` consists of, since a cache always counts. */
async function reading(value: unknown, isCounted: boolean): Promise<() => Promise<unknown>> {
  const options = internals.resolveOptions({ name: "bench" });
  const counting = new internals.Telemetry(options.backend, options.logger);
  const store: EntryStore = isCounted
    ? new internals.EntryStore({ ...options, backend: counting.backend }, counting)
    : new internals.EntryStore(options, UNCOUNTED as Telemetry);
  const refId = await store.save(store.make(value, { namespace: "public" }));
  return async () =>
    internals.readValue(refId, await store.read(refId, store.questionsOf(SYSTEM), "resolve"));
}

const UNCOUNTED: unknown = { start: () => 0, read: () => {}, stored: () => {} };
