import type { Guarded } from "../access/checker.js";
import { currentUsage } from "../access/current.js";
import type { Usage } from "../access/usage.js";
import { ConfigurationError, TaskCancelledError, TaskInterruptedError, TaskTooOldError } from "../errors.js";
import type { RefId } from "../reference.js";
import { LazyAbort } from "./abort.js";
import { ProgressMeter } from "./progress.js";
import type { TaskFacts } from "./records.js";
import { RetryLater } from "./retry-later.js";
import type {
  TaskContext,
  TaskFailure,
  TaskFormat,
  TaskOrder,
  TaskProgress,
  TaskState,
  TaskStatus,
} from "./task.js";
import type { Settled, Settling } from "./waiting.js";

/** What is the same for all tasks of a function. */
export interface TaskTraits {
  /** Milliseconds. */
  readonly maxAge: number;
  readonly format: TaskFormat;
  readonly isIdempotent: boolean;
  /** Attempts after the first. */
  readonly retries: number;
}

/** A call that may become a task. */
export interface TaskCall {
  readonly toolName: string;
  /** By what equal calls find it; `undefined` where none can. */
  readonly name: string | undefined;
  readonly usage: Usage;
  readonly starter: string;
  readonly traits: TaskTraits;
  readonly expectedSchema: unknown;
  /** Who may know of it now: what was used so far counts. */
  guarded(): Guarded;
  /** Whether nothing was invalidated since it began that its result bears. */
  isCurrent(): boolean;
  /**
   * What it takes to run it in another process; `undefined` where it cannot be.
   * @param isElsewhere see {@link TaskOrder.isElsewhere}.
   */
  order(isElsewhere: boolean): TaskOrder | undefined;
  /** What is told of an error to those who may know it. */
  failureOf(error: unknown): TaskFailure;
  /** A new reference. */
  mint(): RefId;
}

/** What is known of the record of a task that this server takes over. */
export type TakenOver = Pick<TaskState, "startedAt" | "deadline" | "retryCount" | "runs" | "order">;

/** Who waits for a run hears of its progress, with who may know it. */
export type ProgressListener = (progress: TaskProgress, guarded: Guarded) => void;

/**
 * One execution of a call, from its beginning to its end, however many wait for it. It costs next to nothing as long as
 * nobody asks for its reference, signal or progress.
 */
export class TaskRun<T = unknown> implements Settling<T> {
  readonly abort = new LazyAbort();
  readonly call: TaskCall;
  /** The task in whose place this run has nothing to do but to wait: another server, or worker, runs it. */
  following: RefId | undefined;
  /** Whether its function is to run, or runs, in this process, as far as is known. */
  isHere = false;
  /** Whether its result is being stored: it will be there in a moment. */
  isSaving = false;
  /** Whether something was invalidated since it began that its result bears: equal calls begin anew. */
  isOutdated = false;
  /** Lets go of what keeps equal calls of other servers waiting. */
  letOthersRun: () => void = () => {};
  /** Whether somebody was given its reference, or that of the task that it follows. */
  isTold = false;
  /** Whether its task is another server's by now, or was given up by others. */
  isLost = false;
  /** Callers that wait for it now. */
  waiting = 0;
  retryCount: number;
  readonly takenOver: TakenOver | undefined;
  readonly #startedAt: number;
  #settled: Settled<T> | undefined;
  /** Of `T`, which would else be the only one that a run can be told to be of. */
  #onSettled: Set<(settled: Settled<never>) => void> | undefined;
  #isPutBack = false;
  #begunAt = 0;
  #status: TaskStatus = "pending";
  #refId: RefId | undefined;
  #meter: ProgressMeter | undefined;
  #context: TaskContext | undefined;
  #order: TaskOrder | undefined;
  #note: string | undefined;
  #error: TaskFailure | undefined;
  #listeners: Set<ProgressListener> | undefined;
  #onChange: () => void = () => {};

  /** Begins at once. */
  constructor(call: TaskCall, work: (run: TaskRun<T>) => Promise<T>, refId?: RefId, takenOver?: TakenOver) {
    this.call = call;
    this.#refId = refId;
    this.takenOver = takenOver;
    this.#startedAt = takenOver?.startedAt ?? Date.now();
    this.retryCount = takenOver?.retryCount ?? 0;
    work(this).then(
      (value) => this.#settle({ value }),
      (error) => this.#settle({ error }),
    );
  }

  get status(): TaskStatus {
    return this.#status;
  }

  /** Whether the outcome is known. */
  get isSettled(): boolean {
    return this.#settled !== undefined;
  }

  /** What it comes to. */
  get outcome(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.onSettled((settled) => ("error" in settled ? reject(settled.error) : resolve(settled.value)));
    });
  }

  /** Calls a listener once the outcome is known, and now where it is; until the function that it returns is called. */
  onSettled(listener: (settled: Settled<T>) => void): () => void {
    if (this.#settled !== undefined) listener(this.#settled);
    this.#onSettled ??= new Set();
    const listeners = this.#onSettled.add(listener);
    return () => listeners.delete(listener);
  }

  /** The reference that the result will have, made when it is first asked for. */
  get refId(): RefId {
    this.#refId ??= this.call.mint();
    return this.#refId;
  }

  /** The reference, if anybody has asked for it. */
  get knownRefId(): RefId | undefined {
    return this.#refId;
  }

  /** When it is given up, in Unix milliseconds. */
  get deadline(): number {
    return this.takenOver?.deadline ?? this.#startedAt + this.call.traits.maxAge;
  }

  /** What the function gets. */
  get context(): TaskContext {
    this.#context ??= new RunContext(this.abort, (progress) => this.#report(progress));
    return this.#context;
  }

  /** What was told last of how far it is. */
  get progress(): TaskProgress | undefined {
    return this.#meter?.latest;
  }

  /**
   * Says that it is for another process to run.
   * @throws {ConfigurationError} when none could.
   */
  goElsewhere(): void {
    this.#order = this.call.order(true);
    if (this.#order === undefined) throw new ConfigurationError("tasks.runner", NOT_PORTABLE);
    this.isHere = false;
    this.following = this.refId;
  }

  /** Says that it runs from now on. */
  begin(): void {
    this.#status = "processing";
    this.#begunAt = Date.now();
    this.#onChange();
  }

  /** Says what it waits for, if anything. */
  note(note: string | undefined): void {
    if (note === this.#note) return;
    this.#note = note;
    this.#onChange();
  }

  /** Says how it has ended. */
  end(status: "complete" | "failed" | "cancelled", error?: TaskFailure): void {
    this.#status = status;
    this.#error = error;
    this.#note = undefined;
  }

  /** Says that it is to be run again, by whoever takes it. */
  putBack(): void {
    this.#status = "pending";
    this.#note = undefined;
    this.#isPutBack = true;
  }

  /** Wants it to end: it ends when its function does. */
  cancel(): void {
    this.abort.abort(new TaskCancelledError());
    this.#onChange();
  }

  /** Gives it up, whatever its function does. */
  expire(): void {
    this.#giveUpBy(new TaskTooOldError());
  }

  /** As {@link TaskRun.expire}, as the server ends or the task is another's. */
  interrupt(): void {
    this.#giveUpBy(new TaskInterruptedError());
  }

  /** Gives it up, as its server ends, in favour of another where that may run it again. */
  handOver(): void {
    if (!this.call.traits.isIdempotent || this.#orderToRepeat === undefined) {
      this.interrupt();
    } else {
      this.release();
    }
  }

  /** Gives it up here, as another process goes on with it. */
  release(): void {
    this.abort.abort(new TaskInterruptedError());
    this.#settle({ error: new RetryLater(0) });
  }

  /** Calls a listener at each change of the state. One at a time. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Calls a listener with each progress that is told, until the function that it returns is called. */
  listen(listener: ProgressListener): () => void {
    this.#listeners ??= new Set();
    const listeners = this.#listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Tells those who wait how far it is. */
  tell(progress: TaskProgress, guarded: Guarded): void {
    for (const listener of this.#listeners ?? []) listener(progress, guarded);
  }

  /** All that is known of it. */
  facts(owner: string | null): TaskFacts {
    const { call } = this;
    return { guarded: call.guarded(), toolName: call.toolName || null, state: this.#state(owner) };
  }

  #state(owner: string | null): TaskState {
    const { call, takenOver } = this;
    const { traits } = call;
    const isFailed = this.#status === "failed";
    const isNobodys = owner === null || this.#isPutBack;
    return {
      status: this.#status,
      startedAt: this.#startedAt,
      updatedAt: Date.now(),
      deadline: this.deadline,
      progress: this.#meter?.latest,
      eta: this.#status === "processing" ? this.#meter?.eta : undefined,
      note: this.#note,
      error: this.#error,
      retryCount: this.retryCount,
      canRetry: isFailed || this.retryCount < traits.retries,
      isCancelling: this.abort.reason instanceof TaskCancelledError,
      isOutdated: this.isOutdated,
      starter: call.starter,
      owner: isNobodys ? null : owner,
      runs: (takenOver?.runs ?? 0) + (isNobodys ? 0 : 1),
      isIdempotent: traits.isIdempotent,
      expectedSchema: call.expectedSchema,
      format: traits.format,
      order: this.#orderToRepeat,
    };
  }

  /** What another process would need, where one may have to run it. */
  get #orderToRepeat(): TaskOrder | undefined {
    this.#order ??= this.takenOver?.order;
    if (this.call.traits.isIdempotent) this.#order ??= this.call.order(false);
    return this.#order;
  }

  /** The first outcome stays. */
  #settle(settled: Settled<T>): void {
    if (this.#settled !== undefined) return;
    this.#settled = settled;
    for (const listener of this.#onSettled ?? []) listener(settled as Settled<never>);
  }

  #giveUpBy(reason: Error): void {
    this.abort.abort(reason);
    this.#settle({ error: this.abort.reason instanceof TaskCancelledError ? this.abort.reason : reason });
  }

  #report(progress: TaskProgress): void {
    if (this.abort.reason !== undefined || this.#status !== "processing") return;
    const hidden = this.#hiddenNow();
    if (hidden === undefined) this.#meter ??= new ProgressMeter(this.#begunAt);
    const meter = hidden === undefined ? this.#meter : new ProgressMeter(this.#begunAt);
    if (meter?.report(progress, Date.now()) !== true) return;
    if (hidden === undefined) this.#onChange();
    const { latest } = meter;
    if (latest !== undefined && this.#listeners !== undefined)
      this.tell(latest, hidden ?? this.call.guarded());
  }

  /**
   * A call within this one that tells in its place may have used more than it, which those who may know of this one may
   * not see: that is told to who listens and may, and not noted. `undefined` where it has not.
   */
  #hiddenNow(): Guarded | undefined {
    const teller = currentUsage();
    if (teller === undefined || teller === this.call.usage) return undefined;
    const { namespace, policy: own } = this.call.guarded();
    const policy = teller.restrict(own);
    return JSON.stringify(policy) === JSON.stringify(own) ? undefined : { namespace, policy };
  }
}

const NOT_PORTABLE =
  "the argument of this call is not plain data of at most 256 KiB, or its tool has no name, so no other process can run it";

/** Its signal is made when it is asked for. */
class RunContext implements TaskContext {
  readonly #abort: LazyAbort;

  constructor(
    abort: LazyAbort,
    readonly progress: TaskContext["progress"],
  ) {
    this.#abort = abort;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }
}
