import type { Questions } from "./access/control.js";
import type { Operation } from "./access/operation.js";
import type { Found } from "./backends/backend.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { EntryUnreadableError } from "./errors.js";
import type { Telemetry } from "./telemetry/telemetry.js";

/** A question about entries: who asks, and what for. */
export interface Asking {
  readonly questions: Questions;
  readonly operation: Operation;
}

/** A question whose answer is counted. */
export interface CountedAsking extends Asking {
  readonly telemetry: Telemetry;
  /** When it was asked, see {@link Telemetry.start}. */
  readonly start: number;
}

/**
 * What was found under a reference, for those who may do this with it. Whose an unreadable entry is cannot be told, so
 * only the server itself learns that there is one.
 * @throws {EntryUnreadableError} to the server itself.
 */
export async function admit<H extends EntryHead>(
  refId: string,
  found: Found<H>,
  { questions, operation, telemetry, start }: CountedAsking,
): Promise<H | undefined> {
  const isUnreadable = found instanceof EntryUnreadableError;
  if (isUnreadable && questions.actor.type === "system") throw found;
  const head = isUnreadable ? undefined : found;
  if (head === undefined) questions.record(operation, MISSING, null, refId);
  const isPermitted = head !== undefined && (await questions.permits(operation, head, refId));
  const outcome = head === undefined ? "missing" : isPermitted ? "found" : "denied";
  telemetry.read(operation, outcome, { refId, head, start });
  return isPermitted ? head : undefined;
}

/** What is read now may be another entry than the one that was asked about. */
export async function admitAgain(
  asked: EntryHead,
  entry: Found<Entry>,
  { questions, operation }: Asking,
): Promise<Entry | undefined> {
  if (entry === undefined || entry instanceof EntryUnreadableError) return undefined;
  if (entry.policy === asked.policy && entry.namespace === asked.namespace) return entry;
  return (await questions.wouldPermit(operation, entry)) ? entry : undefined;
}

const MISSING = { permitted: false, reason: "missing" };

/** What reading gives, an entry that cannot be read among it. */
export async function foundBy<T>(reading: Promise<T | undefined>): Promise<Found<T>> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof EntryUnreadableError) return error;
    throw error;
  }
}
