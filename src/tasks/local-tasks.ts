import type { CacheBackend } from "../backends/backend.js";
import type { Wakeups } from "../coordination/wakeups.js";
import { StoreError, TaskCancelledError, TaskInterruptedError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { RefId } from "../reference.js";
import type { KnownTask, TaskFacts, TaskRecords } from "./records.js";
import { RetryLater } from "./retry-later.js";
import { TaskKeeper } from "./task-keeper.js";
import type { TaskRun } from "./task-run.js";

/** A task that runs in this process. */
export interface LocalTask {
  readonly run: TaskRun<unknown>;
  /** Whether the store has its record, so that others know of it. */
  readonly isStored: Promise<boolean>;
  /** Settles once its end is noted. */
  readonly ended: Promise<void>;
}

/** What {@link LocalTasks} are made with. */
export interface LocalTasksOptions {
  readonly backend: CacheBackend;
  readonly records: TaskRecords;
  /** This server, in records. */
  readonly owner: string;
  /** Milliseconds. */
  readonly lease: number;
  readonly logger: Logger;
  readonly cancellations: Wakeups;
  /** Called when the record of a task has changed. */
  announce(refId: RefId): void;
  /** Called with each task that has come to its end. */
  onEnd(refId: RefId, facts: TaskFacts): void;
}

/** Milliseconds between two attempts to store a result while the store is away; each pause is longer. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 15_000;

/** The tasks that run in this process: from the moment at which somebody was given their references, to their end. */
export class LocalTasks {
  readonly #options: LocalTasksOptions;
  readonly #tasks = new Map<RefId, LocalTask & { readonly keeper: TaskKeeper }>();

  constructor(options: LocalTasksOptions) {
    this.#options = options;
  }

  get all(): Iterable<LocalTask> {
    return this.#tasks.values();
  }

  get isEmpty(): boolean {
    return this.#tasks.size === 0;
  }

  get(refId: RefId): LocalTask | undefined {
    return this.#tasks.get(refId);
  }

  /** Whether somebody was given the reference of a run, which then goes on whoever waits for it. */
  isKept<T>({ knownRefId }: TaskRun<T>): boolean {
    return knownRefId !== undefined && this.#tasks.get(knownRefId) !== undefined;
  }

  /** Makes a task of a run that goes on without its callers, or takes over what is known of one. */
  keep(run: TaskRun<unknown>, known?: KnownTask): LocalTask {
    const { refId } = run;
    const kept = this.#tasks.get(refId);
    if (kept !== undefined) return kept;
    run.call.usage.isUnattended = true;
    const { records, owner, lease, logger, announce } = this.#options;
    const keeper: TaskKeeper = new TaskKeeper(
      {
        ...{ refId, records, owner, lease, logger, name: run.call.name },
        facts: () => run.facts(owner),
        onCancel: () => run.cancel(),
        onLost: () => {
          run.isLost = true;
          run.interrupt();
        },
        onChange: () => announce(refId),
      },
      known,
    );
    run.onChange(() => keeper.changed());
    const task = { run, keeper, isStored: keeper.begin(), ended: this.#follow(run, keeper) };
    this.#tasks.set(refId, task);
    return task;
  }

  /** Notes in the record of a task what is new, now. */
  async note(refId: RefId): Promise<void> {
    await this.#tasks.get(refId)?.keeper.note();
  }

  /**
   * Stores the result of a task, for which it has still to be this server's; a store that is away is tried until the task
   * is too old.
   */
  async save<T>(run: TaskRun<unknown>, store: () => Promise<T>): Promise<T> {
    const task = this.#tasks.get(run.refId);
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
      run.abort.check();
      try {
        if (task !== undefined && !(await task.keeper.isMine())) throw new TaskInterruptedError();
        run.abort.check(); // the record may have said just now that it is cancelled
        return await store();
      } catch (error) {
        if (!(error instanceof StoreError) || Date.now() + pause >= run.deadline) throw error;
        run.note("Its result is made, and waits for the store.");
        await pauseFor(pause, run);
      }
    }
  }

  /** From now to its end. */
  async #follow(run: TaskRun<unknown>, keeper: TaskKeeper): Promise<void> {
    const giveUp = setTimeout(() => run.expire(), Math.max(1, run.deadline - Date.now())).unref();
    const heard = new AbortController();
    void this.#heedCancellations(run, keeper, heard.signal);
    await run.outcome.then(
      () => run.end("complete"),
      (error) => noteEnd(run, error),
    );
    clearTimeout(giveUp);
    heard.abort();
    const stands = await keeper.end();
    if (!stands && run.status === "complete") await this.#withdraw(run);
    this.#tasks.delete(run.refId);
    this.#options.onEnd(run.refId, run.facts(this.#options.owner));
  }

  /** Others want it to end: the record says so. They tell, too, as it is read from time to time only. */
  async #heedCancellations(run: TaskRun<unknown>, keeper: TaskKeeper, over: AbortSignal): Promise<void> {
    const { cancellations, lease } = this.#options;
    const watch = cancellations.watch(run.refId);
    try {
      for (;;) {
        await watch.next(lease, over);
        await keeper.isMine().catch(() => {});
      }
    } catch {
      watch.end(); // it is over
    }
  }

  /**
   * Drops the result of a task that others had given up, and said so. What another server has taken over is left alone:
   * its result is under the same reference.
   */
  async #withdraw(run: TaskRun<unknown>): Promise<void> {
    await this.#options.backend.delete(run.refId).catch(() => {});
    noteEnd(run, new TaskInterruptedError());
  }
}

function noteEnd(run: TaskRun<unknown>, error: unknown): void {
  if (error instanceof RetryLater) run.putBack();
  else if (error instanceof TaskCancelledError) run.end("cancelled");
  else run.end("failed", run.call.failureOf(error));
}

function pauseFor(milliseconds: number, run: TaskRun<unknown>): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      forget();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const forget = run.abort.onAbort(() => setImmediate(end));
  });
}
