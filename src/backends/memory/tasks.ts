import { type Entry, isExpired } from "../../entry/entry.js";
import { decodeEntry, encodeEntry } from "../../entry/wire.js";
import { StoreFullError } from "../../errors.js";
import type { FoundTask, TaskStore } from "../backend.js";

/** Records kept before the oldest finished one goes. Unfinished ones never go before they expire. */
export const MOST_TASKS = 10_000;

interface Kept {
  /** As text, so that every reader has a copy of its own. */
  readonly text: string;
  readonly expiresAt: number | null;
  readonly revision: number;
  readonly name: string | undefined;
  /** By `performance.now()`, which nobody sets. */
  leaseEndsAt: number;
}

/** Records of tasks in the memory of this process. */
export class MemoryTasks implements TaskStore {
  readonly #unfinished = new Map<string, Kept>();
  /** The one that was finished first comes first. */
  readonly #finished = new Map<string, Kept>();
  readonly #names = new Map<string, string>();

  /**
   * See {@link TaskStore.addTask}.
   * @throws {StoreFullError} when there are {@link MOST_TASKS}, all unfinished.
   */
  async addTask(
    refId: string,
    record: Entry,
    { lease, name }: { readonly lease: number; readonly name?: string },
  ): Promise<boolean> {
    if (this.#find(refId) !== undefined) return false;
    this.#makeRoom();
    if (name !== undefined) this.#names.set(name, refId);
    this.#unfinished.set(refId, { ...kept(record, 1, lease), name });
    return true;
  }

  /** See {@link TaskStore.readTask}. */
  async readTask(refId: string): Promise<FoundTask | undefined> {
    const task = this.#find(refId);
    if (task === undefined) return undefined;
    const leaseLeft = this.#unfinished.has(refId) ? task.leaseEndsAt - performance.now() : 0;
    const { text, revision } = task;
    return { record: decodeEntry(refId, text), revision, leaseLeft: Math.max(0, leaseLeft) };
  }

  /** See {@link TaskStore.changeTask}. */
  async changeTask(refId: string, record: Entry, revision: number, lease?: number): Promise<boolean> {
    const task = this.#find(refId);
    if (task?.revision !== revision) return false;
    const isFinished = lease === undefined ? this.#finished.has(refId) : lease <= 0;
    const { name, leaseEndsAt } = task;
    const changed = { ...kept(record, revision + 1, lease ?? 0), name };
    if (lease === undefined) changed.leaseEndsAt = leaseEndsAt;
    (isFinished ? this.#unfinished : this.#finished).delete(refId);
    (isFinished ? this.#finished : this.#unfinished).set(refId, changed);
    return true;
  }

  /** See {@link TaskStore.renewTask}. */
  async renewTask(refId: string, revision: number, lease: number): Promise<boolean> {
    const task = this.#find(refId);
    if (task?.revision !== revision || this.#finished.has(refId)) return false;
    task.leaseEndsAt = performance.now() + lease;
    return true;
  }

  /** See {@link TaskStore.taskOf}. */
  async taskOf(name: string): Promise<string | undefined> {
    const refId = this.#names.get(name);
    return refId !== undefined && this.#find(refId) !== undefined ? refId : undefined;
  }

  /** See {@link TaskStore.abandonedTasks}. */
  async abandonedTasks(limit: number): Promise<readonly string[]> {
    const now = performance.now();
    const abandoned: string[] = [];
    for (const [refId, { leaseEndsAt }] of this.#unfinished) {
      if (abandoned.length >= limit) break;
      if (leaseEndsAt <= now && this.#find(refId) !== undefined) abandoned.push(refId);
    }
    return abandoned;
  }

  /** Removes what has expired. */
  sweep(): void {
    for (const tasks of [this.#unfinished, this.#finished])
      for (const refId of tasks.keys()) this.#find(refId);
  }

  /** Removes everything. */
  clear(): void {
    for (const part of [this.#unfinished, this.#finished, this.#names]) part.clear();
  }

  /** A live record; an expired one is removed on the way. */
  #find(refId: string): Kept | undefined {
    const task = this.#unfinished.get(refId) ?? this.#finished.get(refId);
    if (task === undefined || !isExpired(task, Date.now())) return task;
    this.#remove(refId, task);
    return undefined;
  }

  #makeRoom(): void {
    if (this.#unfinished.size + this.#finished.size < MOST_TASKS) return;
    this.sweep();
    if (this.#unfinished.size >= MOST_TASKS)
      throw new StoreFullError(
        `The memory store keeps ${MOST_TASKS} unfinished tasks at most. Let some finish first.`,
      );
    const [oldest] = this.#finished;
    if (oldest !== undefined && this.#unfinished.size + this.#finished.size >= MOST_TASKS)
      this.#remove(...oldest);
  }

  #remove(refId: string, { name }: Kept): void {
    this.#unfinished.delete(refId);
    this.#finished.delete(refId);
    if (name !== undefined && this.#names.get(name) === refId) this.#names.delete(name);
  }
}

function kept(record: Entry, revision: number, lease: number): Omit<Kept, "name"> {
  const { expiresAt } = record;
  return { text: encodeEntry(record), expiresAt, revision, leaseEndsAt: performance.now() + lease };
}
