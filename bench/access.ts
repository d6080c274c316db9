import { type Actor, ownedBy, RefCache, runAs, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { rowsOfSize, SMALL_SIZES } from "./values.js";

const agent: Actor = { type: "agent", id: "alice", sessionId: "s1" };

/** Reading a stored value by somebody who must be asked about, against reading it by the server, which need not be. */
export async function* accessContests(): AsyncGenerator<Contest, void> {
  const size = SMALL_SIZES[0];
  if (size === undefined) return;
  const cache = new RefCache({ name: "bench" });
  const value = rowsOfSize(size.characters);
  for (const [who, namespace] of [
    ["the owner's agent", "public"],
    ["the owner's agent, user:alice", "user:alice:reports"],
  ] as const) {
    const { refId } = await cache.set("k", value, { actor: SYSTEM, namespace, policy: ownedBy(agent) });
    const resolving = inTurn(() => cache.resolve(refId)); // as tools ask, in their callers' names
    yield {
      what: `access checks, memory hit by ${who}`,
      size: size.name,
      against: "the same by the server itself",
      aimExtra: 3,
      calls: 20_000, // long rounds: a microsecond is sought
      ours: (calls) => runAs(agent, () => resolving(calls)),
      ceiling: (calls) => runAs(SYSTEM, () => resolving(calls)),
    };
  }
  await cache.close();
}
