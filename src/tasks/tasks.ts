import { LRUCache } from "lru-cache";
import { nanoid } from "nanoid";
import type { Protection } from "../at-rest/protection.js";
import { type CacheBackend, type ChannelStore, hasChannel, hasTasks } from "../backends/backend.js";
import { MemoryTasks } from "../backends/memory/tasks.js";
import { Wakeups } from "../coordination/wakeups.js";
import { ConfigurationError, TaskCancelledError, TaskInterruptedError, TaskRefusedError } from "../errors.js";
import type { Logger } from "../logger.js";
import type { RefId } from "../reference.js";
import { Callers, type CallerWait } from "./callers.js";
import { Caretaker } from "./caretaker.js";
import { InProcessRunner } from "./in-process-runner.js";
import { LocalTasks } from "./local-tasks.js";
import type { ResolvedTaskOptions } from "./options.js";
import { performTask } from "./perform.js";
import { type KnownTask, type TaskFacts, TaskRecords, withState } from "./records.js";
import { RemoteTasks, type RemoteWait } from "./remote-tasks.js";
import { RetryLater } from "./retry-later.js";
import type { Delivery, Performed, TaskRunner } from "./runner.js";
import { isOver, TASK_CANCELLED, TASK_CHANGED, type TaskState } from "./task.js";
import type { ProgressListener, TaskRun } from "./task-run.js";
import type { Deferred, ToldTask } from "./told-task.js";
import { allOf, type Settling, within } from "./waiting.js";

/** What it takes to run a call, here or elsewhere. */
export interface TaskWork<T> {
  /** Runs it in this process. */
  runHere(): Promise<T>;
  /** What is made of a task that another process has run. */
  resultOf(known: KnownTask): Promise<T>;
}

/** Milliseconds that functions get to end once they are aborted, and their ends to be noted, as the server ends. */
const ENDING_MS = 3000;
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
  /** This server, in records. */
  readonly owner = nanoid();
  readonly records: TaskRecords;
  readonly local: LocalTasks;
  readonly caretaker: Caretaker;
  readonly #inProcess: InProcessRunner;
  readonly #runner: TaskRunner;
  readonly #channel: ChannelStore | undefined;
  readonly #remote: RemoteTasks;
  readonly #callers: Callers;
  readonly #cancellations: Wakeups;
  readonly #logger: Logger;
  readonly #runs = new Set<TaskRun<unknown>>();
  readonly #complete = new LRUCache<RefId, true>({ max: MOST_FINISHED });
  #isClosing = false;

  /** @throws {ConfigurationError} when the backend keeps nothing that a runner could bring to other processes. */
  constructor({ backend, protection, logger, options, onEnd }: TasksOptions) {
    const { lease } = options;
    this.options = options;
    this.#inProcess = new InProcessRunner(options.concurrency, options.queue);
    this.#runner = options.runner ?? this.#inProcess;
    if (options.runner !== undefined && !hasTasks(backend))
      throw new ConfigurationError("tasks.runner", "needs a backend that keeps records of tasks (TaskStore)");
    this.records = new TaskRecords(hasTasks(backend) ? backend : new MemoryTasks(), protection, options.keep);
    this.#channel = hasChannel(backend) ? backend : undefined;
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
    const { records, local, owner } = this;
    this.caretaker = new Caretaker({
      ...{ backend, records, local, owner, lease },
      hasRoom: () => this.hasRoom,
      announce: (refId) => this.announce(refId),
    });
    this.#remote = new RemoteTasks((refId) => this.caretaker.read(refId), this.#channel);
    this.#callers = new Callers({ records, local, owner, unfinished: (name) => this.unfinished(name) });
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

  /** See {@link Callers.wait}. */
  wait<T>(run: TaskRun<T>, wait: CallerWait): Promise<T | Deferred> {
    return this.#callers.wait(run, wait);
  }

  /** What is known of a task that is not complete; `undefined` where there is nothing to be told. */
  async look(refId: RefId): Promise<ToldTask | undefined> {
    if (this.#complete.has(refId)) return undefined;
    const run = this.#runOf(refId);
    return run === undefined ? this.#told(await this.caretaker.read(refId)) : this.#toldLocal(run);
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
    const follow = () => this.follow(run, refId);
    const isQueued = state.owner === null && state.order?.isElsewhere === true;
    if (!isQueued || this.#runner === this.#inProcess) return follow();
    return this.#runner.run<KnownTask>({
      runHere: follow,
      runElsewhere: async (submit) => {
        await submit(refId);
        return follow();
      },
      onAbort: (listener) => run.abort.onAbort(listener),
    });
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
    this.caretaker.close();
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
    else if (this.local.isKept(run)) run.handOver();
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
      if (known !== undefined) await this.caretaker.giveUp(known, "refused").catch(nothing);
      throw error;
    }
    run.abort.onAbort((reason) => {
      if (reason instanceof TaskCancelledError) this.#cancelRemote(refId, () => true).catch(nothing);
    });
    return this.follow(run, refId);
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
      const known = await this.caretaker.read(refId);
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
