import type { ChannelStore } from "../backends/backend.js";
import { Wakeups } from "../coordination/wakeups.js";
import { StoreError, TaskRefusedError } from "../errors.js";
import type { RefId } from "../reference.js";
import type { KnownTask } from "./records.js";
import { isOver, TASK_CHANGED } from "./task.js";
import type { ProgressListener } from "./task-run.js";

/** How to wait for a task of another process. */
export interface RemoteWait {
  /** Milliseconds; as long as it takes where there is none. */
  readonly wait?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ProgressListener | undefined;
}

/** Gives what the record of a task says now; one round trip. */
type ReadTask = (refId: RefId) => Promise<KnownTask | undefined>;

/** The longest pause before a waiter looks by itself, as events may be lost; the first is short. */
const LONGEST_PAUSE_MS = 1000;
const FIRST_PAUSE_MS = 50;
/** How long a store may be away while somebody waits who has set no time. */
const LONGEST_OUTAGE_MS = 60_000;

/** Waits for tasks that other processes run: woken by their news, and looking from time to time. */
export class RemoteTasks {
  readonly #read: ReadTask;
  readonly #wakeups: Wakeups;
  readonly #end = new AbortController();

  /** @param read see {@link Caretaker.read}. */
  constructor(read: ReadTask, channel: ChannelStore | undefined) {
    this.#read = read;
    this.#wakeups = new Wakeups(channel, TASK_CHANGED);
  }

  /**
   * Waits until a task is over, or the time is; gives what is known of it then. `undefined` where there is no record.
   * @throws the signal's reason; {TaskRefusedError} when this server ends; {StoreError}
   */
  async wait(refId: RefId, { wait, signal: own, onProgress }: RemoteWait): Promise<KnownTask | undefined> {
    const signal = own === undefined ? this.#end.signal : AbortSignal.any([own, this.#end.signal]);
    const due = wait === undefined ? Number.POSITIVE_INFINITY : performance.now() + wait;
    const watch = this.#wakeups.watch(refId);
    let told = 0;
    try {
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
        const known = await this.#readThrough(refId, due, signal);
        if (known === undefined || isOver(known.state)) return known;
        const { progress, updatedAt } = known.state;
        if (progress !== undefined && updatedAt > told) onProgress?.(progress, known.guarded);
        told = updatedAt;
        const left = due - performance.now();
        if (left <= 0) return known;
        await watch.next(Math.min(left, pause * (0.5 + Math.random())), signal);
      }
    } finally {
      watch.end();
    }
  }

  /** Nobody waits any longer. */
  close(): void {
    this.#end.abort(new TaskRefusedError("This server shuts down."));
    this.#wakeups.close();
  }

  /** A store that is away for a moment does not end the wait. */
  async #readThrough(refId: RefId, due: number, signal: AbortSignal): Promise<KnownTask | undefined> {
    const patience = Math.min(due, performance.now() + LONGEST_OUTAGE_MS);
    for (;;) {
      signal.throwIfAborted();
      try {
        return await this.#read(refId);
      } catch (error) {
        if (!(error instanceof StoreError) || performance.now() >= patience) throw error;
        await new Promise((resolve) => setTimeout(resolve, LONGEST_PAUSE_MS / 4));
      }
    }
  }
}
