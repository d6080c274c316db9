import fc from "fast-check";
import { expect, test } from "vitest";
import type { Label } from "../../src/entry/labels.js";
import { type CacheBackend, RefCache, SYSTEM } from "../../src/index.js";
import { all } from "../helpers/entries.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { onEveryStore } from "../helpers/raw-stores.js";

const actor = SYSTEM;
const TAGS = ["a", "b", "a:b", "日本 😀", "*"];
const TOOLS = ["a", "load", undefined];
const NAMESPACES = ["a", "public", "a:b"];

/** What the model knows of a value that was stored. */
interface Kept {
  readonly key: string;
  readonly labels: readonly string[];
  readonly link: string;
}

type Step =
  | {
      readonly do: "set";
      readonly key: string;
      readonly namespace: string;
      readonly tool?: string | undefined;
      readonly tags: string[];
    }
  | { readonly do: "invalidate"; readonly label: Label }
  | { readonly do: "delete"; readonly nth: number };

const label: fc.Arbitrary<Label> = fc.oneof(
  fc.record({ kind: fc.constant("tag" as const), name: fc.constantFrom(...TAGS) }),
  fc.record({ kind: fc.constant("tool" as const), name: fc.constantFrom("a", "load") }),
  fc.record({ kind: fc.constant("namespace" as const), name: fc.constantFrom(...NAMESPACES) }),
);
const set: fc.Arbitrary<Step> = fc.record({
  do: fc.constant("set" as const),
  key: fc.constantFrom("k", "l", "m", "n"),
  namespace: fc.constantFrom(...NAMESPACES),
  tool: fc.constantFrom(...TOOLS),
  tags: fc.uniqueArray(fc.constantFrom(...TAGS), { maxLength: 3 }),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: set },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("invalidate" as const), label }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), nth: fc.nat(20) }) },
);

/** Plays steps on a store and on a model of it, and holds one against the other after each. */
async function play(backend: CacheBackend, steps: readonly Step[]): Promise<void> {
  const cache = new RefCache({ name: "model", backend });
  const kept = new Map<string, Kept>();
  const links = new Map<string, string>();
  await cache.clear(undefined, { actor });
  for (const step of steps) {
    if (step.do === "set") {
      const { key, namespace, tool, tags } = step;
      const { refId } = await cache.set(key, key, { namespace, toolName: tool, tags });
      const labels = [
        `namespace ${namespace}`,
        ...(tool ? [`tool ${tool}`] : []),
        ...tags.map((tag) => `tag ${tag}`),
      ];
      kept.set(refId, { key, labels, link: `${namespace} ${key}` });
      links.set(`${namespace} ${key}`, refId);
    } else if (step.do === "delete") {
      const refId = [...kept.keys()][step.nth];
      expect(refId !== undefined && (await cache.delete(refId, { actor }))).toBe(refId !== undefined);
      kept.delete(refId ?? "");
    } else {
      const { kind, name } = step.label;
      const bearing = [...kept].filter(([, { labels }]) => labels.includes(`${kind} ${name}`));
      const target =
        kind === "tag" ? { tags: [name] } : kind === "tool" ? { tool: name } : { namespace: name };
      expect(await cache.invalidate(target, { actor })).toBe(bearing.length);
      for (const [refId] of bearing) kept.delete(refId);
    }
    const listed = (await all(cache.list({ actor }))).map(({ refId }) => refId);
    expect(listed.sort()).toEqual([...kept.keys()].sort());
  }
  for (const [link, refId] of links) {
    const [namespace = "", key = ""] = link.split(" ");
    const found = await cache.lookup(key, { actor, namespace });
    expect(found?.refId).toBe(kept.has(refId) ? refId : undefined);
  }
}

const steps = fc.array(step, { maxLength: 25 });

onEveryStore((make) => {
  test("exactly what bears the label goes", async () => {
    const backend = (await make()).connect();
    await fc.assert(
      fc.asyncProperty(steps, (steps) => play(backend, steps)),
      { seed: 20260101, numRuns: 40 },
    );
  }, 60_000);
});

test("also without an index", async () => {
  const backend = new MinimalBackend();
  await fc.assert(
    fc.asyncProperty(steps, (steps) => play(backend, steps)),
    { seed: 20260101, numRuns: 40 },
  );
});
