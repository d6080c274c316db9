import type { Questions } from "./access/control.js";
import type { Usage } from "./access/usage.js";
import type { Result } from "./answer.js";
import type { Call, Prepared } from "./call.js";
import type { Found } from "./coordination/leased-runs.js";
import type { Disclosure } from "./disclosure.js";
import type { Place } from "./placement.js";
import type { TaskRun } from "./tasks/task-run.js";

/** One call on its way: who asks, on whose behalf, what it has used, and where its result goes. */
export interface Running {
  readonly call: Call;
  /** Of who asks: the caller, or whom `runAs` put in the caller's place. */
  readonly questions: Questions;
  readonly usage: Usage;
  readonly place: Place;
  readonly disclosure: Disclosure;
  /** What its result is invalidated by; known once its arguments are. */
  readonly tags: readonly string[];
  /** Its execution, where that may become a task. */
  readonly run?: TaskRun<Produced> | undefined;
}

/** A call whose arguments are known. */
export interface Ready {
  readonly running: Running;
  readonly prepared: Prepared;
  /** The name of its result; `undefined` where it has none. */
  readonly memo: string | undefined;
}

/** A result, and the run that made it; `undefined` where it was found. */
export interface Produced extends Result {
  readonly by?: Usage;
}

/** What a call's name leads to. */
export interface Recall extends Found<Produced> {
  /** Whether the store could not be asked. */
  readonly hasFailed?: boolean;
}

/** What a run threw, with what it had used by then: others than its own caller may have joined it. */
export class RunFailure {
  constructor(
    readonly cause: unknown,
    readonly usage: Usage,
  ) {}
}

/** What kept a call from being made, as its caller is to be told it. */
export class NotReady {
  constructor(readonly cause: unknown) {}
}

/** What was thrown in the course of a call, as its function or its arguments' validation threw it. */
export function causeOf(thrown: unknown): unknown {
  return thrown instanceof RunFailure || thrown instanceof NotReady ? thrown.cause : thrown;
}
