import type { Actor } from "./access/actor.js";
import type { Questions } from "./access/control.js";
import { currentUsage, runCall } from "./access/current.js";
import { Usage } from "./access/usage.js";
import { type Answer, isAnswer, makeAnswer, originOf } from "./answer.js";
import { Disclosure, WITHHELD } from "./disclosure.js";
import type { EntryStore } from "./entry-store.js";
import { HiddenResultError } from "./errors.js";
import type { FailureLog } from "./hidden-failure.js";
import { tellTask, toldBy } from "./tasks/tell.js";

/** A call of a tool that is not cached. */
export interface UncachedCall<T> {
  readonly actor: Actor;
  readonly run: () => T | Promise<T>;
  /** For the log. */
  readonly tool: string;
}

/** See {@link RefCache.callAs}. */
export async function runUncached<T>(store: EntryStore, log: FailureLog, call: UncachedCall<T>): Promise<T> {
  const { actor, run, tool } = call;
  const outer = currentUsage();
  const usage = new Usage(outer?.caller ?? actor, outer);
  const questions = store.questionsOf(actor);
  const disclosure = new Disclosure(questions, { usage, outer, tool }, log);
  let result: T;
  try {
    result = await runCall(usage, run, actor);
  } catch (error) {
    throw await disclosure.errorFor(error);
  }
  if (!(await disclosure.mayTell())) return (await answerTo(questions, usage, result)) as T;
  disclosure.told();
  return result;
}

/**
 * What may be told of what a tool returned, to one who may not READ all that it used: the answer of a call that was
 * made since, and so is as closed. Any other may have been chosen by what was used. It is made again for the caller,
 * without what the tool may have put into it.
 */
async function answerTo(questions: Questions, usage: Usage, returned: unknown): Promise<Answer> {
  const told = toldBy(returned);
  if (told?.usage !== undefined && (await questions.mayReadAll(usage, told.usage))) {
    const { guarded, refId } = told.task;
    const mayRead = await questions.permits("answer", guarded, refId);
    if (mayRead) currentUsage()?.add(guarded);
    return tellTask(told.task, { mayRead, usage: told.usage });
  }
  const origin = isAnswer(returned) ? originOf(returned) : undefined;
  if (origin?.usage === undefined || !(await questions.mayReadAll(usage, origin.usage))) {
    questions.record("withhold", WITHHELD, null);
    throw new HiddenResultError();
  }
  const { result, request } = origin;
  const mayRead = await questions.permits("answer", result.entry, result.refId ?? undefined);
  if (mayRead) currentUsage()?.add(result.entry);
  return makeAnswer(result, { ...request, mayRead }, origin.usage);
}
