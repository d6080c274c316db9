import type { Policy } from "../../access/policy.js";
import { type Chain, emptyChain } from "./chain.js";

/** The entries of one namespace. */
export interface Space {
  readonly namespace: string;
  readonly chain: Chain;
  count: number;
}

/** What most entries of a tool have in common, and so is kept once for all of them. */
export interface KindFacts {
  readonly namespace: string;
  /** Frozen to the last member. */
  readonly policy: Policy;
  readonly toolName: string | null;
  readonly strictJson: boolean | undefined;
  /** What the note says that the cache made for the store: nothing, a checksum, or the size of an encrypted text. */
  readonly note: "none" | "checksum" | "size";
}

/** A kind of entries, while there are any. */
export interface Kind extends KindFacts {
  readonly space: Space;
  readonly key: string;
  count: number;
}

/** Keeps one object for equal facts, as long as an entry has them. */
export class Kinds {
  readonly #kinds = new Map<string, Kind>();
  readonly #spaces = new Map<string, Space>();
  /** By frozen policy, of which few objects stand for many entries: the kind that was asked for last. */
  readonly #latest = new WeakMap<Policy, Kind>();

  /** The entries of a namespace, where there are any. */
  space(namespace: string): Space | undefined {
    return this.#spaces.get(namespace);
  }

  /** The kind of these facts, for one more entry. */
  take(facts: KindFacts): Kind {
    const latest = this.#latest.get(facts.policy);
    const kind = latest !== undefined && isOf(facts, latest) ? latest : this.#find(facts);
    kind.count++;
    kind.space.count++;
    return kind;
  }

  /** To be called when an entry of a kind has gone. */
  release(kind: Kind): void {
    if (--kind.count === 0) this.#kinds.delete(kind.key);
    if (--kind.space.count === 0) this.#spaces.delete(kind.namespace);
  }

  #find(facts: KindFacts): Kind {
    const { namespace, toolName, strictJson, note, policy } = facts;
    const key = JSON.stringify([namespace, toolName, strictJson, note, policy]);
    const kind = this.#kinds.get(key) ?? this.#add(facts, key);
    if (isWhollyFrozen(policy)) this.#latest.set(policy, kind);
    return kind;
  }

  #add(facts: KindFacts, key: string): Kind {
    const { namespace } = facts;
    const space = this.#spaces.get(namespace) ?? { namespace, chain: emptyChain(), count: 0 };
    this.#spaces.set(namespace, space);
    const kind = { ...facts, policy: frozenPolicy(facts.policy), space, key, count: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }
}

/** Tells whether a kind that is in use stands for these facts; the policy is the same. */
function isOf(facts: KindFacts, kind: Kind): boolean {
  const { namespace, toolName, strictJson, note } = facts;
  return (
    kind.count > 0 &&
    kind.namespace === namespace &&
    kind.toolName === toolName &&
    kind.strictJson === strictJson &&
    kind.note === note
  );
}

/** Nobody can change what such a policy says. */
function isWhollyFrozen(policy: Policy): boolean {
  const { allowedActors, deniedActors, within } = policy;
  return Object.isFrozen(policy) && [allowedActors, deniedActors, within].every(Object.isFrozen);
}

function frozenPolicy(policy: Policy): Policy {
  if (isWhollyFrozen(policy)) return policy;
  const { allowedActors, deniedActors, within } = policy;
  return Object.freeze({
    ...policy,
    allowedActors: allowedActors && Object.freeze([...allowedActors]),
    deniedActors: deniedActors && Object.freeze([...deniedActors]),
    ...(within && { within: Object.freeze([...within]) }),
  });
}
