import { setTimeout as sleep } from "node:timers/promises";
import {
  type CacheBackend,
  type ChannelStore,
  hasChannel,
  hasLeases,
  hasLinks,
  type Lease,
  type LeaseStore,
} from "../backends/backend.js";
import { StoreError } from "../errors.js";
import type { Logger } from "../logger.js";
import { HeldLease } from "./held-lease.js";
import type { Coordination } from "./options.js";
import { LEASE_ENDED, Wakeups, type Watch } from "./wakeups.js";

/** Something that one server at a time shall make, and the others get. */
export interface SharedJob<T> {
  /** The name of the link that leads to it. */
  readonly name: string;
  /** What the link led to when the result was found missing or stale. */
  readonly seen: string | undefined;
  readonly signal: AbortSignal | undefined;
  /** Looks for a result that another server has made. */
  find(): Promise<Found<T>>;
  /** Makes it; without a lease where there is none to be had. What it throws is the caller's alone. */
  run(lease?: HeldLease): Promise<T>;
}

/** What a link leads to. */
export interface Found<T> {
  /** The reference, whatever has become of it. */
  readonly seen?: string | undefined;
  readonly found?: T | undefined;
}

type Leasing = CacheBackend & LeaseStore & Partial<ChannelStore>;

/** The longest pause before a waiter looks by itself, as events may be lost; the first is short. */
const LONGEST_PAUSE_MS = 1000;
const FIRST_PAUSE_MS = 25;
const GRACE_MS = 50;

/** Runs equal calls of all servers on a store once, by leases. Where the store fails, each runs for itself. */
export class LeasedRuns {
  readonly #backend: Leasing;
  readonly #logger: Logger;
  readonly #wakeups: Wakeups;
  #hasWarned = false;

  private constructor(backend: Leasing, logger: Logger) {
    this.#backend = backend;
    this.#logger = logger;
    this.#wakeups = new Wakeups(hasChannel(backend) ? backend : undefined);
  }

  /** For a backend that others share and that can give leases; else `undefined`. */
  static on(backend: CacheBackend, logger: Logger): LeasedRuns | undefined {
    if (!hasLeases(backend) || !hasLinks(backend) || !backend.sharesLeases) return undefined;
    return new LeasedRuns(backend, logger);
  }

  /**
   * Runs a job, or gives what another server makes meanwhile. When that one fails or dies, the next in line runs.
   * @throws what `run` throws, and the signal's reason.
   */
  async once<T>(job: SharedJob<T>, { lease: life, wait }: Coordination): Promise<T> {
    const deadline = performance.now() + wait;
    let { seen } = job;
    let watch: Watch | undefined;
    try {
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
        const reply = await this.#acquire(job.name, life, seen);
        if (reply !== "taken" && reply !== "changed") return await this.#run(job, reply, life);
        const news = reply === "changed" ? await findForSure(job) : { seen };
        if (news.found !== undefined) return news.found;
        seen = news.seen;
        const left = deadline - performance.now();
        if (left <= 0) return await job.run();
        if (watch !== undefined) await watch.next(Math.min(left, pause * (0.5 + Math.random())), job.signal);
        watch ??= this.#wakeups.watch(job.name); // then asks again: what ended before was not heard
      }
    } finally {
      watch?.end();
    }
  }

  /** Runs a job if nobody else does, or has done so since; else does nothing. */
  async onceIfFree<T>(job: SharedJob<T>, { lease: life }: Coordination): Promise<void> {
    const reply = await this.#acquire(job.name, life, job.seen);
    if (reply !== "taken" && reply !== "changed") await this.#run(job, reply, life);
  }

  close(): void {
    this.#wakeups.close();
  }

  async #run<T>(job: SharedJob<T>, lease: Lease | undefined, life: number): Promise<T> {
    if (lease === undefined) return job.run();
    const held = new HeldLease(this.#backend, lease, life);
    try {
      return await job.run(held);
    } finally {
      void this.#end(held, job.name);
    }
  }

  /** The caller does not wait for it: its result is stored, or there is none. */
  async #end(held: HeldLease, name: string): Promise<void> {
    try {
      await held.end();
      await this.#backend.publish?.({ topic: LEASE_ENDED, names: [name] });
    } catch {
      // The lease ends by itself, and waiters look from time to time.
    }
  }

  /** `undefined` when the store gives no leases at the moment, which shall not keep anybody from running. */
  async #acquire(
    name: string,
    life: number,
    seen: string | undefined,
  ): Promise<Lease | "taken" | "changed" | undefined> {
    try {
      const reply = await this.#backend.acquireLease(name, life, seen);
      this.#hasWarned = false;
      return reply;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (!this.#hasWarned) this.#logger.warn(`${error.message} Equal calls on other servers run as well.`);
      this.#hasWarned = true;
      return undefined;
    }
  }
}

/** In a cluster, where they lie on different nodes, an entry may come a moment after the link that leads to it. */
async function findForSure<T>(job: SharedJob<T>): Promise<Found<T>> {
  const news = await job.find();
  if (news.found !== undefined || news.seen === undefined) return news;
  await sleep(GRACE_MS);
  return job.find();
}
