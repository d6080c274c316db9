import { setTimeout as sleep } from "node:timers/promises";
import { RefCacheError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { RefId } from "../reference.js";
import type { KnownTask, TaskFacts, TaskRecords } from "./records.js";
import { isOver } from "./task.js";
import { Throttle } from "./throttle.js";

/** What the keeper of a record is told. */
export interface TaskKeeperOptions {
  readonly refId: RefId;
  readonly records: TaskRecords;
  /** This server. */
  readonly owner: string;
  /** The name of the call, for equal ones to find the task by. */
  readonly name: string | undefined;
  /** Milliseconds. */
  readonly lease: number;
  readonly logger: Logger;
  /** What the record is to say now. */
  facts(): TaskFacts;
  /** Called when somebody wants the task to end. */
  onCancel(): void;
  /** Called when the task is another's by now, or was given up by others. */
  onLost(): void;
  /** Called when the record has changed. */
  onChange(): void;
}

/** Milliseconds between two notes of progress. */
const PROGRESS_INTERVAL_MS = 1000;
/** How often a lease is renewed in its life. */
const RENEWALS_PER_LIFE = 3;
/** Milliseconds for which the end of a task is tried to be noted while the store is away; others find it out by then. */
const LONGEST_ENDING_MS = 60_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1000;
/** Attempts to change a record that others change at the same time. */
const MOST_CONFLICTS = 20;

/**
 * Keeps the record of a task that this server runs: its lease, its progress, its end. One change at a time; a store that
 * is away is tried again. What others have written meanwhile is heeded.
 */
export class TaskKeeper {
  readonly #options: TaskKeeperOptions;
  readonly #throttle: Throttle;
  #known: KnownTask | undefined;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #isLost = false;
  #hasWarned = false;

  /** @param known the record where there is one already. */
  constructor(options: TaskKeeperOptions, known?: KnownTask) {
    this.#options = options;
    this.#known = known;
    this.#throttle = new Throttle(PROGRESS_INTERVAL_MS, async () => void (await this.#tryToWrite()));
  }

  /** Stores the record, and keeps it from now on; tells whether the store has it. */
  async begin(): Promise<boolean> {
    this.#timer = setInterval(() => void this.#renew(), this.#options.lease / RENEWALS_PER_LIFE).unref();
    if (this.#known === undefined) await this.#tryToWrite();
    return this.#known !== undefined;
  }

  /** Notes what is new, not more often than need be. */
  changed(): void {
    this.#throttle.request();
  }

  /** Notes what is new, now. */
  note(): Promise<void> {
    this.changed();
    return this.#throttle.flush();
  }

  /**
   * Tells whether the task is still this server's, with time enough to store its result.
   * @throws {StoreError}
   */
  async isMine(): Promise<boolean> {
    if (this.#known === undefined) return !this.#isLost;
    await this.#alone(() => this.#renewNow());
    return !this.#isLost;
  }

  /** Notes the end of the task; `false` where others have said before that it has ended otherwise, which stands. */
  async end(): Promise<boolean> {
    this.#stop();
    const due = Date.now() + LONGEST_ENDING_MS;
    for (let pause = FIRST_PAUSE_MS; !(await this.#tryToWrite()) && Date.now() < due; ) {
      await sleep(pause, undefined, { ref: false });
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
    }
    const others = this.#isLost ? this.#known?.state : undefined;
    return others === undefined || !isOver(others) || others.status === this.#options.facts().state.status;
  }

  /** Keeps the record no longer, and leaves it as it is. */
  #stop(): void {
    clearInterval(this.#timer);
    this.#throttle.stop();
  }

  /** Tells whether there is nothing left to write. */
  async #tryToWrite(): Promise<boolean> {
    try {
      await this.#alone(() => this.#write());
      return true;
    } catch (error) {
      this.#warn(error);
      return false; // tried again with the next renewal
    }
  }

  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const why = error instanceof RefCacheError ? error.message : (error as Error).name;
    this.#options.logger.warn(`The record of a running task cannot be written: ${why} It is tried again.`);
  }

  async #renew(): Promise<void> {
    try {
      await this.#alone(() => this.#renewNow());
    } catch (error) {
      this.#warn(error); // the store may be back at the next time
    }
  }

  async #renewNow(): Promise<void> {
    const { records, lease } = this.#options;
    if (this.#isLost) return;
    if (this.#known !== undefined && (await records.renew(this.#known, lease))) return;
    if (this.#known !== undefined) await this.#catchUp(this.#known.refId);
    await this.#write();
  }

  async #write(): Promise<void> {
    const { records, refId, name, facts } = this.#options;
    for (let n = 0; n < MOST_CONFLICTS && !this.#isLost; n++) {
      const known = this.#known;
      const now = facts();
      const lease = this.#leaseFor(now);
      this.#known =
        known === undefined
          ? await this.#add(records.add(refId, now, lease, name))
          : await records.change(known, now, lease);
      if (this.#known !== undefined) return this.#options.onChange();
      await this.#catchUp(refId);
    }
  }

  /** What is nobody's goes back to its queue, which keeps it as long as need be, or to whichever server finds it. */
  #leaseFor({ state: { owner, order, deadline } }: TaskFacts): number {
    if (owner !== null) return this.#options.lease;
    return order?.isElsewhere === true ? Math.max(1, deadline - Date.now()) : 1;
  }

  /** A record that is added when its task is over already is to be changed once more, which ends its lease. */
  async #add(adding: Promise<KnownTask | undefined>): Promise<KnownTask | undefined> {
    const known = await adding;
    if (known === undefined || !isOver(known.state)) return known;
    return (await this.#options.records.change(known, known)) ?? known;
  }

  /** Reads what others have made of the record. */
  async #catchUp(refId: RefId): Promise<void> {
    const known = await this.#options.records.read(refId);
    this.#known = known;
    if (known === undefined) return; // gone with the store's memory: it is stored again
    this.#isLost = known.state.owner !== this.#options.owner || isOver(known.state);
    if (this.#isLost) this.#stop();
    if (this.#isLost) this.#options.onLost();
    else if (known.state.isCancelling) this.#options.onCancel();
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    this.#last = result.catch(() => {});
    return result;
  }
}
