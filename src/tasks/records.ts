import type { Guarded } from "../access/checker.js";
import type { Protection } from "../at-rest/protection.js";
import type { TaskStore } from "../backends/backend.js";
import type { Entry } from "../entry/entry.js";
import { EntryUnreadableError } from "../errors.js";
import type { RefId } from "../reference.js";
import { readTaskState, writeTaskState } from "./state-wire.js";
import { isOver, type TaskState } from "./task.js";

/** A task as its record tells it. */
export interface KnownTask {
  readonly refId: RefId;
  /** Who may know of it, and what for. */
  readonly guarded: Guarded;
  readonly toolName: string | null;
  readonly state: TaskState;
  readonly revision: number;
  /** Milliseconds until it counts as abandoned. */
  readonly leaseLeft: number;
}

/** What a record is made of. */
export type TaskFacts = Pick<KnownTask, "guarded" | "toolName" | "state">;

/** Reads and writes the records of tasks, sealed as entries are. */
export class TaskRecords {
  readonly #store: TaskStore;
  readonly #protection: Protection;
  readonly #keep: number;

  /** @param keep milliseconds for which a record outlives its task. */
  constructor(store: TaskStore, protection: Protection, keep: number) {
    this.#store = store;
    this.#protection = protection;
    this.#keep = keep;
  }

  /** Stores the first record; `undefined` where there is one already. */
  async add(refId: RefId, facts: TaskFacts, lease: number, name?: string): Promise<KnownTask | undefined> {
    const options = name === undefined ? { lease } : { lease, name };
    const isAdded = await this.#store.addTask(refId, await this.#sealed(refId, facts), options);
    return isAdded ? { ...facts, refId, revision: 1, leaseLeft: lease } : undefined;
  }

  /**
   * A live record; one that the store has damaged is none.
   * @throws {DecryptionError}
   */
  async read(refId: RefId): Promise<KnownTask | undefined> {
    const found = await this.#store.readTask(refId);
    const record = found && (await this.#protection.open(bindingOf(refId), found.record));
    if (found === undefined || record === undefined) return undefined;
    const { namespace, policy, metadata } = record;
    const { revision, leaseLeft } = found;
    const state = readState(refId, record);
    return { refId, guarded: { namespace, policy }, toolName: metadata.toolName, state, revision, leaseLeft };
  }

  /**
   * Replaces a record; `undefined` where it has changed since it was read. A finished task has no lease any more.
   * @param lease milliseconds; without, it stays as it is.
   */
  async change(known: KnownTask, facts: TaskFacts, lease?: number): Promise<KnownTask | undefined> {
    const { refId, revision } = known;
    const length = isOver(facts.state) ? 0 : lease;
    const isChanged = await this.#store.changeTask(refId, await this.#sealed(refId, facts), revision, length);
    const leaseLeft = length ?? known.leaseLeft;
    return isChanged ? { ...facts, refId, revision: revision + 1, leaseLeft } : undefined;
  }

  /** Makes the lease last so many milliseconds from now; `false` where the record has changed. */
  renew({ refId, revision }: KnownTask, lease: number): Promise<boolean> {
    return this.#store.renewTask(refId, revision, lease);
  }

  /** The task that an equal call began last. */
  async of(name: string): Promise<KnownTask | undefined> {
    const refId = await this.#store.taskOf(name);
    return refId === undefined ? undefined : this.read(refId);
  }

  /** Some unfinished tasks whose servers have died. */
  abandoned(limit: number): Promise<readonly string[]> {
    return this.#store.abandonedTasks(limit);
  }

  async #sealed(refId: RefId, { guarded, toolName, state }: TaskFacts): Promise<Entry> {
    const json = writeTaskState(state);
    return this.#protection.seal(bindingOf(refId), {
      json,
      namespace: guarded.namespace,
      policy: guarded.policy,
      createdAt: state.startedAt,
      expiresAt: (isOver(state) ? state.updatedAt : state.deadline) + this.#keep,
      metadata: { toolName, totalItems: null, totalSize: Buffer.byteLength(json), strictJson: true },
    });
  }
}

/** What a record is bound to under encryption: nobody can make an entry of it. */
function bindingOf(refId: RefId): string {
  return `task/${refId}`;
}

function readState(refId: RefId, { json }: Entry): TaskState {
  try {
    return readTaskState(json);
  } catch {
    throw new EntryUnreadableError(refId, "its task record is malformed");
  }
}

/** What is known of a task, in another state. */
export function withState({ guarded, toolName, state }: TaskFacts, changes: Partial<TaskState>): TaskFacts {
  return { guarded, toolName, state: { ...state, ...changes, updatedAt: Date.now() } };
}
