/**
 * Runs the calls of tools with `asyncTimeout`: in this process, as {@link InProcessRunner} does, or in others. There, the
 * record in the store tells what becomes of a call; a runner only brings its reference to a process that performs it, by
 * {@link RefCache.performTask}, and brings it again when that process dies.
 */
export interface TaskRunner {
  /**
   * Runs a call to its end, by one of the two methods that it has.
   * @throws {TaskRefusedError} when there is no room for it; what the call throws.
   */
  run<T>(call: RunnableCall<T>): Promise<T>;
  /** Takes back a task that no process has begun; tells whether it could. */
  withdraw(refId: string): Promise<boolean>;
  /** Releases connections. What other processes have, they keep. */
  close(): Promise<void>;
}

/** A call for a {@link TaskRunner}. */
export interface RunnableCall<T> {
  /** Runs it in this process. Once. */
  runHere(): Promise<T>;
  /**
   * Stores it as a pending task, gives its reference to `submit`, and waits for its end. What `submit` throws is the end
   * of the task.
   */
  runElsewhere(submit: (refId: string) => Promise<void>): Promise<T>;
  /** Calls a listener when nobody wants the call any more; until the function that it returns is called. */
  onAbort(listener: (reason: Error) => void): () => void;
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
