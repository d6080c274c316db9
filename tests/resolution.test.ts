import { describe, expect, test, vi } from "vitest";
import type { Entry } from "../src/entry/entry.js";
import { type FetchEntry, mayHaveReference, resolveReferences } from "../src/resolution.js";
import { entry, reference } from "./helpers/entries.js";
import { errorOf } from "./helpers/errors.js";

const LIMITS = { maxDepth: 5, maxReferences: 3, maxResolvedBytes: 100 };
const [ONE, TWO, GONE] = [reference(1), reference(2), reference(3)];
const stored: Readonly<Record<string, Entry>> = {
  [ONE]: entry({ value: [1, { a: 2 }] }),
  [TWO]: entry({ value: "two" }),
};
const fetch: FetchEntry = async (refId) => stored[refId];
const resolve = (args: unknown, limits = LIMITS, from = fetch) =>
  resolveReferences(args, { fetch: from }, limits);
const textOf = (length: number) => entry({ value: "x".repeat(length - 2) });

describe("references in arguments", () => {
  test("are replaced wherever they stand, in lists and in plain objects", async () => {
    const bare = Object.assign(Object.create(null), { data: ONE });
    const args = { data: ONE, list: [TWO, 7], deep: { more: [{ data: TWO }] } };
    expect(await resolve(ONE)).toEqual({ value: [1, { a: 2 }], missing: [] });
    expect(await resolve(args, { ...LIMITS, maxReferences: 9 })).toEqual({
      value: { data: [1, { a: 2 }], list: ["two", 7], deep: { more: [{ data: "two" }] } },
      missing: [],
    });
    expect(await resolve(bare)).toEqual({ value: { data: [1, { a: 2 }] }, missing: [] });
  });

  test("leave the arguments as they were given", async () => {
    const args = { data: ONE, list: [TWO] };
    const before = structuredClone(args);
    const { value } = await resolve(args);
    expect(args).toEqual(before);
    expect(value).not.toBe(args);
  });

  test("give each place a copy of its own", async () => {
    const { value } = await resolve([ONE, ONE]);
    const [first, second] = value as unknown[][];
    expect(first).toEqual(second);
    expect(first).not.toBe(second);
  });

  test("are left where they lead to nothing, and told", async () => {
    expect(await resolve({ a: GONE, b: TWO })).toEqual({ value: { a: GONE, b: "two" }, missing: [GONE] });
    const args = { a: GONE, again: GONE };
    const { value, missing } = await resolve(args);
    expect(value).toBe(args);
    expect(missing).toEqual([GONE]);
  });

  test("are not what is inside a value", async () => {
    const outer = entry({ value: { link: TWO } });
    expect(await resolve(ONE, LIMITS, async () => outer)).toMatchObject({ value: { link: TWO } });
  });

  test("are not what has another form, nor the names of members", async () => {
    const ask = vi.fn(fetch);
    const args = { text: `${ONE} `, [TWO]: 1, number: 7, none: null, flag: true, no: undefined };
    const { value } = await resolve(args, LIMITS, ask);
    expect(value).toBe(args);
    expect(ask).not.toHaveBeenCalled();
  });

  test("are not looked for in what is no plain data, which stays what it is", async () => {
    const at = new Date(0);
    class Box {
      data = ONE;
    }
    const box = new Box();
    const map = new Map([["data", ONE]]);
    const ask = vi.fn(fetch);
    const { value } = await resolve({ at, box, map, data: TWO }, LIMITS, ask);
    expect(value).toEqual({ at, box, map, data: "two" });
    expect((value as { box: Box }).box).toBe(box);
    expect((value as { at: Date }).at).toBe(at);
    expect(ask.mock.calls).toEqual([[TWO]]);
  });

  test("are fetched once each, one after the other", async () => {
    let running = 0;
    const ask = vi.fn(async (refId: string) => {
      expect(++running).toBe(1);
      await Promise.resolve();
      running--;
      return stored[refId];
    });
    await resolve([ONE, TWO, ONE], LIMITS, ask);
    expect(ask.mock.calls).toEqual([[ONE], [TWO]]);
  });
});

describe("within bounds:", () => {
  test("as many as may be used, each place counted, and no more", async () => {
    await expect(resolve([ONE, ONE, TWO])).resolves.toBeDefined();
    const error = await errorOf(() => resolve([ONE, ONE, TWO, TWO]));
    expect(error).toMatchObject({ code: "limit_exceeded", limit: "limits.maxReferences" });
    expect(error.message).toBe(
      "The arguments hold more references than the 3 one call may use (limits.maxReferences).",
    );
  });

  test("look-alikes do not count as used", async () => {
    expect(await resolve([GONE, GONE, GONE, GONE, TWO])).toMatchObject({ missing: [GONE] });
  });

  test("a thousand distinct look-alikes, and no more", async () => {
    const looks = (count: number) => Array.from({ length: count }, (_, n) => `commit:deadbeef${n}`);
    expect((await resolve(looks(1000))).missing).toHaveLength(1000);
    await expect(resolve([...looks(1000), "commit:deadbeef0"])).resolves.toBeDefined();
    expect((await errorOf(() => resolve(looks(1001)))).message).toContain(
      "more references than the 1000 one call",
    );
  });

  test("as many bytes as may be used, each place counted, and no more", async () => {
    const sizes =
      (one: number, two: number): FetchEntry =>
      async (refId) =>
        textOf(refId === ONE ? one : two);
    await expect(resolve([ONE, TWO], LIMITS, sizes(50, 50))).resolves.toBeDefined();
    await expect(resolve([ONE, ONE], LIMITS, sizes(50, 0))).resolves.toBeDefined();
    for (const [args, from] of [
      [[ONE, TWO], sizes(50, 51)],
      [[ONE, ONE], sizes(51, 0)],
      [[ONE, ONE, ONE], sizes(34, 0)],
    ] as const) {
      const error = await errorOf(() => resolve(args, LIMITS, from));
      expect(error).toMatchObject({ limit: "limits.maxResolvedBytes" });
      expect(error.message).toBe(
        "The referenced values are larger together than the 100 bytes one call may use (limits.maxResolvedBytes).",
      );
    }
  });

  test("bytes by what is larger, what the entry says or what there is", async () => {
    const says =
      (totalSize: number | null, length: number): FetchEntry =>
      async () => ({
        ...textOf(length),
        metadata: { ...textOf(length).metadata, totalSize },
      });
    await expect(resolve(ONE, LIMITS, says(100, 10))).resolves.toBeDefined();
    await expect(resolve(ONE, LIMITS, says(101, 10))).rejects.toMatchObject({
      limit: "limits.maxResolvedBytes",
    });
    await expect(resolve(ONE, LIMITS, says(10, 101))).rejects.toMatchObject({
      limit: "limits.maxResolvedBytes",
    });
    await expect(resolve(ONE, LIMITS, says(null, 100))).resolves.toBeDefined();
    await expect(resolve(ONE, LIMITS, says(null, 101))).rejects.toMatchObject({
      limit: "limits.maxResolvedBytes",
    });
  });

  test("what is beyond the bound is not fetched", async () => {
    const ask = vi.fn(async () => textOf(101));
    await errorOf(() => resolve([ONE, TWO], LIMITS, ask));
    expect(ask).toHaveBeenCalledTimes(1);
  });

  test("as deep as may be, and no deeper", async () => {
    const deep = (levels: number): unknown => (levels === 0 ? ONE : [deep(levels - 1)]);
    expect(await resolve(deep(5))).toMatchObject({ missing: [] });
    const error = await errorOf(() => resolve(deep(6)));
    expect(error).toMatchObject({ limit: "limits.maxDepth" });
    expect(error.message).toBe("The arguments are nested deeper than 5 levels (limits.maxDepth).");
    await expect(resolve([[[[[{}]]]]])).rejects.toMatchObject({ limit: "limits.maxDepth" });
    await expect(resolve([[[[[7]]]]])).resolves.toBeDefined();
  });
});

test("whether there may be a reference, or too much to tell", () => {
  const tell = (args: unknown) => mayHaveReference(args, LIMITS);
  expect(tell({ a: [ONE] })).toBe(true);
  expect(tell("commit:deadbeef12")).toBe(true);
  expect(tell([[[[[[7]]]]]])).toBe(true);
  expect([{ a: "x" }, [], null, 7, undefined, "test:xyz"].some(tell)).toBe(false);
});
