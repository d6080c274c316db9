import fc from "fast-check";
import { expect, test } from "vitest";
import { MemoryBackend } from "../../../src/backends/memory/backend.js";
import type { Entry, EntryMetadata } from "../../../src/entry/entry.js";
import { all, entry, reference } from "../../helpers/entries.js";

/** Metadata as the cache writes it, as other writers do, and as nobody does. */
const metadata: fc.Arbitrary<Partial<EntryMetadata>> = fc.oneof(
  fc.record({
    toolName: fc.constantFrom(null, "report", "query"),
    totalItems: fc.constantFrom(null, 0, 7, 4_294_967_294),
    strictJson: fc.boolean(),
    atRest: fc.record({ refId: fc.constant(reference(1)), checksum: fc.nat({ max: 4_294_967_295 }) }),
  }),
  fc.record({ atRest: fc.constantFrom({ storedSize: 2 }, { storedSize: 3 }, { refId: "x:00000000" }, {}) }),
  fc.record({ totalItems: fc.constantFrom(-1, 0.5, 4_294_967_295, 2 ** 53, -0) }),
  fc.record({ totalSize: fc.constantFrom(null, 0, 4_294_967_294, 4_294_967_295, 1e300) }),
  fc.record({ other: fc.constant({ task_id: "t", nested: [1, { a: null }] }) }),
);

const entries: fc.Arbitrary<Entry> = fc
  .record({
    json: fc.constantFrom("{}", "[1]", '"日本"'),
    namespace: fc.constantFrom("a", "b", "c"),
    owner: fc.constantFrom(null, "user:a", "user:b"),
    deniedActors: fc.constantFrom(null, [], ["agent:*"]),
    isLasting: fc.boolean(),
    metadata,
  })
  .map(({ owner, deniedActors, isLasting, ...wish }) =>
    entry({
      ...structuredClone(wish),
      policy: { owner, deniedActors },
      expiresIn: isLasting ? null : 60_000,
    }),
  );

const slot = fc.nat({ max: 4 }).map(reference);
const link = fc.constantFrom("memo:1", "memo:2", "key:1");
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant("set" as const), refId: slot, entry: entries }),
    fc.record({ do: fc.constant("setLinked" as const), refId: slot, entry: entries, link }),
    fc.record({ do: fc.constant("replace" as const), refId: slot, entry: entries }),
    fc.record({ do: fc.constant("delete" as const), refId: slot }),
    fc.record({ do: fc.constant("clear" as const), namespace: fc.constantFrom("a", "b", undefined) }),
  ),
  { maxLength: 40 },
);

/** The same, as plainly as it can be said. */
class Model {
  readonly entries = new Map<string, Entry>();
  readonly links = new Map<string, string>();

  remove(refId: string): boolean {
    for (const [name, to] of this.links) if (to === refId) this.links.delete(name);
    return this.entries.delete(refId);
  }

  clear(namespace: string | undefined): number {
    const refs = [...this.entries].filter(([, { namespace: of }]) => of === (namespace ?? of));
    for (const [refId] of refs) this.remove(refId);
    return refs.length;
  }
}

test("whatever is done, the store holds what a plain map would hold", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (plan) => {
      const [backend, model] = [new MemoryBackend(), new Model()];
      for (const step of plan) {
        if (step.do === "clear") {
          expect(await backend.clear(step.namespace)).toBe(model.clear(step.namespace));
        } else if (step.do === "delete") {
          expect(await backend.delete(step.refId)).toBe(model.remove(step.refId));
        } else if (step.do === "replace") {
          const isThere = model.entries.has(step.refId);
          expect(await backend.replace(step.refId, step.entry)).toBe(isThere);
          if (isThere) model.entries.set(step.refId, step.entry);
        } else {
          model.entries.set(step.refId, step.entry);
          if (step.do === "set") await backend.set(step.refId, step.entry);
          else {
            await backend.setLinked(step.refId, step.entry, step.link);
            model.links.set(step.link, step.refId);
          }
        }
        await agree(backend, model);
      }
      await backend.close();
    }),
    { seed: 20_260_701, numRuns: 300 },
  );
}, 60_000);

async function agree(backend: MemoryBackend, model: Model): Promise<void> {
  for (const [refId, stored] of model.entries) {
    const { json: _, ...head } = stored;
    expect(await backend.get(refId)).toStrictEqual(stored);
    expect(await backend.head(refId)).toStrictEqual(head);
  }
  for (const namespace of ["a", "b", "c", undefined]) {
    const refs = [...model.entries].filter(([, { namespace: of }]) => of === (namespace ?? of));
    expect((await all(backend.keys(namespace))).sort()).toEqual(refs.map(([refId]) => refId).sort());
  }
  for (const name of ["memo:1", "memo:2", "key:1"])
    expect(await backend.getLink(name)).toBe(model.links.get(name));
}

test("the entries used last stay, in whatever order they are used", async () => {
  const uses = fc.array(fc.record({ refId: fc.nat({ max: 9 }).map(reference), isSet: fc.boolean() }), {
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(uses, async (plan) => {
      const backend = new MemoryBackend({ maxEntries: 4 });
      let byUse: string[] = [];
      for (const { refId, isSet } of plan) {
        if (isSet) await backend.set(refId, entry());
        else expect((await backend.get(refId)) !== undefined).toBe(byUse.includes(refId));
        if (isSet || byUse.includes(refId))
          byUse = [refId, ...byUse.filter((other) => other !== refId)].slice(0, 4);
      }
      expect((await all(backend.keys())).sort()).toEqual(byUse.sort());
      await backend.close();
    }),
    { seed: 20_260_701, numRuns: 300 },
  );
});

test("what is there throughout a walk is met once, whatever comes and goes meanwhile", async () => {
  const backend = new MemoryBackend();
  for (let n = 0; n < 100; n++)
    await backend.set(reference(n), entry({ namespace: n % 2 === 0 ? "even" : "odd" }));
  const met: string[] = [];
  for await (const refId of backend.keys("even")) {
    met.push(refId);
    const n = met.length;
    await backend.delete(reference(2 * n + 40)); // ahead of the walk, or behind it
    await backend.set(reference(1000 + n), entry({ namespace: "even" })); // into the slot that became free
    await backend.set(reference(2 * n + 1), entry({ namespace: "even" })); // from the other namespace
    await backend.set(reference(2 * n), entry({ namespace: "even" })); // over itself
  }
  expect(new Set(met).size).toBe(met.length);
  const throughout = Array.from({ length: 21 }, (_, n) => reference(2 * n));
  expect(met).toEqual(expect.arrayContaining(throughout));
  await backend.close();
});
