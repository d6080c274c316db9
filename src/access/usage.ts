import type { Actor } from "./actor.js";
import type { Guarded } from "./checker.js";
import { meet, policyWithin } from "./meet.js";
import type { Policy } from "./policy.js";

/** Policies kept before equal ones are looked for. */
const MOST_UNCHECKED = 64;

/** What one call has used: the policies of every value that reached its function. */
export class Usage {
  /** On whose behalf the call runs, whoever asks for a value in its course. */
  readonly caller: Actor;
  /** Whether nobody waits for the call any more: what its function sends while it runs goes nowhere. */
  isUnattended: boolean;
  #policies: Policy[] = [];
  #checked = 0;

  /** @param outer the call in whose course this one is made: what that used may be in this one's arguments. */
  constructor(caller: Actor, outer?: Usage) {
    this.caller = caller;
    this.isUnattended = outer?.isUnattended ?? false;
    if (outer !== undefined) this.include(outer);
  }

  /** The policies of what was used, each with what its namespace demands; equal ones once. */
  get policies(): readonly Policy[] {
    if (this.#checked < this.#policies.length) this.#removeEqual();
    return this.#policies;
  }

  /** Notes a value that is about to reach the function. */
  add(used: Guarded): void {
    this.#policies.push(policyWithin(used));
    if (this.#policies.length - this.#checked > MOST_UNCHECKED) this.#removeEqual();
  }

  /** Tells whether a value under this policy was used. */
  has(policy: Policy): boolean {
    const text = JSON.stringify(policy);
    return this.#policies.some((used) => used === policy || JSON.stringify(used) === text);
  }

  /** Notes all that another call used. */
  include(other: Usage): void {
    this.#policies.push(...other.policies);
  }

  /** A policy closed to all who may not do the same with everything that was used. */
  restrict(policy: Policy): Policy {
    return this.policies.reduce(meet, policy);
  }

  #removeEqual(): void {
    if (this.#policies.length > 1) {
      this.#policies = [
        ...new Map(this.#policies.map((policy) => [JSON.stringify(policy), policy])).values(),
      ];
    }
    this.#checked = this.#policies.length;
  }
}
