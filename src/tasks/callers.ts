import { TaskRefusedError } from "../errors.js";
import type { LocalTasks } from "./local-tasks.js";
import type { KnownTask, TaskRecords } from "./records.js";
import { RetryLater } from "./retry-later.js";
import { isOver } from "./task.js";
import type { ProgressListener, TaskRun } from "./task-run.js";
import { Deferred, type ToldTask } from "./told-task.js";
import { LATE, within } from "./waiting.js";

/** How long a caller waits for its call. */
export interface CallerWait {
  /** By `performance.now()`. */
  readonly until: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ProgressListener | undefined;
}

/** Milliseconds beyond its time for which a caller waits to learn which task another server runs its call as. */
const GRACE_MS = 5000;
const LOOK_MS = 200;

/** What {@link Callers} are made with. */
export interface CallersOptions {
  readonly local: LocalTasks;
  readonly records: TaskRecords;
  /** This server, in records. */
  readonly owner: string;
  /** The task that an equal call began last, if it is to be joined. */
  unfinished(name: string): Promise<KnownTask | undefined>;
}

/** Those who wait for their calls, and are answered in time, whatever becomes of these. */
export class Callers {
  readonly #options: CallersOptions;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  /**
   * Waits for a run, as long as its caller does; then the caller gets the reference of what goes on.
   * @throws what the run throws; the signal's reason; {TaskRefusedError} when the run is another server's that cannot be
   * followed.
   */
  async wait<T>(run: TaskRun<T>, { until, signal, onProgress }: CallerWait): Promise<T | Deferred> {
    run.waiting++;
    const forget = onProgress && run.listen(onProgress);
    try {
      const early = await within(run, until - performance.now(), signal);
      const outcome = early === LATE ? await this.#defer(run, signal) : early;
      run.isTold ||= outcome instanceof Deferred;
      return outcome;
    } catch (error) {
      if (!(error instanceof RetryLater)) throw error;
      return new Deferred({ ...run.facts(null), refId: run.refId, isLocal: false }); // another server goes on with it
    } finally {
      forget?.();
      run.waiting--;
      if (run.waiting === 0 && !run.isSettled) this.#leave(run);
    }
  }

  /** What becomes of a run that nobody waits for any more: it ends where nobody has its reference. */
  #leave<T>(run: TaskRun<T>): void {
    if (!run.isTold) run.cancel();
    else if (!this.#options.local.isKept(run)) run.interrupt(); // another process runs it
  }

  async #defer<T>(run: TaskRun<T>, signal: AbortSignal | undefined): Promise<T | Deferred> {
    const due = performance.now() + GRACE_MS;
    for (;;) {
      if (run.isSettled || run.isSaving) return run.outcome;
      if (run.isHere) return this.#deferHere(run, signal);
      const task = await this.#taskElsewhere(run);
      if (task !== undefined) return new Deferred(task);
      const early = await within(run, LOOK_MS, signal);
      if (early !== LATE) return early;
      if (performance.now() > due)
        throw new TaskRefusedError("An equal call is under way, and does not say how far it is.");
    }
  }

  async #deferHere<T>(run: TaskRun<T>, signal: AbortSignal | undefined): Promise<T | Deferred> {
    const { isStored } = this.#options.local.keep(run as TaskRun<unknown>);
    const isLocal = !(await isStored);
    if (run.isSettled) return run.outcome;
    signal?.throwIfAborted();
    return new Deferred({ ...run.facts(this.#options.owner), refId: run.refId, isLocal }, run.call.usage);
  }

  /** The unfinished task that another process runs an equal call as. */
  async #taskElsewhere<T>({ following, call: { name } }: TaskRun<T>): Promise<ToldTask | undefined> {
    const known =
      following === undefined
        ? name && (await this.#options.unfinished(name))
        : await this.#options.records.read(following);
    return !known || isOver(known.state) ? undefined : { ...known, isLocal: false };
  }
}
