import { describe, expect, test } from "vitest";
import { type CachedOptions, RefCache } from "../src/index.js";
import { Lifetime } from "../src/lifetime.js";
import { resolveOptions } from "../src/options.js";
import { asServer } from "./helpers/actors.js";
import { errorOf } from "./helpers/errors.js";

const HOUR = 3_600_000;
const { limits } = resolveOptions({ name: "test" });
const bounded = resolveOptions({ name: "test", limits: { maxTtl: "2h" } }).limits;

describe("a ttl that is a function", () => {
  const cache = new RefCache({ name: "test" });

  test("gets the arguments, references resolved, and the value", async () => {
    const seen: unknown[] = [];
    const { refId } = await cache.set("k", [1, 2]);
    const call = cache.cached("n", {
      ttl: (args: { data: unknown }, value: { sum: number }) => {
        seen.push(args, value);
        return "2h";
      },
    })(async ({ data }: { data: unknown }) => ({ sum: (data as number[]).length }));
    const before = Date.now();
    const { expires_at } = await call({ data: refId });
    expect(seen).toEqual([{ data: [1, 2] }, { sum: 2 }]);
    const life = Date.parse(expires_at ?? "") - before;
    expect(life).toBeGreaterThanOrEqual(2 * HOUR);
    expect(life).toBeLessThan(2 * HOUR + 60_000);
  });

  test("may say for ever", async () => {
    const answer = await cache.cached("n", { ttl: () => null })(async () => 1)();
    expect(answer.expires_at).toBeNull();
    expect((await cache.info(answer.ref_id ?? "", asServer))?.expiresAt).toBeNull();
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["less than minTtl", 1],
    ["no duration", "soon"],
    ["a promise", Promise.resolve(5000)],
  ])("is named in the error when it returns %s", async (_, returned) => {
    const call = cache.cached("n", { ttl: () => returned as never })(async () => 1);
    expect(await errorOf(() => call())).toMatchObject({ code: "invalid_option", option: "ttl" });
  });

  test("is held against maxTtl, for ever too", () => {
    for (const ttl of ["3h", null])
      expect(() => new Lifetime({ ttl: () => ttl }, bounded).of({}, 1, HOUR)).toThrow("ttl");
  });
});

describe("how long a reference lasts", () => {
  const cases: [CachedOptions, number | null, number | null | undefined][] = [
    [{}, HOUR, HOUR],
    [{}, null, null],
    [{ ttl: 5000 }, HOUR, 5000],
    [{ ttl: null }, HOUR, null],
    [{ staleTtl: 500 }, HOUR, HOUR + 500],
    [{ staleTtl: 500 }, null, null],
    [{ ttl: 5000, staleTtl: "1s" }, HOUR, 6000],
    [{ ttl: () => 5000 }, HOUR, undefined],
  ];
  test.each(cases)("under %o, in a namespace of %s ms", (options, ttl, known) => {
    const lifetime = new Lifetime(options, limits);
    expect(lifetime.known(ttl)).toBe(known);
    expect(lifetime.of({}, 1, ttl)).toBe(known === undefined ? 5000 : known);
  });

  test("never above maxTtl", () => {
    expect(new Lifetime({ staleTtl: "90m" }, bounded).known(HOUR)).toBe(2 * HOUR);
    expect(new Lifetime({ staleTtl: "90m", ttl: () => HOUR }, bounded).of({}, 1, HOUR)).toBe(2 * HOUR);
  });

  test("and is stale in its last part", () => {
    const lifetime = new Lifetime({ ttl: 5000, staleTtl: 1000 }, limits);
    expect(lifetime.isStale({ expiresAt: 10_000 }, 8999)).toBe(false);
    expect(lifetime.isStale({ expiresAt: 10_000 }, 9000)).toBe(true);
    expect(lifetime.isStale({ expiresAt: null }, 9000)).toBe(false);
    expect(new Lifetime({}, limits).isStale({ expiresAt: 10_000 }, 9999)).toBe(false);
  });
});
