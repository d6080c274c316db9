import type { Actor } from "./actor.js";
import type { Guarded } from "./checker.js";
import { meet, policyWithin } from "./meet.js";
import type { Policy } from "./policy.js";

/** What one call has used: the policies of every value that reached its function. */
export class Usage {
  /** On whose behalf the call runs, whoever asks for a value in its course. */
  readonly caller: Actor;
  readonly #policies = new Map<string, Policy>();

  /** @param outer the call in whose course this one is made: what that used may be in this one's arguments. */
  constructor(caller: Actor, outer?: Usage) {
    this.caller = caller;
    if (outer !== undefined) this.include(outer);
  }

  /** The policies of what was used, each with what its namespace demands; equal ones once. */
  get policies(): readonly Policy[] {
    return [...this.#policies.values()];
  }

  /** Notes a value that is about to reach the function. */
  add(used: Guarded): void {
    const policy = policyWithin(used);
    this.#policies.set(JSON.stringify(policy), policy);
  }

  /** Notes all that another call used. */
  include(other: Usage): void {
    for (const [text, policy] of other.#policies) this.#policies.set(text, policy);
  }

  /** A policy closed to all who may not do the same with everything that was used. */
  restrict(policy: Policy): Policy {
    return this.policies.reduce(meet, policy);
  }
}
