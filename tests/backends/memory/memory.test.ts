import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { backendChecks } from "../../../src/backends/conformance.js";
import { MemoryBackend, type MemoryBackendOptions } from "../../../src/backends/memory/backend.js";
import { ConfigurationError, StoreFullError } from "../../../src/errors.js";
import { all, entry, reference } from "../../helpers/entries.js";
import { longestTurn } from "../../helpers/turns.js";

describe("conformance", () => {
  for (const check of backendChecks(async () => new MemoryBackend())) test(check.name, check.run);
});

const open: MemoryBackend[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const backend of open.splice(0)) await backend.close();
});

function memory(options?: MemoryBackendOptions): MemoryBackend {
  const backend = new MemoryBackend(options);
  open.push(backend);
  return backend;
}

describe("bounds", () => {
  test("the least recently used entry goes when there are too many", async () => {
    const backend = memory({ maxEntries: 2 });
    await backend.set(reference(1), entry());
    await backend.set(reference(2), entry());
    await backend.get(reference(1));
    await backend.set(reference(3), entry());
    expect((await all(backend.keys())).sort()).toEqual([reference(1), reference(3)]);
  });

  test("looking at heads and listing does not count as use", async () => {
    const backend = memory({ maxEntries: 2 });
    await backend.set(reference(1), entry());
    await backend.set(reference(2), entry());
    await backend.head(reference(1));
    await backend.exists(reference(1));
    await all(backend.heads());
    await backend.set(reference(3), entry());
    expect(await backend.exists(reference(1))).toBe(false);
  });

  test("the least recently used entries go when there are too many bytes", async () => {
    const backend = memory({ maxBytes: 10_000 });
    for (const n of [1, 2, 3, 4]) await backend.set(reference(n), entry({ value: "x".repeat(2000) }));
    expect((await all(backend.keys())).sort()).toEqual([2, 3, 4].map(reference));
  });

  test("text beyond ASCII counts two bytes a character", async () => {
    const backend = memory({ maxBytes: 10_000 });
    for (const n of [1, 2, 3]) await backend.set(reference(n), entry({ value: "日".repeat(2000) }));
    expect((await all(backend.keys())).sort()).toEqual([2, 3].map(reference));
  });

  test("an entry larger than the whole store is refused and takes nothing with it", async () => {
    const backend = memory({ maxBytes: 10_000 });
    await backend.set(reference(1), entry({ value: "small" }));
    await expect(backend.set(reference(1), entry({ value: "x".repeat(10_000) }))).rejects.toThrow(
      StoreFullError,
    );
    expect((await backend.get(reference(1)))?.json).toBe('"small"');
  });

  test("overwriting one entry for ever does not fill the store", async () => {
    const backend = memory({ maxBytes: 3000 });
    await backend.set(reference(1), entry({ value: "first" }));
    for (let n = 0; n < 100; n++) await backend.set(reference(2), entry({ value: "x".repeat(1000) }));
    expect(await backend.exists(reference(1))).toBe(true);
  });

  test("evicted entries leave the listing of their namespace", async () => {
    const backend = memory({ maxEntries: 1 });
    await backend.set(reference(1), entry({ namespace: "a" }));
    await backend.set(reference(2), entry({ namespace: "b" }));
    expect(await all(backend.keys("a"))).toEqual([]);
    expect(await backend.clear("a")).toBe(0);
  });

  test("an evicted entry takes the names that lead to it along", async () => {
    const backend = memory({ maxEntries: 1 });
    await backend.setLinked(reference(1), entry(), "memo:1");
    await backend.setLinked(reference(1), entry(), "key:1");
    await backend.set(reference(2), entry());
    for (const name of ["memo:1", "key:1"]) expect(await backend.getLink(name)).toBeUndefined();
  });

  test("links are bounded by the same number", async () => {
    const backend = memory({ maxEntries: 2 });
    for (const n of [1, 2, 3]) await backend.setLinked(reference(n), entry(), `link ${n}`);
    expect(await backend.getLink("link 1")).toBeUndefined();
    expect(await backend.getLink("link 3")).toBe(reference(3));
  });

  test.each([
    ["maxEntries", 0],
    ["maxBytes", 1.5],
    ["sweepInterval", 2 ** 31],
    ["maxEntries", Number.NaN],
  ])("the option %s cannot be %d", (option, value) => {
    expect(() => new MemoryBackend({ [option]: value })).toThrow(ConfigurationError);
    expect(() => new MemoryBackend({ [option]: value })).toThrow(option);
  });
});

describe("copies", () => {
  test("what a reader gets of an ordinary entry is the reader's own, its policy frozen", async () => {
    const backend = memory();
    await backend.set(reference(1), entry({ policy: { deniedActors: ["a:b"], within: ["user:a"] } }));
    const read = await backend.get(reference(1));
    Object.assign(read?.metadata ?? {}, { toolName: "another", totalSize: 1 });
    Object.assign(read ?? {}, { namespace: "another", expiresAt: 1 });
    expect(await backend.get(reference(1))).toMatchObject({
      namespace: "public",
      expiresAt: null,
      metadata: { toolName: null },
    });
    for (const part of [read?.policy, read?.policy.deniedActors, read?.policy.within])
      expect(Object.isFrozen(part)).toBe(true);
  });

  test("what a reader gets of an entry with members of other writers is frozen to the last one", async () => {
    const backend = memory();
    await backend.set(
      reference(1),
      entry({ policy: { deniedActors: ["a:b"] }, metadata: { other: { deep: { list: [1] } } } }),
    );
    const read = await backend.get(reference(1));
    for (const part of [
      read,
      read?.policy,
      read?.policy.deniedActors,
      read?.metadata,
      read?.metadata.other?.deep,
    ]) {
      expect(part).toBeDefined();
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  test("the writer's object stays changeable", async () => {
    const mine = entry({ policy: { deniedActors: ["a:b"] }, metadata: { other: { list: [1] } } });
    await memory().set(reference(1), mine);
    for (const part of [
      mine,
      mine.policy,
      mine.policy.deniedActors,
      mine.metadata,
      mine.metadata.other?.list,
    ]) {
      expect(Object.isFrozen(part)).toBe(false);
    }
  });

  test("heads do not carry the value along", async () => {
    const backend = memory();
    await backend.set(reference(1), entry());
    expect(await backend.head(reference(1))).not.toHaveProperty("json");
    expect((await all(backend.heads()))[0]?.[1]).not.toHaveProperty("json");
  });
});

describe("expiry", () => {
  /** Swept is what stays missing when the clock is put back. */
  function setClock(ahead: number) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + ahead });
  }

  async function letSweep() {
    setClock(1_200_000);
    await sleep(50);
    setClock(-1_200_000);
  }

  test("expired entries are swept without being asked for", async () => {
    const backend = memory({ sweepInterval: 5 });
    await backend.set(reference(1), entry({ expiresIn: 60_000 }));
    await backend.set(reference(2), entry({ expiresIn: 6_000_000 }));
    await letSweep();
    expect(await all(backend.keys())).toEqual([reference(2)]);
  });

  test("300,000 entries are swept, listed and cleared without a stall", {
    timeout: 60_000,
  }, async () => {
    const count = 300_000;
    const backend = memory({ maxEntries: count, maxBytes: 2 ** 40, sweepInterval: 2 });
    const soon = entry({ namespace: "soon", expiresIn: 600_000 });
    const later = entry({ namespace: "later", expiresIn: 6_000_000 });
    for (let n = 0; n < count; n++) await backend.set(reference(n), n % 2 === 0 ? soon : later);
    const longest = await longestTurn(async () => {
      while (await backend.exists(reference(count - 2))) await letSweep();
      expect(await backend.clear("soon")).toBe(0);
      expect(await backend.clear()).toBe(count / 2);
    });

    expect(longest).toBeLessThan(250);
  });

  test("the timer does not keep the process alive", () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    memory();
    expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length).toBe(before);
  });
});

describe("outlines", () => {
  const large = (wish = {}) => entry({ value: "é".repeat(300_000), ...wish });

  test("count as bytes, and go with their entry", async () => {
    const backend = new MemoryBackend();
    await backend.set(reference(0), large());
    const { bytes: before = 0 } = await backend.capacity();
    await backend.keepOutline(reference(0), large(), new Uint8Array(1000));
    expect((await backend.capacity()).bytes).toBe(before + 1000 + 600_002); // and the text in UTF-8
    await backend.keepOutline(reference(0), large(), new Uint8Array(1000));
    expect((await backend.capacity()).bytes).toBe(before + 1000 + 600_002);
    await backend.delete(reference(0));
    expect((await backend.capacity()).bytes).toBe(0);
  });

  test("make room for themselves, and are not kept where they would push their own entry out", async () => {
    const backend = new MemoryBackend({ maxBytes: 1_500_000 });
    await backend.set(reference(0), large());
    await backend.set(reference(1), large());
    await backend.keepOutline(reference(0), large(), new Uint8Array(1000));
    expect((await backend.look(reference(0)))?.outline).toHaveLength(1000);
    expect(await backend.exists(reference(1))).toBe(false);
    await backend.keepOutline(reference(0), large(), new Uint8Array(500_000));
    expect(await backend.exists(reference(0))).toBe(true);
    expect((await backend.look(reference(0)))?.outline).toBeUndefined();
  });
});
