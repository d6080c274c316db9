import { hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Logger } from "../logger.js";
import type { Actor } from "./actor.js";
import { actorText } from "./actor-text.js";

/** One decision, as the `audit` hook gets it. Holds no value, no reference and no secret. */
export interface AuditRecord {
  /** ISO 8601. */
  readonly time: string;
  /** `type:id`. */
  readonly actor: string;
  /** Such as `get`, `use`, `delete`, `declassify`. */
  readonly operation: string;
  /** `null` where nothing was found. */
  readonly namespace: string | null;
  /** The first 16 hex digits of the reference's SHA-256, or `null`. */
  readonly reference: string | null;
  readonly decision: "permitted" | "denied";
  /** Which rule decided; `missing` where nothing was found. */
  readonly reason: string;
  /** From the beginning of the operation to the decision. */
  readonly milliseconds: number;
  /** Denials of this actor that were left out since its last record, if any. */
  readonly suppressed?: number;
}

/** Gets one record for each decision. What it throws is logged and changes nothing. */
export type AuditHook = (record: AuditRecord) => void;

/** Denials of one actor that are on record within a minute; the others are counted. */
const DENIALS_A_MINUTE = 100;
const MINUTE = 60_000;
const MOST_ACTORS = 10_000;

interface Denials {
  readonly since: number;
  count: number;
  suppressed: number;
}

/** What happened, before it is made a record. */
export interface AuditEvent {
  readonly actor: Actor;
  readonly operation: string;
  readonly permitted: boolean;
  readonly reason: string;
  readonly namespace: string | null;
  readonly refId?: string | undefined;
  readonly milliseconds: number;
}

/** Makes records for the hook, and keeps one who guesses at references from flooding it. */
export class AuditLog {
  readonly #hook: AuditHook;
  readonly #logger: Logger;
  readonly #denials = new LRUCache<string, Denials>({ max: MOST_ACTORS });

  constructor(hook: AuditHook, logger: Logger) {
    this.#hook = hook;
    this.#logger = logger;
  }

  /** Hands on a record, unless it is one denial too many. */
  record({ actor, permitted, refId, ...event }: AuditEvent): void {
    const who = actorText(actor);
    const suppressed = permitted ? 0 : this.#admitDenial(who);
    if (suppressed === undefined) return;
    this.#call({
      time: new Date().toISOString(),
      actor: who,
      operation: event.operation,
      namespace: event.namespace,
      reference: refId === undefined ? null : hash("sha256", refId, "hex").slice(0, 16),
      decision: permitted ? "permitted" : "denied",
      reason: event.reason,
      milliseconds: event.milliseconds,
      ...(suppressed > 0 ? { suppressed } : {}),
    });
  }

  /** How many denials were left out before this one; `undefined` when this one is as well. */
  #admitDenial(who: string): number | undefined {
    const now = Date.now();
    const known = this.#denials.get(who);
    if (known === undefined || now - known.since >= MINUTE) {
      this.#denials.set(who, { since: now, count: 1, suppressed: 0 });
      return known?.suppressed ?? 0;
    }
    if (known.count < DENIALS_A_MINUTE) {
      known.count++;
      return 0;
    }
    known.suppressed++;
    return undefined;
  }

  #call(record: AuditRecord): void {
    const fail = (error: unknown) =>
      this.#logger.error(`The audit function failed: ${error instanceof Error ? error.name : "unknown"}`);
    try {
      const outcome: unknown = this.#hook(record);
      if (outcome instanceof Promise) outcome.catch(fail); // the types let an asynchronous function pass
    } catch (error) {
      fail(error);
    }
  }
}
