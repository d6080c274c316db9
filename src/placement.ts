import { z } from "zod";
import type { Actor } from "./access/actor.js";
import { encodeId } from "./access/actor-text.js";
import { checkNamespace } from "./access/namespace.js";
import { closeTo, makePolicy, type Policy } from "./access/policy.js";
import { checkNamespaceTemplate, fillTemplate, isTemplate } from "./access/template.js";
import { ConfigurationError } from "./errors.js";
import { checkShape, type NamespaceSettings } from "./options.js";

/** Whose a value is and who may have it. */
export interface OwnershipOptions {
  /** Members that differ from the namespace's policy. */
  readonly policy?: Partial<Policy> | undefined;
  /**
   * `"user"` (default): what a call of a verified user makes is that user's, for them and the agents that act for
   * them. `"shared"`: it is everybody's whom the policy admits.
   */
  readonly scope?: "user" | "shared" | undefined;
  /** The owner, as `user:<id>` or `agent:<id>`, where it is another than the caller; may hold `{user_id}` and claims. */
  readonly owner?: string | undefined;
  /** Bind it to the caller's verified session. Default `false`. */
  readonly sessionScoped?: boolean | undefined;
}

/** Where a value goes, and who may have it there. */
export interface Place {
  readonly namespace: string;
  readonly settings: NamespaceSettings;
  readonly policy: Policy;
}

const shape = z.object({
  policy: z.looseObject({}).optional(),
  scope: z.enum(["user", "shared"]).optional(),
  owner: z
    .string()
    .regex(/^(user|agent):[^:*]+$/, "must be user:<id> or agent:<id>")
    .optional(),
  sessionScoped: z.boolean().optional(),
});

/** What {@link OwnershipOptions} must be. */
export const ownershipShape = shape.shape;

function checkOwnership(options: OwnershipOptions): void {
  checkShape(shape, options);
  if (options.policy !== undefined) makePolicy(options.policy);
}

/** Finds the place of values in a namespace, or in one that a template makes of who calls. */
export class Placement {
  /** The namespace, as it was given. */
  readonly template: string;
  readonly #options: OwnershipOptions;
  readonly #settingsOf: (namespace: string) => NamespaceSettings;
  /** The place where the namespace is no template, which no caller changes but in whose it is. */
  readonly #fixed: Place | undefined;

  /** @throws {ConfigurationError} naming the option that is not acceptable. */
  constructor(
    template: string,
    options: OwnershipOptions,
    settingsOf: (namespace: string) => NamespaceSettings,
  ) {
    checkNamespaceTemplate(template);
    if (Object.keys(options).length > 0) checkOwnership(options); // most values are set without any
    this.template = template;
    this.#options = options;
    this.#settingsOf = settingsOf;
    this.#fixed = isTemplate(template) ? undefined : this.#in(template);
  }

  /** What holds for the namespace, as far as it is known before anybody calls. */
  get settings(): NamespaceSettings {
    return this.#settingsOf(this.template);
  }

  /**
   * The place of what a call of this actor makes.
   * @throws {ConfigurationError} when the actor has no session, or no value that a template needs.
   */
  of(actor: Actor): Place {
    const place = this.#fixed ?? this.#in(this.#filled(actor));
    const policy = this.#bound(this.#owned(place.policy, actor), actor);
    return policy === place.policy ? place : { ...place, policy };
  }

  #filled(actor: Actor): string {
    return checkNamespace(fillTemplate(this.template, actor, "namespace"));
  }

  #in(namespace: string): Place {
    const settings = this.#settingsOf(namespace);
    const { policy } = this.#options;
    if (policy === undefined) return { namespace, settings, policy: settings.policy };
    return { namespace, settings, policy: makePolicy(policy, "policy", settings.policy) };
  }

  #owned(policy: Policy, actor: Actor): Policy {
    const { owner, scope } = this.#options;
    const named = owner === undefined ? undefined : fillTemplate(owner, actor, "owner");
    if (scope === "shared") return named === undefined ? policy : Object.freeze({ ...policy, owner: named });
    const caller = userOf(actor);
    const whose = named ?? (caller === undefined ? undefined : (policy.owner ?? caller));
    return whose === undefined ? policy : closeTo(whose, policy);
  }

  #bound(policy: Policy, { sessionId }: Actor): Policy {
    if (this.#options.sessionScoped !== true) return policy;
    if (sessionId !== undefined) return Object.freeze({ ...policy, boundSession: sessionId });
    throw new ConfigurationError("sessionScoped", "needs a verified session, which the caller does not have");
  }
}

/** The user that an actor is, or acts for, as a policy names them. */
function userOf({ type, id }: Actor): string | undefined {
  return type === "system" || id === undefined ? undefined : `user:${encodeId(id)}`;
}
