import { setTimeout as sleep } from "node:timers/promises";
import type { Answer } from "../../src/index.js";
import { type Job, seededRandom } from "./chaos-plan.js";
import type { Result } from "./children/task-server.js";
import { Refusal, type TaskServer, type TaskServers } from "./task-servers.js";

/** What a client has got for one call. */
export interface Outcome {
  readonly job: Job;
  /** The reference of its task; `undefined` where it was answered in time, or not at all. */
  readonly refId?: string;
  /** The last answer. */
  readonly answer?: Answer<Result>;
  /** What the call was refused with, or failed with in time. */
  readonly refusal?: Refusal;
}

/** What there is to be known of it all. */
export interface Report {
  readonly outcomes: readonly Outcome[];
  /** The processes that were killed. */
  readonly killed: ReadonlySet<number>;
  /** Milliseconds that the longest poll took beyond what it was to wait. */
  readonly longestPoll: number;
  /** References that a poll did not know, or another failure of a poll. */
  readonly lost: readonly string[];
}

/** Jobs that clients have under way at the same time. */
const CLIENTS = 48;
const WAIT_MS = 2000;

/** Servers of which one after the other is killed and started anew, and clients that go on meanwhile. */
export class Chaos {
  readonly #servers: TaskServers;
  readonly #random: () => number;
  readonly #alive: TaskServer[] = [];
  readonly #killed = new Set<number>();
  readonly #lost: string[] = [];
  readonly #outcomes: Outcome[] = [];
  #longestPoll = 0;
  #begun = 0;
  #kills = 0;

  constructor(servers: TaskServers, seed: number) {
    this.#servers = servers;
    this.#random = seededRandom(seed);
  }

  get alive(): readonly TaskServer[] {
    return this.#alive;
  }

  /** Does all jobs, while so many servers are killed. */
  async run(jobs: readonly Job[], servers: number, kills: number): Promise<Report> {
    this.#alive.push(...(await Promise.all(Array.from({ length: servers }, () => this.#servers.start()))));
    const clients = Array.from({ length: CLIENTS }, () => this.#client(jobs, kills));
    await Promise.all([this.#killThemAll(jobs.length, kills), ...clients]);
    const { outcomes, killed, lost } = { outcomes: this.#outcomes, killed: this.#killed, lost: this.#lost };
    return { outcomes, killed, lost, longestPoll: this.#longestPoll };
  }

  async #killThemAll(jobs: number, kills: number): Promise<void> {
    while (this.#kills < kills) {
      if (this.#begun < (jobs * this.#kills) / kills) await sleep(5);
      else await this.#killOne();
    }
  }

  /** In whichever moment, with whatever it runs. */
  async #killOne(): Promise<void> {
    await sleep(this.#random() * 300);
    const [victim] = this.#alive.splice(Math.floor(this.#random() * this.#alive.length), 1);
    if (victim === undefined) throw new Error("Nobody is left to be killed");
    this.#killed.add(victim.pid);
    await victim.kill();
    this.#alive.push(await this.#servers.start());
    this.#kills++;
  }

  /** Does one job after the other; waits where the killing would come too late. */
  async #client(jobs: readonly Job[], kills: number): Promise<void> {
    while (this.#begun < jobs.length) {
      const job = jobs[this.#begun];
      if (job === undefined) return;
      if (this.#kills < Math.floor((this.#begun * kills) / jobs.length) - 1) {
        await sleep(5);
        continue;
      }
      this.#begun++;
      const calls = job.kind === "equal" ? [this.#make(job), this.#make(job)] : [this.#make(job)];
      this.#outcomes.push(...(await Promise.all(calls)));
    }
  }

  async #make(job: Job): Promise<Outcome> {
    try {
      const answer = await this.#anyone().call(job.tool, job.work);
      if (!answer.is_async) return { job, answer };
      if (job.kind === "cancelled") await this.#cancel(answer.ref_id, job.cancelAfter);
      return { job, refId: answer.ref_id, ...(await this.#endOf(answer.ref_id)) };
    } catch (error) {
      if (error instanceof Refusal) return { job, refusal: error };
      throw error;
    }
  }

  async #cancel(refId: string, after: number): Promise<void> {
    await sleep(after);
    await this.#ask(refId, (server) => server.cancel(refId));
  }

  /** Polls whichever server, until it is over. */
  async #endOf(refId: string): Promise<Pick<Outcome, "answer">> {
    for (const due = performance.now() + 60_000; performance.now() < due; ) {
      const start = performance.now();
      const options = { wait: WAIT_MS, responseFormat: "full" } as const;
      const answer = await this.#ask(refId, (server) => server.get(refId, options));
      this.#longestPoll = Math.max(this.#longestPoll, performance.now() - start - WAIT_MS);
      if (answer === undefined) return {};
      if (!answer.is_async || !["pending", "processing"].includes(answer.status)) return { answer };
    }
    this.#lost.push(`${refId}: never over`);
    return {};
  }

  /** Asks a server, or another one where it is killed. Anything else must not happen. */
  async #ask<T>(refId: string, ask: (server: TaskServer) => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await ask(this.#anyone());
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        if (error.code === "gone") continue;
        this.#lost.push(`${refId}: ${error.code}`);
        return undefined;
      }
    }
  }

  #anyone(): TaskServer {
    const server = this.#alive[Math.floor(this.#random() * this.#alive.length)];
    if (server === undefined) throw new Error("No server is alive");
    return server;
  }
}
