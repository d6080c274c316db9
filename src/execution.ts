import { runTask } from "./access/current.js";
import { makePolicy, type Policy } from "./access/policy.js";
import type { Usage } from "./access/usage.js";
import { isAnswer, previewAtOnce, type Result } from "./answer.js";
import { answerRequestOf } from "./answer-request.js";
import { type CachedOptions, type Call, toolOf } from "./call.js";
import { copyWith } from "./copy-with.js";
import type { Entry } from "./entry/entry.js";
import type { EntryOptions, EntryStore } from "./entry-store.js";
import { ConfigurationError, ValueNotStorableError } from "./errors.js";
import { Lifetime } from "./lifetime.js";
import type { ResolvedOptions } from "./options.js";
import { causeOf, RunFailure, type Running } from "./running.js";
import { type Draft, discard } from "./streams/draft.js";
import { type StreamParts, streamParts } from "./streams/value-stream.js";
import { WritingFailure } from "./streams/written-text.js";
import { RetryPlan } from "./tasks/retry.js";
import { RetryLater } from "./tasks/retry-later.js";
import { retrying } from "./tasks/retrying.js";
import type { TaskContext } from "./tasks/task.js";
import { toldBy } from "./tasks/tell.js";

/** What an execution made, before it is stored. */
export interface Executed extends Pick<Result, "preview"> {
  readonly entry: Draft;
}

/** What a function is executed with. */
export interface ExecutionOptions {
  readonly store: EntryStore;
  readonly cache: ResolvedOptions;
  readonly options: CachedOptions;
  readonly fn: (...params: never[]) => unknown;
}

/** Executes a function, and makes of what it returns what is to be stored. */
export class Execution {
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #options: CachedOptions;
  readonly #function: (...params: never[]) => unknown;
  readonly #lifetime: Lifetime;
  readonly #retries: RetryPlan;

  constructor({ store, cache, options, fn }: ExecutionOptions) {
    this.#store = store;
    this.#cache = cache;
    this.#options = options;
    this.#function = fn;
    this.#lifetime = new Lifetime(options, cache.limits);
    this.#retries = RetryPlan.of(options.retries);
  }

  /** Executes it as often as need be. */
  run(running: Running, params: readonly unknown[]): Promise<Executed> {
    const { run } = running;
    const all = this.#options.retries
      ? () => this.#again(running, params)
      : () => this.#once(running, params);
    return run === undefined ? all() : runTask(run.context, all);
  }

  #again(running: Running, params: readonly unknown[]): Promise<Executed> {
    const { run, call } = running;
    const isElsewhere = run?.takenOver?.order?.isElsewhere === true;
    const attempt = () => {
      run?.note(undefined); // the wait for this attempt is over
      return this.#once(running, params);
    };
    return retrying(this.#retries, attempt, {
      signal: run === undefined ? call.signal : run.abort.signal,
      done: run?.retryCount ?? 0,
      causeOf,
      onRetry: (count, delay) => {
        if (run === undefined) return;
        run.retryCount = count;
        if (isElsewhere) throw new RetryLater(delay);
        run.note(`Attempt ${count + 1} of ${this.#retries.attempts + 1} in ${Math.ceil(delay / 1000)} s.`);
      },
    });
  }

  async #once(running: Running, params: readonly unknown[]): Promise<Executed> {
    const { call, questions, usage, place, run } = running;
    try {
      this.#notePlace(running);
      const given = run === undefined ? params : withContext(params, run.context, call.withTask);
      const value: unknown = await Reflect.apply(this.#function, call.self, given);
      const parts = streamParts(value);
      if (parts !== undefined) return { entry: await this.#receive(running, params, value, parts) };
      run?.abort.check();
      const entry = this.#makeEntry(running, params, value);
      const mayRead = questions.surelyPermits("answer", entry);
      const request = { ...answerRequestOf(this.#options, place, this.#cache), mayRead };
      return { entry, preview: mayRead ? previewAtOnce(value, entry, request) : undefined };
    } catch (error) {
      if (error instanceof WritingFailure) throw error.cause;
      throw new RunFailure(error, usage);
    }
  }

  /** What the caller may not see of the result, it may not hear while it is made. */
  #notePlace({ questions, usage, place }: Running): void {
    if (this.#options.declassify) return;
    if (!questions.surelyPermits("answer", place)) usage.add(place);
  }

  /** Takes in what comes in pieces. What gives them may use values until the end, so its policy is found out then. */
  async #receive(
    running: Running,
    params: readonly unknown[],
    value: unknown,
    parts: StreamParts,
  ): Promise<Draft> {
    const { run } = running;
    const received = await (run === undefined
      ? this.#store.receive(parts)
      : this.#store.receive(parts, run.abort.signal, () => run.refId));
    try {
      run?.abort.check();
      return await this.#store.makeOf(received, this.#entryOptions(running, params, value));
    } catch (error) {
      await discard(received);
      throw error;
    }
  }

  #makeEntry(running: Running, params: readonly unknown[], value: unknown): Entry {
    if (isAnswer(value) || toldBy(value)) {
      throw new ValueNotStorableError(
        "$",
        "it is an answer already; resolve its ref_id and return the value",
      );
    }
    return this.#store.make(value, this.#entryOptions(running, params, value));
  }

  #entryOptions(
    { call, usage, place, tags }: Running,
    params: readonly unknown[],
    value: unknown,
  ): EntryOptions {
    const ttl = this.#lifetime.of(params[0], value, place.settings.ttl);
    const policy = this.resultPolicy(usage, place.policy);
    const toolName = toolOf(call, this.#function) || undefined;
    return { namespace: place.namespace, ttl, policy, toolName, tags };
  }

  /** The policy of a result: as closed as all that was used, unless the function says otherwise. */
  resultPolicy(usage: Usage, policy: Policy): Policy {
    const { declassify = false } = this.#options;
    if (declassify === false) return usage.restrict(policy);
    return declassify === true ? policy : makePolicy(declassify([...usage.policies]), "declassify", policy);
  }
}

/** The function's context with what concerns its task. */
function withContext(
  [first, context, ...rest]: readonly unknown[],
  task: TaskContext,
  join: Exclude<Call["withTask"], undefined> = joinContext,
): readonly unknown[] {
  return [first, join(context, task), ...rest];
}

function joinContext(context: unknown, task: TaskContext): unknown {
  if (context === undefined) return task;
  if (typeof context !== "object" || context === null)
    throw new ConfigurationError(
      "asyncTimeout",
      "is for functions of one argument; behind it comes a context, an object",
    );
  return copyWith(context, { progress: task.progress, signal: task.signal });
}
