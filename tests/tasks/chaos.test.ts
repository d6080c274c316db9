import { createRequire } from "node:module";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Answer } from "../../src/index.js";
import { describeRedisServer } from "../helpers/describe-redis.js";
import { temporaryFolder } from "../helpers/folders.js";
import { startRedis } from "../helpers/redis-server.js";
import { Chaos, type Outcome, type Report } from "./chaos-clients.js";
import { planJobs, seededRandom } from "./chaos-plan.js";
import type { Orders, Result } from "./children/task-server.js";
import { type Note, TaskServers } from "./task-servers.js";

const { Redis } = createRequire(import.meta.url)("ioredis") as typeof import("ioredis");

/** The same plan everywhere, where the moments are not; `CHAOS_SEED` makes another. */
const SEED = Number(process.env.CHAOS_SEED ?? 20_250_101);
const LEASE_MS = 2000;
/** Milliseconds that a busy machine may take to answer. */
const ROOM_MS = 10_000;

interface Store {
  readonly location: Orders["store"];
  /** How many unfinished tasks, and leases of whatever kind, the store knows of. */
  unfinished(): Promise<number>;
}

interface Size {
  readonly jobs: number;
  readonly servers: number;
  readonly kills: number;
}

function everythingEnds(open: () => Promise<Store>, { jobs, servers, kills }: Size) {
  const title = `${jobs} tasks on ${servers} servers, of which ${kills} are killed: each comes to its end (seed ${SEED})`;
  test(title, { timeout: 300_000 }, async () => {
    const store = await open();
    const tasks = { lease: LEASE_MS };
    const all = new TaskServers({ store: store.location, asyncTimeout: 40, tasks });
    const chaos = new Chaos(all, SEED);
    const report = await chaos.run(planJobs(jobs, seededRandom(SEED + 1)), servers, kills);
    expect(report.killed.size).toBe(kills);
    expect(report.lost).toEqual([]);
    expect(report.longestPoll).toBeLessThan(ROOM_MS);
    const begun = pidsById(all.notes("begin"));
    for (const outcome of report.outcomes) checkEnd(outcome, report, begun);
    checkRuns(report, begun);
    await checkEverywhere(report, chaos);
    await expect.poll(() => store.unfinished(), { timeout: 20_000 }).toBe(0);
    const ended = pidsById(all.notes("end"));
    for (const [id, pids] of begun)
      expect(ended.get(id) ?? [], id).toEqual(expect.arrayContaining(alive(pids, report)));
  });
}

type PidsById = ReadonlyMap<string, readonly number[]>;

/** The processes that noted something of each piece of work, in order. */
function pidsById(notes: readonly Note[]): PidsById {
  const pids = new Map<string, number[]>();
  for (const { id, pid } of notes) pids.set(id, [...(pids.get(id) ?? []), pid]);
  return pids;
}

function alive(pids: readonly number[], { killed }: Report): number[] {
  return pids.filter((pid) => !killed.has(pid));
}

/** What the answer is, in one word. */
function endIn(answer: Answer<Result> | undefined): string {
  if (answer === undefined) return "none";
  if (!answer.is_async) return "complete";
  return answer.status === "failed" ? String(answer.error?.code) : answer.status;
}

/** Each reference that a client was given leads to an end that its job can have. */
function checkEnd({ job, refId, answer, refusal }: Outcome, { killed }: Report, all: PidsById): void {
  const begun = all.get(job.work.id) ?? [];
  const mayBeInterrupted =
    job.tool === "idempotent"
      ? begun.length === 3 && begun.every((pid) => killed.has(pid))
      : begun.some((pid) => killed.has(pid));
  const usual = job.kind === "failing" ? ["tool_error"] : ["complete"];
  const ends = [...usual, ...(job.kind === "cancelled" ? ["cancelled"] : [])];
  if (mayBeInterrupted) ends.push("interrupted");
  const early = [
    "gone",
    ...(job.kind === "failing" ? ["none"] : []),
    ...(mayBeInterrupted ? ["task_failed"] : []),
  ];
  const isGood = refId === undefined && refusal ? early.includes(refusal.code) : ends.includes(endIn(answer));
  expect(isGood, JSON.stringify({ job, refId, answer, refusal, begun })).toBe(true);
}

/** Nothing is run twice but what may be; and that is. */
function checkRuns({ outcomes, killed }: Report, all: PidsById): void {
  let takenOver = 0;
  for (const job of new Set(outcomes.map(({ job }) => job))) {
    const begun = all.get(job.work.id) ?? [];
    const most = { idempotent: 3, retrying: 1 + (job.work.failures ?? 0), plain: 1 }[job.tool];
    const isMadeAgain = job.kind === "equal" && killed.has(begun[0] ?? 0); // by the other call, which came to nothing else
    expect(begun.length, job.work.id).toBeLessThanOrEqual(isMadeAgain ? 2 : most);
    if (job.tool === "idempotent" && begun.length > 1) takenOver++;
    if (job.tool === "idempotent")
      expect(
        begun.slice(0, -1).every((pid) => killed.has(pid)),
        job.work.id,
      ).toBe(true);
  }
  expect(takenOver).toBeGreaterThan(0);
}

/** All servers tell the same, and the right values. */
async function checkEverywhere({ outcomes }: Report, { alive }: Chaos): Promise<void> {
  const check = async ({ job, refId, answer }: Outcome) => {
    if (refId === undefined) return;
    const ends = await Promise.all(
      alive.map((server) => server.get(refId, { responseFormat: "full" }).then(endIn, String)),
    );
    expect({ id: job.work.id, ends }).toEqual({ id: job.work.id, ends: alive.map(() => endIn(answer)) });
    if (endIn(answer) !== "complete") return;
    const { id, size = 0 } = job.work;
    for (const value of await Promise.all(alive.map((server) => server.resolve(refId))))
      expect(value.id === id && value.text === "x".repeat(size), id).toBe(true);
  };
  for (let n = 0; n < outcomes.length; n += 50) await Promise.all(outcomes.slice(n, n + 50).map(check));
}

describe("chaos on one SQLite file", () => {
  everythingEnds(
    async () => {
      const path = join(temporaryFolder(), "cache.db");
      const count = (database: Database.Database, table: string) =>
        database.prepare<[], { n: number }>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0;
      const unfinished = async () => {
        const database = new Database(path, { readonly: true });
        const tasks = count(database, "refcache_tasks WHERE is_finished = 0");
        const leases = count(database, "refcache_leases WHERE ends_at > unixepoch('subsec')");
        database.close();
        return tasks + leases;
      };
      return { location: { sqlite: path }, unfinished };
    },
    { jobs: 200, servers: 4, kills: 6 },
  );
});

describeRedisServer("chaos on one Redis", () => {
  everythingEnds(
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      const client = new Redis(redis.url);
      onTestFinished(() => client.disconnect());
      const unfinished = async () => {
        const keys = await client.keys("mcp-refcache:*lease:*");
        const leases = keys.filter((key) => !key.includes("lease:fence:"));
        return (await client.zcard("mcp-refcache:tasks")) + leases.length;
      };
      return { location: { redis: redis.url }, unfinished };
    },
    { jobs: 1000, servers: 4, kills: 20 },
  );
});
