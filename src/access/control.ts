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
    return new Questions(actor, this.#members && this.#isMember, this.#audit);
  }

  readonly #isMember = async (actor: Actor, group: Group): Promise<boolean> => {
    if (actor.id === undefined || !isId(group.id)) return false;
    try {
      return (await withTimeout(MEMBERSHIP_TIMEOUT, async () => this.#members?.(actor, group))) === true;
    } catch (error) {
      this.#logger.error(
        `The members function failed: ${error instanceof Error ? error.name : "no error was thrown"}. Nobody is taken for a member.`,
      );
      return false;
    }
  };
}

type AsyncMembership = (actor: Actor, group: Group) => Promise<boolean>;

/** One actor's questions in the course of one operation. */
export class Questions {
  readonly actor: Actor;
  readonly #isMember: AsyncMembership | undefined;
  readonly #audit: AuditLog | undefined;
  readonly #start: number;
  #known: Map<string, boolean> | undefined;

  constructor(actor: Actor, isMember: AsyncMembership | undefined, audit: AuditLog | undefined) {
    this.actor = actor;
    this.#isMember = isMember;
    this.#audit = audit;
    this.#start = audit === undefined ? 0 : performance.now();
  }

  /** Decides and puts it on record. */
  async permits(operation: Operation, guarded: Guarded, refId?: string): Promise<boolean> {
    const decision = await this.#decide(operation, guarded);
    if (this.#audit !== undefined) this.record(operation, decision, guarded.namespace, refId);
    return decision.permitted;
  }

  /** Decides for the cache's own purposes, off the record. */
  async wouldPermit(operation: Operation, guarded: Guarded): Promise<boolean> {
    return (await this.#decide(operation, guarded)).permitted;
  }

  /** Like {@link Questions.wouldPermit}, without a turn of waiting: groups not asked about yet admit nobody. */
  surelyPermits(operation: Operation, guarded: Guarded): boolean {
    return this.#decideNow(operation, guarded).permitted;
  }

  /** Tells whether the actor may READ every value that a call used. */
  async mayReadAll(usage: Usage): Promise<boolean> {
    for (const policy of usage.policies) {
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

  async #decide(operation: Operation, guarded: Guarded): Promise<Decision> {
    if (this.#isMember !== undefined && this.actor.type !== "system") await this.#learnGroups(guarded);
    return this.#decideNow(operation, guarded);
  }

  #decideNow(operation: Operation, guarded: Guarded): Decision {
    const isMember = (group: Group) => this.#known?.get(keyOf(group)) === true;
    const decisions = REQUIRED[operation].map((required) => decide(this.actor, required, guarded, isMember));
    return decisions.find(({ permitted }) => permitted) ?? (decisions[0] as Decision);
  }

  async #learnGroups(guarded: Guarded): Promise<void> {
    for (const scope of allScopesOf(guarded)) {
      const group = groupOf(scope);
      if (group === undefined || this.#known?.has(keyOf(group))) continue;
      this.#known ??= new Map();
      this.#known.set(keyOf(group), (await this.#isMember?.(this.actor, group)) === true);
    }
  }
}

function keyOf({ kind, id }: Group): string {
  return `${kind}:${id}`;
}
