import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { runAs } from "../../src/access/current.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { type CachedTarget, cachedTarget } from "../../src/decorate.js";
import {
  type Actor,
  type CachedOptions,
  MemoryBackend,
  policies,
  RefCache,
  type RefCacheOptions,
  StoreUnavailableError,
} from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { temporaryFolder } from "../helpers/folders.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const alice: Actor = { type: "agent", id: "alice" };

/** A backend on a file that notes what is asked of it, and fails where it is told to. */
class NotingBackend extends SqliteBackend {
  readonly calls: string[] = [];
  readonly failing = new Set<string>();

  override getLink(...args: Parameters<SqliteBackend["getLink"]>) {
    return this.#note("getLink", () => super.getLink(...args));
  }
  override setLinked(...args: Parameters<SqliteBackend["setLinked"]>) {
    return this.#note("setLinked", () => super.setLinked(...args));
  }
  override acquireLease(...args: Parameters<SqliteBackend["acquireLease"]>) {
    return this.#note("acquireLease", () => super.acquireLease(...args));
  }
  override setLeased(...args: Parameters<SqliteBackend["setLeased"]>) {
    return this.#note("setLeased", () => super.setLeased(...args));
  }
  override releaseLease(...args: Parameters<SqliteBackend["releaseLease"]>) {
    return this.#note("releaseLease", () => super.releaseLease(...args));
  }
  override publish(...args: Parameters<SqliteBackend["publish"]>) {
    return this.#note("publish", () => super.publish(...args));
  }

  async #note<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.calls.push(name);
    if (this.failing.has(name)) throw new StoreUnavailableError("The store cannot be reached.");
    return work();
  }
}

/** Makes servers on one file, each a cache and a backend of its own. */
function cluster(options: Partial<RefCacheOptions> = {}): () => Server {
  const path = join(temporaryFolder(), "cache.db");
  return () => {
    const backend = new NotingBackend(path);
    const cache = new RefCache({ name: "shared", backend, ...options });
    onTestFinished(() => cache.close());
    return { backend, cache };
  };
}

function pair(options: Partial<RefCacheOptions> = {}): [Server, Server] {
  const server = cluster(options);
  return [server(), server()];
}

interface Server {
  readonly backend: NotingBackend;
  readonly cache: RefCache;
}

/** A tool that every server has; `run` says what it does. */
function tool<T>(cache: RefCache, run: () => Promise<T>, options: CachedOptions = {}) {
  return cache.cached("runs", { name: "tool", ...options })(async (_args: { id?: number }) => run());
}

/** A run that ends when it is told to. */
function gate() {
  let open = (_value: string) => {};
  let fail = (_message: string) => {};
  const ended = new Promise<string>((resolve, reject) => {
    open = resolve;
    fail = (message) => reject(new Error(message));
  });
  let begin = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const run = () => {
    begin();
    return ended;
  };
  return { run, hasBegun, open, fail };
}

describe("equal calls on several servers", () => {
  test("run once, and all get the one result", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    const second = tool(two.cache, async () => "not to be run")({});
    await sleep(100);
    open("made");
    expect(await first).toMatchObject({ value: "made" });
    expect(await second).toEqual(await first);
    expect(one.backend.calls).toContain("publish");
  });

  test("run at the next one, when the first one fails; its error is its own", async () => {
    const server = cluster();
    const [one, two, three] = [server(), server(), server()];
    const { run, hasBegun, fail } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    const others = [two, three].map(({ cache }, n) => tool(cache, async () => `made by ${n}`)({}));
    await sleep(100);
    fail("its own");
    await expect(first).rejects.toThrow("its own");
    const answers = await Promise.all(others);
    expect(answers[0]).toEqual(answers[1]);
  });

  test("with other arguments, or of other tools, do not wait", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({ id: 1 });
    await hasBegun;
    expect(await tool(two.cache, async () => "other")({ id: 2 })).toMatchObject({ value: "other" });
    expect(await tool(two.cache, async () => "other", { name: "x" })({ id: 1 })).toMatchObject({
      value: "other",
    });
    open("made");
    await first;
  });

  test("run by themselves after the longest wait", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    const own = tool(two.cache, async () => "own", { coordination: { wait: 150 } });
    expect(await own({})).toMatchObject({ value: "own", ref_id: expect.any(String) });
    open("made");
    await first;
  });

  test("give up waiting when their caller does", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    const aborted = new AbortController();
    const { cached } = cachedTarget(tool(two.cache, async () => "never")) as CachedTarget;
    const second = cached.call({ self: undefined, params: [{}], signal: aborted.signal });
    setTimeout(() => aborted.abort(new Error("gave up")), 100);
    await expect(second).rejects.toThrow("gave up");
    open("made");
    await first;
  });

  test.each<[string, Partial<RefCacheOptions>, CachedOptions]>([
    ["of the cache", { coordination: false }, {}],
    ["of the tool", {}, { coordination: false }],
  ])("run each for itself where coordination is off, by the option %s", async (_, options, own) => {
    const [one, two] = pair(options);
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run, own)({});
    await hasBegun;
    expect(await tool(two.cache, async () => "own", own)({})).toMatchObject({ value: "own" });
    open("made");
    await first;
    expect([...one.backend.calls, ...two.backend.calls]).not.toContain("acquireLease");
  });

  test("are heard of by looking, where no message arrives", async () => {
    const [one, two] = pair();
    one.backend.failing.add("publish");
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    const second = tool(two.cache, async () => "not to be run")({});
    await sleep(100);
    open("made");
    expect(await second).toEqual(await first);
  });

  test("after a clearing do not get what was begun before", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    await one.cache.clear("runs", asServer);
    const second = tool(two.cache, async () => "after")({});
    await sleep(50);
    open("before");
    expect(await first).toMatchObject({ value: "before" });
    expect(await second).toMatchObject({ value: "after" });
    expect(await tool(one.cache, async () => "never")({})).toEqual(await second);
  });

  test("by different users run each, as results are not shared", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = runAs(alice, () => tool(one.cache, run)({}));
    await hasBegun;
    const bobs = await runAs({ type: "agent", id: "bob" }, () => tool(two.cache, async () => "bob's")({}));
    expect(bobs).toMatchObject({ value: "bob's" });
    open("alice's");
    expect(await first).toMatchObject({ value: "alice's" });
  });

  test("under scope shared: who may do nothing with a result runs for itself", async () => {
    const [one, two] = pair();
    const shared = { scope: "shared", policy: { deniedActors: ["agent:bob"] } } as const;
    const { run, hasBegun, open } = gate();
    const first = runAs(alice, () => tool(one.cache, run, shared)({}));
    await hasBegun;
    const second = runAs({ type: "agent", id: "bob" }, () =>
      tool(two.cache, async () => "bob's", shared)({}),
    );
    await sleep(50);
    open("alice's");
    const [hers, his] = await Promise.all([first, second]);
    expect(hers).toMatchObject({ value: "alice's" });
    expect(his.ref_id).not.toBe(hers.ref_id);
  });

  test("of values that may not be seen take no lease: a name would tell equal ones", async () => {
    const { backend, cache } = cluster()();
    const { refId } = await cache.set("secret", 42, { ...asServer, policy: policies.executeOnly });
    const inner = tool(cache, async () => "inner");
    const outer = cache.cached("outer", { key: false })(async ({ secret }: { secret: unknown }) => {
      await inner({ id: Number(secret) });
      return 1;
    });
    await runAs(alice, () => outer({ secret: refId }));
    expect(backend.calls).not.toContain("acquireLease");
  });
});

describe("what it costs", () => {
  test("a miss alone: one more question of the store; a hit: none", async () => {
    const { backend, cache } = cluster()();
    const call = tool(cache, async () => 1);
    await call({});
    expect(backend.calls.filter((name) => name !== "publish")).toEqual([
      "getLink",
      "acquireLease",
      "setLeased",
    ]);
    backend.calls.length = 0;
    await call({});
    expect(backend.calls).toEqual(["getLink"]);
  });

  test("nothing where no other server could know of the call", async () => {
    class Memory extends MemoryBackend {
      override async acquireLease(): Promise<never> {
        throw new Error("asked for a lease");
      }
    }
    const cache = new RefCache({ name: "test", backend: new Memory() });
    expect(await tool(cache, async () => 1)({})).toMatchObject({ value: 1 });
    await cache.close();
  });
});

describe("a store that fails", () => {
  test.each(["answer", "throw"] as const)(
    "to give leases fails no call (onStoreError: %s)",
    async (onStoreError) => {
      const logger = recordingLogger();
      const { backend, cache } = cluster({ logger, onStoreError })();
      backend.failing.add("acquireLease");
      for (const id of [1, 2]) expect(await tool(cache, async () => id)({ id })).toMatchObject({ value: id });
      expect(backend.calls).toContain("setLinked");
      expect(logger.lines).toEqual([expect.stringContaining("Equal calls on other servers run as well")]);
    },
  );

  test("to store lets the next one run", async () => {
    const logger = recordingLogger();
    const [one, two] = pair({ logger });
    one.backend.failing.add("setLeased");
    expect(await tool(one.cache, async () => "unstored")({})).toMatchObject({
      value: "unstored",
      is_stored: false,
    });
    expect(await tool(two.cache, async () => "stored")({})).toMatchObject({ value: "stored" });
  });

  test("to read is not asked for a lease", async () => {
    const { backend, cache } = cluster({ logger: recordingLogger() })();
    backend.failing.add("getLink");
    expect(await tool(cache, async () => 1)({})).toMatchObject({ value: 1 });
    expect(backend.calls).not.toContain("acquireLease");
  });

  test("to keep what was made, too: who waited for it runs", async () => {
    const [one, two] = pair();
    const { run, hasBegun, open } = gate();
    const first = tool(one.cache, run)({});
    await hasBegun;
    two.backend.look = async () => undefined; // as if it were evicted at once
    const second = tool(two.cache, async () => "made again")({});
    await sleep(50);
    open("evicted");
    await first;
    expect(await second).toMatchObject({ value: "made again" });
  });

  test("a name that leads to nothing is made anew, by one", async () => {
    const [one, two] = pair();
    const { ref_id } = await tool(one.cache, async () => "lost")({});
    await one.backend.delete(ref_id ?? "");
    let runs = 0;
    const run = async () => {
      await sleep(50);
      return `made ${++runs}`;
    };
    const answers = await Promise.all([one, two].map(({ cache }) => tool(cache, run)({})));
    expect(answers[0]).toEqual(answers[1]);
    expect(runs).toBe(1);
  });
});

test("of any mixture of failing and succeeding servers, one run succeeds and everybody has its result or an own error", async () => {
  const plan = fc.array(fc.record({ fails: fc.boolean(), takes: fc.integer({ min: 0, max: 30 }) }), {
    minLength: 2,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(plan, async (plans) => {
      let succeeded = 0;
      const server = cluster();
      const calls = plans.map(async (_, n) =>
        tool(server().cache, async () => {
          await sleep(plans[n]?.takes);
          if (plans[n]?.fails) throw new Error(`of ${n}`);
          return `made ${++succeeded}`;
        })({}),
      );
      const outcomes = await Promise.allSettled(calls);
      const refs = new Set<unknown>();
      for (const [n, outcome] of outcomes.entries()) {
        if (outcome.status === "fulfilled") refs.add(outcome.value.ref_id);
        else expect(String(outcome.reason)).toContain(`of ${n}`);
      }
      const canSucceed = plans.some(({ fails }) => !fails);
      expect([succeeded, refs.size]).toEqual(canSucceed ? [1, 1] : [0, 0]);
    }),
    { numRuns: 15, seed: 20_300_102 },
  );
}, 60_000);
