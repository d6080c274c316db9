import { describe, expect, test } from "vitest";
import { backendChecks } from "../../src/backends/conformance.js";
import { type CacheBackend, hasHeads, hasLinks, MemoryBackend } from "../../src/index.js";
import { Telemetry } from "../../src/telemetry/telemetry.js";
import { MinimalBackend } from "../helpers/minimal-backend.js";
import { recordingLogger } from "../helpers/recording-logger.js";

function observe(backend: CacheBackend): Telemetry {
  return new Telemetry(backend, recordingLogger());
}

describe("conformance of a backend that is looked on", () => {
  for (const check of backendChecks(async () => observe(new MemoryBackend()).backend))
    test(check.name, check.run);
});

/** With a capability that nobody here has heard of, by method, by property and by accessor. */
class Unheard extends MinimalBackend {
  readonly colour = "blue";
  #level = 1;

  get level(): number {
    return this.#level;
  }

  set level(level: number) {
    this.#level = level;
  }

  async blocks(from: number, to: number): Promise<number[]> {
    return [from, to, this.#level];
  }

  watch(): () => string {
    return () => "stopped";
  }
}

test("a backend has the capabilities it has, and no others", () => {
  const { backend } = observe(new MinimalBackend());
  expect(hasHeads(backend) || hasLinks(backend)).toBe(false);
  expect(hasHeads(observe(new MemoryBackend()).backend)).toBe(true);
});

test("capabilities to come work, with private members, and are counted", async () => {
  const inner = new Unheard();
  const telemetry = observe(inner);
  const backend = telemetry.backend as CacheBackend & Unheard;
  backend.level = 7;
  expect([inner.level, backend.level, backend.colour]).toEqual([7, 7, "blue"]);
  expect(await backend.blocks(1, 2)).toEqual([1, 2, 7]);
  expect(backend.watch()()).toBe("stopped");
  expect((await telemetry.stats()).operations).toMatchObject({ blocks: { calls: 1 }, watch: { calls: 1 } });
});

test("capabilities that an instance was given are found", async () => {
  const inner = Object.assign(new MinimalBackend(), {
    head: async () => undefined,
    heads: async function* () {},
  });
  expect(hasHeads(observe(inner).backend)).toBe(true);
});

test("a method that is replaced later is called", async () => {
  const inner = new MinimalBackend();
  const { backend } = observe(inner);
  inner.exists = async () => true;
  expect(await backend.exists("x:00000000")).toBe(true);
});

test("the promise of a call is given on as it is, so that nobody waits longer", () => {
  const promise = Promise.resolve(true);
  const inner = Object.assign(new MinimalBackend(), { exists: () => promise });
  expect(observe(inner).backend.exists("x:00000000")).toBe(promise);
});

test("a failure nobody waits for is told of by nobody but the one who called", async () => {
  const inner = Object.assign(new MinimalBackend(), { exists: () => Promise.reject(new TypeError("mine")) });
  const telemetry = observe(inner);
  await expect(telemetry.backend.exists("x:00000000")).rejects.toThrow("mine");
  expect((await telemetry.stats()).errors).toEqual({ other: 1 });
});
