import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Actor,
  type Answer,
  type CachedOptions,
  type Group,
  MemoryBackend,
  Permission,
  type Policy,
  policies,
  RefCache,
  runAs,
  SYSTEM,
} from "../src/index.js";
import { keyName } from "../src/memo.js";
import { asServer } from "./helpers/actors.js";
import { anyActor, anyNamespace, anyPolicy } from "./helpers/arbitraries.js";
import { all, entry, reference } from "./helpers/entries.js";
import { everythingIn } from "./helpers/everything.js";
import { oracleOf } from "./helpers/oracle.js";
import { recordingLogger } from "./helpers/recording-logger.js";

/*
 * A text that stands in a value and nowhere else, looked for in everything that comes out: whole responses, every
 * log line, and every member of every error. Who may see it says an oracle that knows nothing of the code.
 */
const CANARY = "canary-7c1f";
/** Facts about the value that no other number in a response is equal to. */
const ITEMS = 918_273;
const BYTES = 564_738_291;
const COMBINATIONS = 100_000;

const { READ, DELETE, EXECUTE } = Permission;
const SMALL = { text: CANARY, list: [CANARY] };
const LARGE = Array.from({ length: 60 }, (_, n) => ({ n, text: `${CANARY} ${"x".repeat(20)}` }));
const [SMALL_JSON, LARGE_JSON] = [JSON.stringify(SMALL), JSON.stringify(LARGE)];

const isMember = ({ id }: Actor, { kind }: Group) => id === (kind === "org" ? "alice" : "bob");
const oracle = oracleOf(isMember);

/** A value under a policy and in a namespace, and somebody who tries to get at it. */
interface Combination {
  readonly actor: Actor;
  readonly policy: Policy;
  readonly namespace: string;
  readonly large: boolean;
  readonly exit: string;
}

/** Everything that an attempt tells: what it returns or throws, and whether that is what was asked for. */
interface Told {
  readonly text: string;
  readonly outcome: unknown;
}

type Exit = (cache: RefCache, refId: string, combination: Combination, name: string) => Promise<unknown>;

const fails = (data: unknown): never => {
  throw new RangeError(`no luck with ${JSON.stringify(data)}`, { cause: { data } });
};
const options = ({ policy, large }: Combination, more: CachedOptions = {}): CachedOptions => ({
  maxSize: large ? 400 : 1000,
  preview: "truncate",
  policy,
  ...more,
});
/** Where a tool may put its results; stored namespaces may be ones that nothing is stored under. */
const placeOf = ({ namespace }: Combination) =>
  /^(user|org|session|shared|agent):?$/.test(namespace) ? "n" : namespace;

/** Ways out of which nothing may come but for who may READ. */
const READING: Readonly<Record<string, Exit>> = {
  get: (cache, refId, { actor, large }) => cache.get(refId, { actor, ...(large ? { maxSize: 400 } : {}) }),
  page: (cache, refId, { actor }) => cache.get(refId, { actor, page: 1, pageSize: 2 }),
  noPage: (cache, refId, { actor }) => cache.get(refId, { actor, page: 99 }),
  full: (cache, refId, { actor }) => cache.get(refId, { actor, full: true }),
  byCurrentActor: (cache, refId, { actor }) => runAs(actor, () => cache.get(refId)),
  lookup: (cache, _, { actor, namespace }) => cache.lookup("key", { actor, namespace }),
  info: (cache, refId, { actor }) => cache.info(refId, { actor }),
  exists: (cache, refId, { actor }) => cache.exists(refId, { actor }),
  list: (cache, _, { actor, namespace }) => all(cache.list({ actor, namespace })),
  delete: (cache, refId, { actor }) => cache.delete(refId, { actor }),
  clear: (cache, _, { actor, namespace }) => cache.clear(namespace, { actor }),
  set: (cache, _, { actor, namespace }) => cache.set("key", "other", { actor, namespace }),
};

/** Tools that are given the value by reference, and do what they can to tell it. */
const USING: Readonly<Record<string, Exit>> = {
  echo: (cache, refId, { actor }) =>
    runAs(actor, () => cache.cached("n")(async (data: unknown) => ({ data }))(refId)),
  echoTwice: async (cache, refId, { actor }, name) => {
    const echo = cache.cached("n", { name, scope: "shared" })(async (data: unknown) => [data]);
    return [
      await runAs({ type: "user", id: "alice", sessionId: "s1" }, () => echo(refId)).then(noted),
      await runAs(actor, () => echo(refId)),
    ][1];
  },
  first: (cache, refId, { actor }) =>
    runAs(actor, () =>
      cache.cached("n")(async (data: unknown) => (Array.isArray(data) ? data[0] : data))(refId),
    ),
  fail: (cache, refId, { actor }) =>
    runAs(actor, () => cache.cached("n")(async (data: unknown) => fails(data))(refId)),
  unfit: (cache, refId, { actor }) =>
    runAs(actor, () =>
      cache.cached("n")(async (data: unknown) => ({ [JSON.stringify(data)]: new Map() }))(refId),
    ),
  tooLarge: (cache, refId, { actor }) =>
    runAs(actor, () =>
      cache.cached("n")(async (data: unknown) => `${JSON.stringify(data)}${"x".repeat(60_000)}`)(refId),
    ),
  badKey: (cache, refId, { actor }) =>
    runAs(actor, () => cache.cached("n", { key: fails })(async (data: unknown) => data)(refId)),
  nested: (cache, refId, { actor }) => {
    const inner = cache.cached("n")(async (data: unknown) => data);
    const outer = cache.cached("n")(async (data: unknown) => JSON.stringify(await inner(data)));
    return runAs(actor, () => outer(refId));
  },
  nestedFailure: (cache, refId, { actor }) => {
    const inner = cache.cached("n")(async (data: unknown) => fails(data));
    const outer = cache.cached("n")(async (data: unknown) =>
      everythingIn(await inner(data).catch((error) => error)),
    );
    return runAs(actor, () => outer(refId));
  },
  plain: (cache, refId, { actor }) => cache.callAs(actor, () => cache.resolve(refId)),
  plainFailure: (cache, refId, { actor }) =>
    cache.callAs(actor, async () => fails(await cache.resolve(refId))),
  plainAsServer: (cache, refId, { actor }) => cache.callAs(actor, () => cache.resolve(refId, asServer)),
  plainAnswerOfServer: (cache, refId, { actor }) =>
    cache.callAs(actor, () => runAs(SYSTEM, () => cache.get(refId))),
};

/** Tools that make the value themselves, under the policy. */
const MAKING: Readonly<Record<string, Exit>> = {
  make: (cache, _, combination, name) => runAs(combination.actor, made(cache, combination, name)),
  makeAgain: async (cache, _, combination, name) => {
    const make = made(cache, combination, name, { scope: "shared" });
    noted(await runAs(SYSTEM, make));
    return runAs(combination.actor, make);
  },
  makeAndFail: (cache, _, combination) =>
    runAs(combination.actor, () =>
      cache.cached(placeOf(combination), options(combination))(async () => fails(SMALL))(),
    ),
  makeUnfit: (cache, _, combination) =>
    runAs(combination.actor, () =>
      cache.cached(placeOf(combination), options(combination))(async () => ({ [CANARY]: () => 1 }))(),
    ),
  makeAndJoin: async (cache, _, combination, name) => {
    const make = made(cache, combination, name, { scope: "shared" });
    const [, joined] = await Promise.all([runAs(SYSTEM, make).then(noted), runAs(combination.actor, make)]);
    return joined;
  },
};

const made = (cache: RefCache, combination: Combination, name: string, more: CachedOptions = {}) =>
  cache.cached(
    placeOf(combination),
    options(combination, { name, ...more }),
  )(async () => (combination.large ? LARGE : SMALL));
const noted = (answer: Answer) => answer.ref_id;

const EXITS = { ...READING, ...USING, ...MAKING };
const logger = recordingLogger();
const backend = new MemoryBackend({ sweepInterval: 1_000_000, maxEntries: 20 });
const cache = new RefCache({
  name: "test",
  backend,
  logger,
  members: isMember,
  measure: "characters",
  limits: { maxValueBytes: 50_000 },
});

async function attempt(combination: Combination, n: number): Promise<Told> {
  const { policy, namespace, large, exit } = combination;
  const refId = reference(n);
  const metadata = exit in USING ? {} : { totalItems: ITEMS, totalSize: BYTES };
  const stored = entry({ json: large ? LARGE_JSON : SMALL_JSON, policy, namespace, metadata });
  await backend.setLinked(refId, stored, keyName(namespace, "key"));
  try {
    const outcome = await EXITS[exit]?.(cache, refId, combination, `tool ${n}`);
    return { outcome, text: everythingIn(outcome) };
  } catch (error) {
    return { outcome: error, text: everythingIn(error) };
  } finally {
    await backend.clear();
  }
}

/** By the rules, a result belongs to the user who is known, unless the tool says shared; where its policy names an owner, to that one. */
function policyOfResult({ actor, policy, exit }: Combination): Policy {
  const isShared = exit === "makeAgain" || exit === "makeAndJoin";
  if (isShared || actor.id === undefined) return policy;
  const owner = policy.owner ?? `user:${encodeURIComponent(actor.id).replaceAll("*", "%2A")}`;
  const agents = policy.ownerAgentPermissions ?? policy.agentPermissions;
  return { ...policy, owner, userPermissions: 0, agentPermissions: 0, ownerAgentPermissions: agents };
}

/** Whether, by the rules, the actor may do this with the value that the exit is about. */
function may(bit: number, combination: Combination): boolean {
  const { actor, policy, namespace, exit } = combination;
  if (exit in MAKING) return oracle.may(bit, actor, policyOfResult(combination), placeOf(combination));
  return oracle.may(bit, actor, policy, namespace);
}

/** What is wrong with what came out, by the rules; `expect` a hundred thousand times would take longer than the rest. */
function problemWith(combination: Combination, { outcome, text }: Told): string | undefined {
  const { exit, policy } = combination;
  const [reads = false, uses = false, deletes = false] = [READ, EXECUTE, DELETE].map((bit) =>
    may(bit, combination),
  );
  if (!reads && text.includes(CANARY)) return "it tells the value";
  if (!reads && SIZE.test(text)) return "it tells the size";
  if (!reads && policy.showShape !== true && COUNT.test(text)) return "it tells the count";
  if (reads && SHOWING.has(exit) && !text.includes(CANARY)) return "it hides the value";
  const expected = EXPECTED[exit]?.({ known: reads || uses, deletes });
  return expected === undefined || isDeepStrictEqual(seen(outcome), expected)
    ? undefined
    : `it tells ${seen(outcome)}`;
}

const SIZE = new RegExp(`\\b${BYTES}\\b`);
const COUNT = new RegExp(`\\b${ITEMS}\\b`);
/** What exits tell that do not show the value. */
const EXPECTED: Readonly<Record<string, (may: { known: boolean; deletes: boolean }) => unknown>> = {
  exists: ({ known }) => known,
  info: ({ known }) => (known ? "found" : undefined),
  lookup: ({ known }) => (known ? "found" : undefined),
  list: ({ known }) => (known ? 1 : 0),
  delete: ({ deletes }) => deletes,
  clear: ({ deletes }) => (deletes ? 1 : 0),
};
const seen = (outcome: unknown) =>
  Array.isArray(outcome) ? outcome.length : typeof outcome === "object" ? "found" : outcome;

/** Exits that show the value to those who may READ it, and may use it. */
const SHOWING = new Set(["get", "page", "full", "byCurrentActor", "make", "makeAgain", "makeAndJoin"]);

/** Samples to combine, since a hundred thousand whole ones take longer to make than to try. */
function samples() {
  const policy = fc.oneof(anyPolicy, fc.constantFrom<Policy>(...Object.values(policies)));
  const namespace = fc.oneof(fc.constant("public"), anyNamespace);
  return {
    actors: fc.sample(fc.record({ actor: anyActor, large: fc.boolean() }), 997),
    subjects: fc.sample(fc.record({ policy, namespace }), 9973),
  };
}

/** Lists of prime length, so that all combinations come round. */
function pick<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}

test(`of ${COMBINATIONS} combinations, none tells what its actor may not READ`, async () => {
  const { actors, subjects } = samples();
  const exits = Object.keys(EXITS);
  let told = 0;
  for (let n = 0; n < COMBINATIONS; n++) {
    const exit = exits[n % exits.length] ?? "";
    const combination = { ...pick(actors, n), ...pick(subjects, n * 7 + 3), exit };
    const result = await attempt(combination, n);
    if (result.text.includes(CANARY)) told++;
    const problem = problemWith(combination, result);
    if (problem !== undefined) expect.fail(`${problem}: ${JSON.stringify(combination)}\n${result.text}`);
  }
  expect(logger.lines.length).toBeGreaterThan(1000);
  expect(logger.lines.filter((line) => line.includes(CANARY))).toEqual([]);
  expect(told).toBeGreaterThan(COMBINATIONS / 20);
  expect(told).toBeLessThan(COMBINATIONS / 2);
}, 120_000);
