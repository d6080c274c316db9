import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { RedisBackend } from "../../src/backends/redis/index.js";
import { SqliteBackend } from "../../src/backends/sqlite/index.js";
import { type CacheBackend, RefCache } from "../../src/index.js";
import { asServer } from "../helpers/actors.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { temporaryFolder } from "../helpers/folders.js";
import { NodeProcess } from "../helpers/processes.js";
import { startRedis } from "../helpers/redis-server.js";
import type { Orders, Report } from "./children/caller.js";

interface Store {
  readonly location: Orders["store"];
  readonly connect: () => CacheBackend;
}

type Part = Pick<Orders, "calls" | "takes" | "value">;

/** Processes that make the same call, each a server of its own. */
class Servers {
  readonly #folder = temporaryFolder();
  readonly #runs = join(this.#folder, "runs");
  readonly #store: Store;
  readonly #lease: string;

  constructor(store: Store, lease: string) {
    this.#store = store;
    this.#lease = lease;
    writeFileSync(this.#runs, "");
  }

  /** Starts one, and waits until it is ready; it makes its calls at `go` of the same name. */
  async start(name: string, part: Part): Promise<NodeProcess> {
    const options = { coordination: { lease: this.#lease } };
    const go = join(this.#folder, name);
    const orders: Orders = { store: this.#store.location, runs: this.#runs, go, options, ...part };
    const server = new NodeProcess("tests/coordination/children/caller.ts", [JSON.stringify(orders)]);
    onTestFinished(async () => void (await server.stop("SIGKILL")));
    await server.wrote("ready", 60_000);
    return server;
  }

  go(name: string): void {
    writeFileSync(join(this.#folder, name), "");
  }

  /** The runs so far, in order. */
  get runs(): { value: string; pid: number }[] {
    const lines = readFileSync(this.#runs, "utf8").trim().split("\n").filter(Boolean);
    return lines.map((line) => ({ value: line.split(" ")[0] ?? "", pid: Number(line.split(" ")[1]) }));
  }

  get values(): string[] {
    return this.runs.map(({ value }) => value);
  }

  async hasRun(count: number): Promise<void> {
    await expect.poll(() => this.runs.length, { timeout: 30_000, interval: 5 }).toBe(count);
  }
}

async function reportOf(server: NodeProcess): Promise<Report> {
  const { output } = await server.end(60_000);
  return JSON.parse(output.slice(output.indexOf("{"))) as Report;
}

function sharing(open: () => Promise<Store>) {
  test("four processes, 250 equal calls each: one run", { timeout: 120_000 }, async () => {
    const servers = new Servers(await open(), "10s");
    const all = await Promise.all(
      ["a", "b", "c", "d"].map((value) => servers.start("all", { calls: 250, takes: 500, value })),
    );
    servers.go("all");
    const reports = await Promise.all(all.map(reportOf));
    expect(servers.values).toHaveLength(1);
    expect(new Set(reports.flatMap(({ refs }) => refs)).size).toBe(1);
    expect(new Set(reports.flatMap(({ values }) => values))).toEqual(new Set(servers.values));
  });

  test("the holder is killed in the middle of its run: one of the others runs", {
    timeout: 120_000,
  }, async () => {
    const servers = new Servers(await open(), "1s");
    const holder = await servers.start("first", { calls: 1, takes: 60_000, value: "killed" });
    const others = await Promise.all(
      ["b", "c", "d"].map((value) => servers.start("then", { calls: 50, takes: 300, value })),
    );
    servers.go("first");
    await servers.hasRun(1);
    servers.go("then");
    await setTimeout(500);
    await holder.stop("SIGKILL");
    const reports = await Promise.all(others.map(reportOf));
    const [killed, next, ...more] = servers.values;
    expect([killed, more]).toEqual(["killed", []]);
    expect(reports.map(({ values }) => values)).toEqual([[next], [next], [next]]);
    expect(new Set(reports.flatMap(({ refs }) => refs)).size).toBe(1);
  });

  test("a run longer than the lease keeps it", { timeout: 120_000 }, async () => {
    const servers = new Servers(await open(), "2s");
    const both = await Promise.all(
      ["a", "b"].map((value) => servers.start("all", { calls: 1, takes: 5000, value })),
    );
    servers.go("all");
    await Promise.all(both.map(reportOf));
    expect(servers.values).toHaveLength(1);
  });

  test("a holder that is stopped, and wakes late, does not overwrite", { timeout: 120_000 }, async () => {
    const store = await open();
    const servers = new Servers(store, "700ms");
    const stopped = await servers.start("first", { calls: 1, takes: 2000, value: "late" });
    const other = await servers.start("then", { calls: 1, takes: 100, value: "newer" });
    servers.go("first");
    await servers.hasRun(1);
    process.kill(servers.runs[0]?.pid ?? 0, "SIGSTOP");
    servers.go("then");
    const newer = await reportOf(other);
    process.kill(servers.runs[0]?.pid ?? 0, "SIGCONT");
    const late = await reportOf(stopped);
    expect(servers.values).toEqual(["late", "newer"]);
    expect([late.values, newer.values]).toEqual([["late"], ["newer"]]);
    const third = await servers.start("third", { calls: 1, takes: 0, value: "third" });
    servers.go("third");
    expect(await reportOf(third)).toMatchObject({ values: ["newer"], refs: newer.refs });
    const cache = new RefCache({ name: "shared", backend: store.connect() });
    onTestFinished(() => cache.close());
    expect(await cache.resolve(String(late.refs[0]), asServer)).toBe("late"); // its caller has it all the same
  });
}

describe("servers on one SQLite file", () => {
  sharing(async () => {
    const path = join(temporaryFolder(), "cache.db");
    return { location: { sqlite: path }, connect: () => new SqliteBackend(path) };
  });
});

describeRedisServer("servers on one Redis", () => {
  sharing(async () => {
    const { url, ...redis } = await ownRedis();
    onTestFinished(redis.stop);
    return { location: { redis: url }, connect: () => new RedisBackend({ url }) };
  });
});

async function ownRedis(): Promise<{ url: string; stop(): Promise<void> }> {
  const redis = await startRedis();
  return { url: redis.url, stop: () => redis.stop() };
}
