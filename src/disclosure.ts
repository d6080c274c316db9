import type { Questions } from "./access/control.js";
import type { Usage } from "./access/usage.js";
import { type FailureLog, hideFailure } from "./hidden-failure.js";

/** The call whose tellings are decided about. */
export interface DisclosedCall {
  /** What the call has used so far. */
  readonly usage: Usage;
  /** What the call around it has used, which then has used all that it is told. */
  readonly outer: Usage | undefined;
  /** For the log. */
  readonly tool: string;
}

/** Decides what of a call may be told to its caller: what it says may be made of all that it used. */
export class Disclosure {
  readonly #questions: Questions;
  readonly #call: DisclosedCall;
  readonly #log: FailureLog;

  /** @param questions the caller's. */
  constructor(questions: Questions, call: DisclosedCall, log: FailureLog) {
    this.#questions = questions;
    this.#call = call;
    this.#log = log;
  }

  /** Tells whether the caller may READ all that was used so far. */
  mayTell(): Promise<boolean> {
    return this.#questions.mayReadAll(this.#call.usage);
  }

  /** Notes that the call around is told, and may make something of it. */
  told(): void {
    this.#call.outer?.include(this.#call.usage);
  }

  /** The error to throw: the one that was thrown, where it may be told; else what `hide` puts in its place. */
  async errorFor(error: unknown, hide = () => this.#hide(error)): Promise<unknown> {
    if (await this.mayTell()) {
      this.told();
      return error;
    }
    this.#questions.record("withhold", WITHHELD, null);
    return hide();
  }

  #hide(error: unknown): Error {
    return hideFailure(error, this.#call.tool, this.#log);
  }
}

/** How it stands on the audit record. */
export const WITHHELD = { permitted: false, reason: "hidden" };
