import type { Call, Prepared } from "./call.js";
import type { EntryHead } from "./entry/entry.js";
import type { EntryStore } from "./entry-store.js";
import { HiddenArgumentError, ReferenceUnavailableError, StoreError } from "./errors.js";
import { type EntrySource, type IsHidden, type ResolutionLimits, resolveReferences } from "./resolution.js";
import type { Running } from "./running.js";

/** What the arguments of a function's calls are made ready with. */
export interface CallArgumentsOptions {
  readonly store: EntryStore;
  readonly limits: ResolutionLimits;
  /** Which members of the arguments take references. */
  readonly resolveRefs: boolean | readonly string[];
}

/** Makes the arguments of calls ready for a function. */
export class CallArguments {
  readonly #store: EntryStore;
  readonly #limits: ResolutionLimits;
  readonly #resolveRefs: boolean | readonly string[];

  constructor({ store, limits, resolveRefs }: CallArgumentsOptions) {
    this.#store = store;
    this.#limits = limits;
    this.#resolveRefs = resolveRefs;
  }

  /**
   * Puts values where references are, and validates the first parameter where the call asks for it.
   * @throws what may be told of why they do not fit; {StoreError}
   */
  async prepare(running: Running): Promise<Prepared> {
    const { call, questions } = running;
    if (this.#resolveRefs === false) return { params: call.params, missing: [] };
    const source = this.#store.sourceFor(questions, "use");
    const isHidden = (head: EntryHead) => !questions.surelyPermits("get", head);
    const resolved = await this.#resolve(call, source, isHidden).catch(async (error: unknown) => {
      throw error instanceof StoreError ? error : await this.#misfit(error, running);
    });
    if (call.validate === undefined) return resolved;
    const { params, missing } = resolved;
    const [first, ...others] = params;
    try {
      return { params: [await call.validate(first), ...others], missing };
    } catch (error) {
      throw missing.length > 0 ? new ReferenceUnavailableError() : await this.#misfit(error, running);
    }
  }

  #misfit(error: unknown, { disclosure }: Running): Promise<unknown> {
    return disclosure.errorFor(error, () => new HiddenArgumentError());
  }

  async #resolve(call: Call, source: EntrySource, isHidden: IsHidden): Promise<Prepared> {
    const limits = this.#limits;
    const keyed = call.params.slice(0, call.keyed);
    if (this.#resolveRefs === true) {
      const { value, missing } = await resolveReferences(keyed, source, limits, isHidden);
      return { params: [...(value as unknown[]), ...call.params.slice(keyed.length)], missing };
    }
    const members = pickMembers(keyed[0], this.#resolveRefs || []);
    const { value, missing } = await resolveReferences(members, source, limits, isHidden);
    const first =
      Object.keys(members).length === 0 ? keyed[0] : { ...(keyed[0] as object), ...(value as object) };
    return { params: [first, ...call.params.slice(1)], missing };
  }
}

function pickMembers(args: unknown, members: readonly string[]): Record<string, unknown> {
  const given = typeof args === "object" && args !== null ? Object.entries(args) : [];
  return Object.fromEntries(given.filter(([member]) => members.includes(member)));
}
