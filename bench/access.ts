import { type Actor, MemoryBackend, ownedBy, RefCache, SYSTEM } from "./built.js";
import { type Contest, inTurn } from "./measure.js";
import { rowsOfSize, SMALL_SIZES } from "./values.js";

const agent: Actor = { type: "agent", id: "alice", sessionId: "s1" };

/** Reading a stored value by somebody who must be asked about, against reading it from the same backend unasked. */
export async function* accessContests(): AsyncGenerator<Contest, void> {
  const size = SMALL_SIZES[0];
  if (size === undefined) return;
  const backend = new MemoryBackend();
  const cache = new RefCache({ name: "bench", backend });
  const value = rowsOfSize(size.characters);
  for (const [who, namespace] of [
    ["the owner's agent", "public"],
    ["the owner's agent, user:alice", "user:alice:reports"],
  ] as const) {
    const { refId } = await cache.set("k", value, { actor: SYSTEM, namespace, policy: ownedBy(agent) });
    yield {
      what: `access checks, memory hit by ${who}`,
      size: size.name,
      against: "`backend.get`, `JSON.parse`, nobody asked",
      aimExtra: 3,
      ours: inTurn(() => cache.resolve(refId, { actor: agent })),
      ceiling: inTurn(async () => JSON.parse((await backend.get(refId))?.json ?? "")),
    };
  }
  await cache.close();
}
