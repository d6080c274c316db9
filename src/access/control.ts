import type { Logger } from "../logger.js";
import { withTimeout } from "../with-timeout.js";
import type { Actor } from "./actor.js";
import { isId } from "./actor.js";
import type { AuditLog } from "./audit.js";
import { allScopesOf, type Decision, decide, type Guarded } from "./checker.js";
import { type Group, groupOf, PUBLIC_NAMESPACE } from "./namespace.js";
import { type Operation, REQUIRED } from "./operation.js";
import type { Usage } from "./usage.js";

/** Tells whether an actor belongs to an organisation or a group; what throws or takes over 5 seconds says no. */
export type Membership = (actor: Actor, group: Group) => boolean | Promise<boolean>;

/** What an {@link AccessControl} is made with. */
export interface AccessControlOptions {
  readonly members?: Membership | undefined;
  readonly audit?: AuditLog | undefined;
  readonly logger: Logger;
}

/** Milliseconds a membership hook may take. */
const MEMBERSHIP_TIMEOUT = 5000;

/** Asks policies and namespaces on behalf of a cache: the way to every decision, and to the record of it. */
export class AccessControl {
  readonly #members: Membership | undefined;
  readonly #audit: AuditLog | undefined;
  readonly #logger: Logger;

  constructor({ members, audit, logger }: AccessControlOptions) {
    this.#members = members;
    this.#audit = audit;
    this.#logger = logger;
  }

  /** Somebody's questions in the course of one operation; groups are asked about once in it. */
  questionsOf(actor: Actor): Questions {
    return new Questions(actor, this.#members && this.#askOf(this.#members), this.#audit);
  }

  /** A hook that has hung once is not asked again in the course of the operation. */
  #askOf(members: Membership): AsyncMembership {
    let hangs = false;
    return async (actor, group) => {
      if (hangs || actor.id === undefined || !isId(group.id)) return false;
      try {
        return (await withTimeout(MEMBERSHIP_TIMEOUT, async () => members(actor, group))) === true;
      } catch (error) {
        const name = error instanceof Error ? error.name : "no error was thrown";
        hangs = name === "TimeoutError";
        this.#logger.error(`The members function failed: ${name}. Nobody is taken for a member.`);
        return false;
      }
    };
  }
}

type AsyncMembership = (actor: Actor, group: Group) => Promise<boolean>;

/** One actor's questions in the course of one operation. */
export class Questions {
  readonly actor: Actor;
  readonly #isMember: AsyncMembership | undefined;
  readonly #audit: AuditLog | undefined;
  readonly #start: number;
  #known: Map<string, boolean | Promise<unknown>> | undefined;

  constructor(actor: Actor, isMember: AsyncMembership | undefined, audit: AuditLog | undefined) {
    this.actor = actor;
    this.#isMember = isMember;
    this.#audit = audit;
    this.#start = audit === undefined ? 0 : performance.now();
  }

  /** Decides and puts it on record. Waits only where a hook must be asked about groups. */
  permits(operation: Operation, guarded: Guarded, refId?: string): boolean | Promise<boolean> {
    const learning = this.#learnGroups(guarded);
    if (learning === undefined) return this.#onRecord(operation, guarded, refId);
    return learning.then(() => this.#onRecord(operation, guarded, refId));
  }

  #onRecord(operation: Operation, guarded: Guarded, refId: string | undefined): boolean {
    const decision = this.#decide(operation, guarded);
    if (this.#audit !== undefined) this.record(operation, decision, guarded.namespace, refId);
    return decision.permitted;
  }

  /** Decides for the cache's own purposes, off the record. */
  wouldPermit(operation: Operation, guarded: Guarded): boolean | Promise<boolean> {
    const learning = this.#learnGroups(guarded);
    if (learning === undefined) return this.surelyPermits(operation, guarded);
    return learning.then(() => this.surelyPermits(operation, guarded));
  }

  /** Like {@link Questions.wouldPermit}, without a turn of waiting: groups not asked about yet admit nobody. */
  surelyPermits(operation: Operation, guarded: Guarded): boolean {
    return this.#decide(operation, guarded).permitted;
  }

  /**
   * Tells whether the actor may READ every value that a call used.
   * @param but what another call used, which does not count.
   */
  async mayReadAll(usage: Usage, but?: Usage): Promise<boolean> {
    for (const policy of usage.policies) {
      if (but?.has(policy)) continue;
      if (!(await this.wouldPermit("get", { namespace: PUBLIC_NAMESPACE, policy }))) return false;
    }
    return true;
  }

  /** Puts on record what was not decided by a policy. */
  record(
    operation: string,
    { permitted, reason }: { permitted: boolean; reason: string },
    namespace: string | null,
    refId?: string,
  ): void {
    const { actor } = this;
    const milliseconds = performance.now() - this.#start;
    this.#audit?.record({ actor, operation, permitted, reason, namespace, refId, milliseconds });
  }

  #decide(operation: Operation, guarded: Guarded): Decision {
    const isMember = (group: Group) => this.#known?.get(keyOf(group)) === true;
    let decision: Decision | undefined;
    for (const required of REQUIRED[operation]) {
      decision = decide(this.actor, required, guarded, isMember);
      if (decision.permitted) break;
    }
    return decision as Decision;
  }

  /** Asks about the groups that are not known yet; `undefined` where there is nothing to wait for. */
  #learnGroups(guarded: Guarded): Promise<unknown> | undefined {
    const ask = this.#isMember;
    if (ask === undefined || this.actor.type === "system") return undefined;
    const groups = allScopesOf(guarded).flatMap((scope) => groupOf(scope) ?? []);
    const pending = groups.map((group) => this.#askOnce(group, ask)).filter((answer) => answer !== undefined);
    return pending.length === 0 ? undefined : Promise.all(pending);
  }

  /** The answer to come, also to who asked meanwhile; `undefined` once it is known. */
  #askOnce(group: Group, ask: AsyncMembership): Promise<unknown> | undefined {
    this.#known ??= new Map();
    const known = this.#known;
    const key = keyOf(group);
    const answer = known.get(key) ?? ask(this.actor, group).then((isMember) => known.set(key, isMember));
    if (typeof answer === "boolean") return undefined;
    known.set(key, answer);
    return answer;
  }
}

function keyOf({ kind, id }: Group): string {
  return `${kind}:${id}`;
}
