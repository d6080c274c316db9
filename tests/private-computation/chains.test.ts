import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Actor,
  type Answer,
  type CachedOptions,
  currentActor,
  type Group,
  MemoryBackend,
  type Policy,
  policies,
  RefCache,
  runAs,
  SYSTEM,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { anyNamespace, anyPolicy } from "../helpers/arbitraries.js";
import { all, entry, reference } from "../helpers/entries.js";
import { errorOf } from "../helpers/errors.js";
import { everythingIn } from "../helpers/everything.js";
import { oracleOf } from "../helpers/oracle.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const READ = 1;
const alice: Actor = { type: "agent", id: "alice", sessionId: "s1" };
const bob: Actor = { type: "agent", id: "bob", sessionId: "s2" };
const ACTORS: readonly Actor[] = [
  alice,
  bob,
  { type: "user", id: "alice", sessionId: "s1" },
  { type: "user", id: "alice" },
  { type: "user", id: "bob" },
  { type: "agent", id: "a:b", sessionId: "s1" },
  { type: "user", id: "é" },
  { type: "agent", sessionId: "s1" },
  { type: "agent" },
  { type: "user" },
];
const isMember = ({ id }: Actor, { kind }: Group) => id === (kind === "org" ? "alice" : "bob");
const { may } = oracleOf(isMember);

const CANARIES = ["canary0", "canary1", "canary2"] as const;
const backwards = (text: string) => [...text].reverse().join("");

type Body = (args: { data: unknown }) => unknown;
type Cached = (args: { data: unknown }) => Promise<Answer>;
const copyOf = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const textOf = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** The first thing in a value that has no parts. */
function firstIn(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const [first] = Object.values(value);
  return first === undefined ? null : firstIn(first);
}

/** What the bodies of tools may do; they get a value, or the text of a reference that they look up themselves. */
function bodies(cache: RefCache, inner: Cached, failing: Cached): Readonly<Record<string, Body>> {
  const me = () => currentActor() ?? SYSTEM;
  const asServerItself = <T>(run: () => T) => runAs(SYSTEM, run);
  return {
    echo: ({ data }) => ({ got: data }),
    first: ({ data }) => firstIn(data),
    filter: ({ data }) => (Array.isArray(data) ? data.filter((_, index) => index % 2 === 0) : [data]),
    turn: ({ data }) => backwards(textOf(data)),
    bare: ({ data }) => textOf(data),
    resolve: async ({ data }) => ({ found: await cache.resolve(textOf(data)) }),
    resolveAsServer: async ({ data }) => asServerItself(() => cache.resolve(textOf(data))),
    resolveInItsName: async ({ data }) => [await cache.resolve(textOf(data), asServer)],
    read: async ({ data }) => copyOf(await cache.get(textOf(data))),
    readAsServer: async ({ data }) => copyOf(await cache.get(textOf(data), asServer)),
    readAllAsServer: async ({ data }) => copyOf(await cache.get(textOf(data), { ...asServer, full: true })),
    nested: async ({ data }) => copyOf(await inner({ data })),
    nestedAsServer: async ({ data }) => copyOf(await asServerItself(() => inner({ data }))),
    nestedReference: async ({ data }) => (await inner({ data })).ref_id,
    nestedThenResolved: async ({ data }) => cache.resolve((await inner({ data })).ref_id ?? ""),
    nestedPlain: async ({ data }) => cache.callAs(me(), async () => [data, (await inner({ data })).ref_id]),
    nestedPlainAsServer: async ({ data }) => cache.callAs(SYSTEM, () => cache.resolve(textOf(data))),
    keep: async ({ data }) => (await cache.set("kept", data)).refId,
    keepInItsName: async ({ data }) =>
      (await cache.set("kept", { data }, { ...asServer, namespace: "n" })).refId,
    keepAsServer: async ({ data }) => (await asServerItself(() => cache.set("kept", [data]))).refId,
    keepShared: async ({ data }) =>
      (await cache.set("kept", [data], { ...asServer, scope: "shared", policy: policies.public })).refId,
    fail: ({ data }) => {
      throw new Error(`no luck with ${textOf(data)}`, { cause: { data } });
    },
    failKeeping: async ({ data }) => ({ data, index: new Map([[textOf(data), 1]]) }),
    catch: async ({ data }) => everythingIn(await errorOf(() => failing({ data }))),
    catchAsServer: async ({ data }) =>
      everythingIn(await errorOf(() => asServerItself(() => failing({ data })))),
    catchPlain: async ({ data }) =>
      everythingIn(await errorOf(() => cache.callAs(me(), () => Promise.reject(new Error(textOf(data)))))),
    catchPlainAsServer: async ({ data }) => {
      const fails = async () => {
        throw new Error(JSON.stringify(await cache.resolve(textOf(data))));
      };
      return everythingIn(await errorOf(() => cache.callAs(SYSTEM, fails)));
    },
    annotate: async ({ data }) => {
      const error = await errorOf(() => failing({ data }));
      error.message += textOf(data);
      throw Object.assign(error, { data });
    },
    annotateWithheld: async ({ data }) => {
      const error = await errorOf(() => cache.callAs(me(), async () => cache.resolve(textOf(data))));
      throw Object.assign(error, { data: await asServerItself(() => cache.resolve(textOf(data))) });
    },
  };
}

const TOOLS = Object.keys(
  bodies(
    new RefCache({ name: "none" }),
    async () => null as never,
    async () => null as never,
  ),
);
const SHORT: CachedOptions = { preview: "truncate", maxSize: 4000 };

/** Tools over a store with three values under any policies, and what is told to whom. */
class World {
  readonly logger = recordingLogger();
  readonly backend = new MemoryBackend({ sweepInterval: 1_000_000 });
  readonly cache = new RefCache({
    name: "test",
    backend: this.backend,
    members: isMember,
    logger: this.logger,
    measure: "characters",
  });
  readonly #sources: readonly Source[];
  #made = 0;

  constructor(sources: readonly Source[]) {
    this.#sources = sources;
  }

  async begin(): Promise<void> {
    for (const [n, { policy, namespace }] of this.#sources.entries()) {
      const value = [{ [`${CANARIES[n]}`]: `a ${CANARIES[n]} b` }, `c ${CANARIES[n]} d`, CANARIES[n]];
      await this.backend.set(reference(n), entry({ value, policy, namespace }));
    }
  }

  /** One call, and what its caller gets to know by it. */
  async take({ tool, actor, input, options, how }: Step): Promise<string> {
    const references = await all(this.backend.keys());
    const data = references[input % references.length];
    try {
      return everythingIn(await this.#call(tool, ACTORS[actor % ACTORS.length] as Actor, data, options, how));
    } catch (error) {
      return everythingIn(error);
    }
  }

  async #call(tool: string, actor: Actor, data: unknown, options: CachedOptions, how: Step["how"]) {
    const name = `tool ${this.#made++}`;
    const make = (body: Body, more: CachedOptions = {}): Cached =>
      this.cache.cached("n", { ...SHORT, ...options, name, ...more })(async (args: { data: unknown }) =>
        body(args),
      );
    const inner = make(({ data }) => ({ inside: data }), { name: `${name}, inner` });
    const failing = make(
      ({ data }) => {
        throw new Error(textOf(data));
      },
      { name: `${name}, failing` },
    );
    const body = bodies(this.cache, inner, failing)[tool] as Body;
    const looksUpItself = /resolve|read|Plain|Withheld/i.test(tool);
    const cached = make(body, { resolveRefs: !looksUpItself });
    switch (how) {
      case "cached":
        return runAs(actor, () => cached({ data }));
      case "plain":
        return this.cache.callAs(actor, async () => body({ data }));
      case "plain, of a cached one":
        return this.cache.callAs(actor, () => cached({ data }));
      case "plain, of one asked as the server":
        return this.cache.callAs(actor, () => runAs(SYSTEM, () => cached({ data })));
      case "plain, of what the server may see":
        return this.cache.callAs(actor, () => this.cache.get(textOf(data), asServer));
      case "plain, of an answer that was changed":
        return this.cache.callAs(actor, async () => {
          const answer = await inner({ data: "nothing" });
          const value = await this.cache.resolve(textOf(data), asServer);
          return Object.assign(answer, { value, message: JSON.stringify(value) });
        });
    }
  }

  /** Which of the values a text was made of. */
  madeOf(text: string): readonly Source[] {
    return this.#sources.filter((_, n) => {
      const canary = CANARIES[n] ?? "";
      return text.includes(canary) || text.includes(backwards(canary));
    });
  }

  mayRead(actor: Actor, { policy, namespace }: Source): boolean {
    return may(READ, actor, policy, namespace);
  }
}

interface Source {
  readonly policy: Policy;
  readonly namespace: string;
}

interface Step {
  readonly tool: string;
  readonly actor: number;
  readonly input: number;
  readonly options: CachedOptions;
  readonly how: (typeof WAYS)[number];
}

const WAYS = [
  "cached",
  "plain",
  "plain, of a cached one",
  "plain, of one asked as the server",
  "plain, of what the server may see",
  "plain, of an answer that was changed",
] as const;

const ordinary = fc.constantFrom(
  policies.executeOnly,
  policies.public,
  policies.userOnly,
  policies.ownerOnly,
  { ...policies.executeOnly, owner: "user:alice" },
  { ...policies.public, allowedActors: ["agent:alice", "user:*"] },
);
const anySource: fc.Arbitrary<Source> = fc.record({
  policy: fc.oneof(anyPolicy, ordinary),
  namespace: fc.oneof(fc.constant("public"), anyNamespace),
});
const anyOptions: fc.Arbitrary<CachedOptions> = fc.record(
  {
    scope: fc.constantFrom("user" as const, "shared" as const),
    policy: fc.constantFrom<Partial<Policy>>(
      {},
      policies.public,
      policies.executeOnly,
      { agentPermissions: 31 },
      { owner: "user:bob" },
      { allowedActors: ["agent:*"] },
    ),
  },
  { requiredKeys: [] },
);
const anyStep: fc.Arbitrary<Step> = fc.record({
  tool: fc.constantFrom(...TOOLS),
  actor: fc.nat({ max: ACTORS.length - 1 }),
  input: fc.nat({ max: 11 }),
  options: anyOptions,
  how: fc.oneof({ weight: 6, arbitrary: fc.constant("cached" as const) }, fc.constantFrom(...WAYS)),
});

describe("whatever chain of tools lies between,", () => {
  const sources = fc.array(anySource, { minLength: 3, maxLength: 3 });
  const steps = fc.array(anyStep, { minLength: 1, maxLength: 6 });

  test("who may READ a result may READ every value it was made of, and nobody is told more", async () => {
    await fc.assert(
      fc.asyncProperty(sources, steps, async (sources, steps) => {
        const world = new World(sources);
        await world.begin();
        for (const step of steps) {
          const told = await world.take(step);
          const actor = ACTORS[step.actor] as Actor;
          for (const source of world.madeOf(told)) expect(world.mayRead(actor, source)).toBe(true);
        }
        for (const refId of await all(world.backend.keys())) {
          const result = await world.backend.get(refId);
          if (result === undefined) continue;
          for (const source of world.madeOf(result.json))
            for (const actor of ACTORS)
              if (world.mayRead(actor, result)) expect(world.mayRead(actor, source)).toBe(true);
        }
        expect(world.madeOf(world.logger.lines.join("\n"))).toEqual([]);
        await world.backend.close();
      }),
      { numRuns: 1500 },
    );
  }, 120_000);
});
