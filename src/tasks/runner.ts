/**
 * Runs tasks in other processes, whichever servers take the calls. The record in the store tells what becomes of a task;
 * a runner only brings its reference to a process that performs it, by {@link RefCache.performTask}, and brings it again
 * when that process dies.
 */
export interface TaskRunner {
  /**
   * Takes a task whose record is in the store, as pending; it is to be performed once, as soon as there is room.
   * @throws {TaskRefusedError} when it has no room for more; {StoreError} when its queue cannot be reached.
   */
  submit(refId: string): Promise<void>;
  /** Takes back a task that nobody has begun; tells whether it could. */
  withdraw(refId: string): Promise<boolean>;
  /** Releases connections. What was submitted stays submitted. */
  close(): Promise<void>;
}

/** How a task is brought to who is to perform it. */
export interface Delivery {
  /** Gives the task up, in favour of another process where it is idempotent. */
  readonly signal?: AbortSignal | undefined;
  /** Whether it is brought to no other process where this one does not have its function. Default `false`. */
  readonly isLastDelivery?: boolean | undefined;
}

/** What became of a task that was to be performed. */
export type Performed =
  /** It is over, or somebody else is at it: there is nothing left to do. */
  | { readonly outcome: "over" }
  /** It failed for a reason that may pass, and is to be performed again after so many milliseconds. */
  | { readonly outcome: "retry"; readonly delay: number };
