import { LRUCache } from "lru-cache";
import { nanoid } from "nanoid";
import type { Usage } from "../access/usage.js";
import type { Protection } from "../at-rest/protection.js";
import { type CacheBackend, type ChannelStore, hasChannel, hasTasks } from "../backends/backend.js";
import { MemoryTasks } from "../backends/memory/tasks.js";
import { Wakeups } from "../coordination/wakeups.js";
import {
  ConfigurationError,
  TaskCancelledError,
  TaskInterruptedError,
  TaskRefusedError,
  TaskTooOldError,
} from "../errors.js";
import type { Logger } from "../logger.js";
import type { RefId } from "../reference.js";
import { AbandonedTasks } from "./abandoned.js";
import { failureOf } from "./failure.js";
import { type TaskFunction, type TaskFunctionOwner, TaskFunctions } from "./functions.js";
import { InProcessRunner } from "./in-process-runner.js";
import { LocalTasks } from "./local-tasks.js";
import type { ResolvedTaskOptions } from "./options.js";
import { performTask } from "./perform.js";
import { type KnownTask, type TaskFacts, TaskRecords } from "./records.js";
import { RemoteTasks, type RemoteWait } from "./remote-tasks.js";
import { RetryLater } from "./retry-later.js";
import type { Delivery, Performed, TaskRunner } from "./runner.js";
import { isOver, TASK_CANCELLED, TASK_CHANGED, type TaskFailure, type TaskState } from "./task.js";
import type { ProgressListener, TaskRun } from "./task-run.js";
import { allOf, LATE, type Settling, within } from "./waiting.js";

/** A task as it is told of: what is known, and whether other servers can know it, too. */
export interface ToldTask extends TaskFacts {
  readonly refId: RefId;
  /** Whether this process only knows of it, as the store is away. */
  readonly isLocal: boolean;
}

/** What it takes to run a call, here or elsewhere. */
export interface TaskWork<T> {
  /** Runs it in this process. */
  runHere(): Promise<T>;
  /** What is made of a task that another process has run. */
  resultOf(known: KnownTask): Promise<T>;
}

/** What a call comes to whose caller does not wait for its end. */
export class Deferred {
  /** @param by what the run has used that is this process's. */
  constructor(
    readonly task: ToldTask,
    readonly by?: Usage,
  ) {}
}

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
/** Milliseconds that functions get to end once they are aborted, and their ends to be noted, as the server ends. */
const ENDING_MS = 3000;
/** Abandoned tasks looked at in one sweep. */
const SWEPT_AT_ONCE = 100;
/** References of finished tasks that are remembered, so that their records need not be read. */
const MOST_FINISHED = 10_000;
/** Attempts to change a record that others change at the same time. */
const MOST_CONFLICTS = 20;

/** What the tasks of a cache are made with. */
export interface TasksOptions {
  readonly backend: CacheBackend;
  readonly protection: Protection;
  readonly logger: Logger;
  readonly options: ResolvedTaskOptions;
  /** Called with each task that has come to its end here. */
  onEnd(refId: RefId, task: TaskFacts): void;
}

/** The tasks of a cache: those that run in this process, and those of others that somebody here asks about. */
export class Tasks {
  readonly options: ResolvedTaskOptions;
  readonly functions = new TaskFunctions();
  /** This server, in records. */
  readonly owner = nanoid();
  readonly records: TaskRecords;
  readonly local: LocalTasks;
  readonly #inProcess: InProcessRunner;
  readonly #runner: TaskRunner;
  readonly #backend: CacheBackend;
  readonly #channel: ChannelStore | undefined;
  readonly #remote: RemoteTasks;
  readonly #cancellations: Wakeups;
  readonly #abandoned: AbandonedTasks;
  readonly #logger: Logger;
  readonly #runs = new Set<TaskRun<unknown>>();
  readonly #complete = new LRUCache<RefId, true>({ max: MOST_FINISHED });
  #sweeper: NodeJS.Timeout | undefined;
  #isClosing = false;

  /** @throws {ConfigurationError} when the backend keeps nothing that a runner could bring to other processes. */
  constructor({ backend, protection, logger, options, onEnd }: TasksOptions) {
    const { lease } = options;
    this.options = options;
    this.#backend = backend;
    this.#inProcess = new InProcessRunner(options.concurrency, options.queue);
    this.#runner = options.runner ?? this.#inProcess;
    if (options.runner !== undefined && !hasTasks(backend))
      throw new ConfigurationError("tasks.runner", "needs a backend that keeps records of tasks (TaskStore)");
    this.records = new TaskRecords(hasTasks(backend) ? backend : new MemoryTasks(), protection, options.keep);
    this.#channel = hasChannel(backend) ? backend : undefined;
    this.#abandoned = new AbandonedTasks(
      lease,
      (tool) => this.functions.has(tool),
      (refId) => void this.#lookAgain(refId),
    );
    this.#remote = new RemoteTasks(this.records, this.#channel, (known) => this.#heed(known));
    this.#cancellations = new Wakeups(this.#channel, TASK_CANCELLED);
    this.#logger = logger;
    this.local = new LocalTasks({
      ...{ backend, records: this.records, owner: this.owner, lease, logger },
      cancellations: this.#cancellations,
      announce: (refId) => this.announce(refId),
      onEnd: (refId, facts) => {
        if (facts.state.status === "complete") this.noteComplete(refId);
        onEnd(refId, facts);
      },
    });
  }

  /** Makes a function known that may run orders. From now on this server looks after abandoned tasks. */
  register(identity: string, fn: TaskFunction, owner: TaskFunctionOwner): void {
    this.functions.add(identity, fn, owner);
    this.#sweeper ??= setInterval(() => void this.#sweep(), this.options.lease / 2).unref();
  }

  /**
   * Runs a call once it is its turn, wherever its runner wants it.
   * @throws {TaskRefusedError} when there is no room for it; why it was aborted, whatever it returned since.
   */
  async begin<T>(run: TaskRun<T>, work: TaskWork<T>, runner = this.#runner): Promise<T> {
    if (this.#isClosing)
      throw run.takenOver === undefined ? new TaskRefusedError("This server shuts down.") : new RetryLater(0);
    this.#runs.add(run as TaskRun<unknown>);
    run.isHere = runner === this.#inProcess; // another may still decide
    try {
      return await runner.run({
        runHere: () => {
          run.isHere = true;
          run.begin();
          return work.runHere();
        },
        runElsewhere: async (submit) => work.resultOf(await this.#submit(run, submit)),
        onAbort: (listener) => run.abort.onAbort(listener),
      });
    } catch (error) {
      run.abort.check();
      throw error;
    } finally {
      this.#runs.delete(run as TaskRun<unknown>);
    }
  }

  /** As {@link Tasks.begin}, in this process whoever else runs calls. */
  beginHere<T>(run: TaskRun<T>, runHere: () => Promise<T>): Promise<T> {
    const resultOf = () => Promise.reject(new TaskInterruptedError());
    return this.begin(run, { runHere, resultOf }, this.#inProcess);
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
    else if (!this.isKept(run)) run.interrupt(); // another process runs it
  }

  /** What is known of a task that is not complete; `undefined` where there is nothing to be told. */
  async look(refId: RefId): Promise<ToldTask | undefined> {
    if (this.#complete.has(refId)) return undefined;
    const run = this.#runOf(refId);
    return run === undefined ? this.#told(await this.#remote.read(refId)) : this.#toldLocal(run);
  }

  /** As {@link Tasks.look}, once it is over or the time is. */
  async watch(refId: RefId, wait: RemoteWait): Promise<ToldTask | undefined> {
    const run = this.#runOf(refId);
    if (run === undefined) return this.#told(await this.#remote.wait(refId, wait));
    if (run.progress !== undefined) wait.onProgress?.(run.progress, run.call.guarded());
    const forget = wait.onProgress && run.listen(wait.onProgress);
    try {
      await within(ended(run), wait.wait ?? this.options.maxAge, wait.signal);
    } finally {
      forget?.();
    }
    return run.isLost ? this.look(refId) : this.#toldLocal(run);
  }

  /**
   * Wants a task to end.
   * @param mayCancel decides by what is known of it.
   * @returns what is known of it then; `undefined` where it is unknown, or the caller may not.
   */
  async cancel(
    refId: RefId,
    mayCancel: (task: TaskFacts) => boolean | Promise<boolean>,
  ): Promise<ToldTask | undefined> {
    const run = this.#runOf(refId);
    if (run === undefined) return this.#cancelRemote(refId, mayCancel);
    if (!(await mayCancel(run.facts(this.owner)))) return undefined;
    if (!isOver(run)) run.cancel();
    await within(ended(run), 0, undefined); // one that has not begun is over at once
    return { ...run.facts(this.owner), refId, isLocal: false }; // it may be complete by now
  }

  /** To be called when something was invalidated: calls from before it are joined no longer, on whatever server. */
  outdate(): void {
    for (const run of this.#runs) if (!run.isOutdated && !run.call.isCurrent()) void this.#outdate(run);
  }

  /** The task that an equal call began last, if it is to be joined. */
  async unfinished(name: string): Promise<KnownTask | undefined> {
    const known = await this.records.of(name);
    if (known === undefined || isOver(known.state) || isUnwanted(known.state)) return undefined;
    const local = this.local.get(known.refId);
    if (local === undefined || !local.run.isSettled) return known;
    await local.ended; // it was told already; the record follows
    return local.run.status === "complete" ? known : undefined;
  }

  /**
   * Waits for the end of a task that another process runs, in the place of a run.
   * @throws {TaskInterruptedError} when its record is gone; {StoreError}
   */
  async follow<T>(run: TaskRun<T>, refId: RefId): Promise<KnownTask> {
    run.following = refId;
    const onProgress: ProgressListener = (progress, guarded) => run.tell(progress, guarded);
    const known = await this.#remote.wait(refId, { signal: run.abort.signal, onProgress });
    if (known === undefined) throw new TaskInterruptedError();
    return known;
  }

  /**
   * As {@link Tasks.follow}, of a task that an equal call has handed to the runner. A server may have died before it had
   * done so, so that is done again: a task is in a queue once.
   */
  async followQueued<T>(run: TaskRun<T>, { refId, state }: KnownTask): Promise<KnownTask> {
    if (state.owner !== null || state.order?.isElsewhere !== true) return this.follow(run, refId);
    let known: KnownTask | undefined;
    await this.#runner.run<void>({
      runHere: () => Promise.reject(new TaskInterruptedError()),
      runElsewhere: async (submit) => {
        await submit(refId);
        known = await this.follow(run, refId);
      },
      onAbort: (listener) => run.abort.onAbort(listener),
    });
    return known ?? this.follow(run, refId);
  }

  /** See {@link RefCache.performTask}. */
  perform(refId: RefId, delivery: Delivery): Promise<Performed> {
    return performTask(this, refId, delivery);
  }

  /** Remembers that a reference leads to a result, so that nobody need look for a record; not before its end is noted. */
  noteComplete(refId: RefId): void {
    if (this.local.get(refId) === undefined) this.#complete.set(refId, true);
  }

  /** Tells those who wait for a task that there is news. */
  announce(refId: RefId, topic = TASK_CHANGED): void {
    this.#channel?.publish({ topic, names: [refId] }).catch(nothing);
  }

  /**
   * Takes no more, waits so many milliseconds for what runs, and gives up the rest: another server takes over what may be
   * run again; of the others, the records say it.
   */
  async close(drain: number): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#sweeper);
    if (this.#runs.size > 0)
      await within(allOf([...this.#runs].map(({ outcome }) => outcome)), drain, undefined);
    const left = [...this.#runs];
    for (const run of left) this.#letGo(run);
    const ends = [...this.local.all].map(({ ended }) => ended);
    if (ends.length > 0) await within(allOf(ends), ENDING_MS, undefined);
    if (left.length > 0)
      this.#logger.warn(
        `${left.length} long calls were given up, as the server ended. Their records say so.`,
      );
    this.#remote.close();
    this.#cancellations.close();
    await this.#runner.close();
  }

  async #outdate(run: TaskRun<unknown>): Promise<void> {
    run.isOutdated = true;
    if (run.knownRefId !== undefined) await this.local.note(run.knownRefId);
    run.letOthersRun();
  }

  /** Somebody else goes on with what is known in the store; of the rest nobody knows but who waits for it. */
  #letGo(run: TaskRun<unknown>): void {
    if (run.following !== undefined) run.release();
    else if (this.isKept(run)) run.handOver();
    else run.interrupt();
  }

  /** Calls that run in this process now, and that wait for their turn. */
  get size(): { readonly running: number; readonly waiting: number } {
    return this.#inProcess.size;
  }

  /** Whether a task that is taken over can begin at once. */
  get hasRoom(): boolean {
    return !this.#isClosing && this.size.running < this.options.concurrency;
  }

  /** The run of a task that is this server's. */
  #runOf(refId: RefId): TaskRun<unknown> | undefined {
    const run = this.local.get(refId)?.run;
    return run?.isLost ? undefined : run;
  }

  /** Whether somebody was given the reference of a run, which then goes on whoever waits for it. */
  isKept<T>({ knownRefId }: TaskRun<T>): boolean {
    return knownRefId !== undefined && this.local.get(knownRefId) !== undefined;
  }

  /** Records a run as a task of nobody's yet, hands its reference over, and waits for its end. */
  async #submit<T>(run: TaskRun<T>, submit: (refId: RefId) => Promise<void>): Promise<KnownTask> {
    run.goElsewhere();
    const { refId, deadline, call } = run;
    const known = await this.records.add(
      refId,
      run.facts(null),
      Math.max(1, deadline - Date.now()),
      call.name,
    );
    try {
      await submit(refId);
    } catch (error) {
      if (known !== undefined) await this.giveUp(known, "refused").catch(nothing);
      throw error;
    }
    run.abort.onAbort((reason) => {
      if (reason instanceof TaskCancelledError) this.#cancelRemote(refId, () => true).catch(nothing);
    });
    return this.follow(run, refId);
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
    const { isStored } = this.local.keep(run as TaskRun<unknown>);
    const isLocal = !(await isStored);
    if (run.isSettled) return run.outcome;
    signal?.throwIfAborted();
    return new Deferred({ ...run.facts(this.owner), refId: run.refId, isLocal }, run.call.usage);
  }

  /** The unfinished task that another process runs an equal call as. */
  async #taskElsewhere<T>({ following, call: { name } }: TaskRun<T>): Promise<ToldTask | undefined> {
    const known =
      following === undefined ? name && (await this.unfinished(name)) : await this.records.read(following);
    return !known || isOver(known.state) ? undefined : { ...known, isLocal: false };
  }

  #told(known: KnownTask | undefined): ToldTask | undefined {
    if (known === undefined) return undefined;
    if (known.state.status === "complete") this.noteComplete(known.refId);
    return known.state.status === "complete" ? undefined : { ...known, isLocal: false };
  }

  #toldLocal(run: TaskRun<unknown>): ToldTask | undefined {
    if (run.status === "complete") return undefined;
    return { ...run.facts(this.owner), refId: run.refId, isLocal: false };
  }

  async #cancelRemote(
    refId: RefId,
    mayCancel: (task: TaskFacts) => boolean | Promise<boolean>,
  ): Promise<ToldTask | undefined> {
    for (let n = 0; n < MOST_CONFLICTS; n++) {
      const known = await this.#remote.read(refId);
      if (known === undefined || !(await mayCancel(known))) return undefined;
      if (isOver(known.state) || known.state.isCancelling) return { ...known, isLocal: false };
      const isWaiting = known.state.owner === null;
      const status = isWaiting ? "cancelled" : known.state.status;
      const changed = await this.records.change(known, withState(known, { status, isCancelling: true }));
      if (changed === undefined) continue;
      if (isWaiting) await this.#runner.withdraw(refId).catch(nothing); // who gets it finds it cancelled
      this.announce(refId, TASK_CANCELLED);
      this.announce(refId);
      return { ...changed, isLocal: false };
    }
    throw new TaskRefusedError("The task changes all the time.");
  }

  /** Does what is to be done about a task whose record has just been read. */
  async #heed(known: KnownTask): Promise<KnownTask> {
    const verdict = this.#abandoned.judge(known);
    if (verdict === "leave" || (verdict === "take_over" && !this.hasRoom)) return known;
    if (verdict === "take_over") return (await this.takeOver(known)) ?? known;
    return (await this.giveUp(known, verdict)) ?? known;
  }

  async #lookAgain(refId: RefId): Promise<void> {
    const isLocal = this.local.get(refId) !== undefined;
    const known = isLocal ? undefined : await this.#remote.read(refId).catch(nothing);
    if (known === undefined) this.#abandoned.forget(refId);
  }

  /** Notes that a task has come to no end; `undefined` where somebody else was first. */
  async giveUp(known: KnownTask, verdict: keyof typeof FAILURES): Promise<KnownTask | undefined> {
    const isThere = await this.#backend.exists(known.refId); // its server died before it could say so
    const status = isThere ? "complete" : known.state.isCancelling ? "cancelled" : "failed";
    const error = status === "failed" ? FAILURES[verdict] : undefined;
    const state = { status, error, eta: undefined, note: undefined, canRetry: true } as const;
    const changed = await this.records.change(known, withState(known, state));
    if (changed !== undefined) this.announce(known.refId);
    return changed;
  }

  /** Runs a task in the place of a server that has died; `undefined` where somebody else was first. */
  async takeOver(known: KnownTask): Promise<KnownTask | undefined> {
    const { order, runs } = known.state;
    const fn = order && this.functions.get(order.tool);
    if (order === undefined || fn === undefined) return undefined;
    const { owner } = this;
    const taken = withState(known, { owner, runs: runs + 1, status: "pending", note: undefined });
    const changed = await this.records.change(known, taken, this.options.lease);
    if (changed === undefined) return undefined;
    try {
      this.local.keep(fn.resume(order, known), changed);
      return changed;
    } catch (error) {
      const failed = { status: "failed", error: failureOf(error), canRetry: true } as const; // its caller has no place here
      return this.records.change(changed, withState(changed, failed));
    }
  }

  async #sweep(): Promise<void> {
    try {
      for (const refId of await this.records.abandoned(SWEPT_AT_ONCE))
        if (this.local.get(refId) === undefined) await this.#remote.read(refId).catch(nothing);
    } catch {
      // The store may be back at the next time.
    }
  }
}

/** What is told of tasks that come to no end by themselves. */
const FAILURES = {
  interrupted: failureBy(new TaskInterruptedError()),
  too_old: failureBy(new TaskTooOldError()),
  unknown: { code: "task_unknown", message: "No worker has the tool of this task in its version." },
  refused: failureBy(new TaskRefusedError("There was no room for the task.")),
} as const;

function failureBy({ code, message }: { readonly code: string; readonly message: string }): TaskFailure {
  return { code, message };
}

function withState({ guarded, toolName, state }: TaskFacts, changes: Partial<TaskState>): TaskFacts {
  return { guarded, toolName, state: { ...state, ...changes, updatedAt: Date.now() } };
}

/** Tells whether no equal call is to join a task. */
function isUnwanted({ isCancelling, isOutdated }: TaskState): boolean {
  return isCancelling || isOutdated;
}

/** Settles when a run does, whatever it comes to. */
function ended(run: Settling<unknown>): Settling<void> {
  return { onSettled: (listener) => run.onSettled(() => listener({ value: undefined })) };
}

function nothing(): void {}
