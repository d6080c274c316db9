import type { CacheBackend } from "../backends/backend.js";
import { TaskInterruptedError, TaskRefusedError, TaskTooOldError } from "../errors.js";
import type { RefId } from "../reference.js";
import { AbandonedTasks } from "./abandoned.js";
import { failureOf } from "./failure.js";
import { type TaskFunction, type TaskFunctionOwner, TaskFunctions } from "./functions.js";
import type { LocalTasks } from "./local-tasks.js";
import { type KnownTask, type TaskRecords, withState } from "./records.js";
import type { TaskFailure } from "./task.js";

/** Abandoned tasks looked at in one sweep. */
const SWEPT_AT_ONCE = 100;

/** What a {@link Caretaker} is made with. */
export interface CaretakerOptions {
  readonly backend: CacheBackend;
  readonly records: TaskRecords;
  readonly local: LocalTasks;
  /** This server, in records. */
  readonly owner: string;
  /** Milliseconds. */
  readonly lease: number;
  /** Whether a task that is taken over can begin at once. */
  hasRoom(): boolean;
  /** Called when the record of a task has changed. */
  announce(refId: RefId): void;
}

/** Looks after the tasks of servers that have died: gives them up, or runs them again. */
export class Caretaker {
  readonly functions = new TaskFunctions();
  readonly #options: CaretakerOptions;
  readonly #abandoned: AbandonedTasks;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: CaretakerOptions) {
    this.#options = options;
    this.#abandoned = new AbandonedTasks(
      options.lease,
      (tool) => this.functions.has(tool),
      (refId) => void this.#lookAgain(refId),
    );
  }

  /**
   * Makes a function known that may run orders. From now on this server looks after abandoned tasks.
   * @param identity empty where no other process could know the function.
   */
  register(identity: string, fn: TaskFunction, owner: TaskFunctionOwner): void {
    if (identity !== "") this.functions.add(identity, fn, owner);
    this.#sweeper ??= setInterval(() => void this.#sweep(), this.#options.lease / 2).unref();
  }

  /**
   * What the record of a task says now, once what is to be done about it has been.
   * @throws {DecryptionError} | {StoreError}
   */
  async read(refId: RefId): Promise<KnownTask | undefined> {
    const known = await this.#options.records.read(refId);
    return known && this.#heed(known);
  }

  /** Sweeps no more. */
  close(): void {
    clearInterval(this.#sweeper);
  }

  /** Does what is to be done about a task whose record has just been read. */
  async #heed(known: KnownTask): Promise<KnownTask> {
    const verdict = this.#abandoned.judge(known);
    if (verdict === "leave" || (verdict === "take_over" && !this.#options.hasRoom())) return known;
    if (verdict === "take_over") return (await this.takeOver(known)) ?? known;
    return (await this.giveUp(known, verdict)) ?? known;
  }

  async #lookAgain(refId: RefId): Promise<void> {
    const isLocal = this.#options.local.get(refId) !== undefined;
    const known = isLocal ? undefined : await this.read(refId).catch(nothing);
    if (known === undefined) this.#abandoned.forget(refId);
  }

  /** Notes that a task has come to no end; `undefined` where somebody else was first. */
  async giveUp(known: KnownTask, verdict: keyof typeof FAILURES): Promise<KnownTask | undefined> {
    const isThere = await this.#options.backend.exists(known.refId); // its server died before it could say so
    const status = isThere ? "complete" : known.state.isCancelling ? "cancelled" : "failed";
    const error = status === "failed" ? FAILURES[verdict] : undefined;
    const state = { status, error, eta: undefined, note: undefined, canRetry: true } as const;
    const changed = await this.#options.records.change(known, withState(known, state));
    if (changed !== undefined) this.#options.announce(known.refId);
    return changed;
  }

  /** Runs a task in the place of a server that has died; `undefined` where somebody else was first. */
  async takeOver(known: KnownTask): Promise<KnownTask | undefined> {
    const { order, runs } = known.state;
    const fn = order && this.functions.get(order.tool);
    if (order === undefined || fn === undefined) return undefined;
    const { owner } = this.#options;
    const taken = withState(known, { owner, runs: runs + 1, status: "pending", note: undefined });
    const changed = await this.#options.records.change(known, taken, this.#options.lease);
    if (changed === undefined) return undefined;
    try {
      this.#options.local.keep(fn.resume(order, known), changed);
      return changed;
    } catch (error) {
      const failed = { status: "failed", error: failureOf(error), canRetry: true } as const; // its caller has no place here
      const ended = await this.#options.records.change(changed, withState(changed, failed));
      this.#options.announce(known.refId);
      return ended;
    }
  }

  async #sweep(): Promise<void> {
    try {
      for (const refId of await this.#options.records.abandoned(SWEPT_AT_ONCE))
        if (this.#options.local.get(refId) === undefined) await this.read(refId).catch(nothing);
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

function nothing(): void {}
