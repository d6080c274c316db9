import { ANONYMOUS_AGENT } from "./access/actor.js";
import { actorText } from "./access/actor-text.js";
import type { Guarded } from "./access/checker.js";
import { currentActor, currentUsage, runCall } from "./access/current.js";
import { Usage } from "./access/usage.js";
import { type Answer, makeAnswer, type Result } from "./answer.js";
import { answerRequestOf } from "./answer-request.js";
import { type CachedOptions, type Call, type Prepared, type ServedFunction, toolOf } from "./call.js";
import { CallArguments } from "./call-arguments.js";
import { CallNames } from "./call-names.js";
import type { HeldLease } from "./coordination/held-lease.js";
import type { SharedJob } from "./coordination/leased-runs.js";
import { type Coordination, resolveCoordination } from "./coordination/options.js";
import { Disclosure } from "./disclosure.js";
import { parseDuration } from "./duration.js";
import { checkTags } from "./entry/labels.js";
import type { EntryStore } from "./entry-store.js";
import { StoreError } from "./errors.js";
import { Execution } from "./execution.js";
import { Lifetime } from "./lifetime.js";
import { type Calls, LongCalls } from "./long-calls.js";
import type { ResolvedOptions } from "./options.js";
import { TextChangedError } from "./outline/stored-text.js";
import type { Placement } from "./placement.js";
import type { RefId } from "./reference.js";
import {
  causeOf,
  NotReady,
  type Produced,
  type Ready,
  type Recall,
  RunFailure,
  type Running,
} from "./running.js";
import { SingleFlight } from "./single-flight.js";
import type { Draft } from "./streams/draft.js";
import { traitsOf } from "./tasks/function-options.js";
import type { TaskOrder } from "./tasks/task.js";
import type { TaskAnswer } from "./tasks/task-answer.js";
import type { TaskRun } from "./tasks/task-run.js";
import { tellTask } from "./tasks/tell.js";
import { Deferred } from "./tasks/told-task.js";

/**
 * A function whose results are kept and answered by reference: resolves the references in its arguments, runs
 * once for equal calls, stores what it returns, and answers.
 */
export class CachedFunction {
  /** Milliseconds after which a call becomes a task; `undefined` where none does. */
  readonly asyncTimeout: number | undefined;
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #options: CachedOptions;
  readonly #function: (...params: never[]) => unknown;
  readonly #flights = new SingleFlight<Produced>();
  readonly #long: LongCalls | undefined;
  readonly #arguments: CallArguments;
  readonly #execution: Execution;
  readonly #placement: Placement;
  readonly #names: CallNames;
  readonly #lifetime: Lifetime;
  readonly #coordination: Coordination | undefined;
  readonly #tags: Exclude<CachedOptions["tags"], undefined>;

  /** Takes options that have been checked. */
  constructor(
    store: EntryStore,
    cache: ResolvedOptions,
    placement: Placement,
    options: CachedOptions,
    fn: (...params: never[]) => unknown,
  ) {
    this.#store = store;
    this.#cache = cache;
    this.#options = options;
    this.#function = fn;
    this.#placement = placement;
    this.#lifetime = new Lifetime(options, cache.limits);
    this.asyncTimeout =
      options.asyncTimeout === undefined ? undefined : parseDuration(options.asyncTimeout, "asyncTimeout");
    this.#arguments = new CallArguments({ store, limits: cache.limits, resolveRefs: this.resolveRefs });
    this.#execution = new Execution({ store, cache, options, fn });
    this.#coordination = this.#resolveCoordination();
    this.#tags = typeof options.tags === "function" ? options.tags : checkTags(options.tags ?? []);
    const names = new CallNames(store, cache, { namespace: placement.template, options, fn });
    this.#names = names;
    const calls = this.#calls();
    const timeout = this.asyncTimeout;
    this.#long =
      timeout === undefined ? undefined : new LongCalls({ store, cache, options, timeout, names, fn, calls });
  }

  /** The name the function was given, or an empty text. */
  get functionName(): string {
    return this.#function.name;
  }

  /** Milliseconds that references last, `null` for ever; `undefined` where each result has its own. */
  get ttl(): number | null | undefined {
    return this.#lifetime.known(this.#placement.settings.ttl);
  }

  /** Which members of the arguments take references. */
  get resolveRefs(): boolean | readonly string[] {
    return this.#options.resolveRefs ?? true;
  }

  /**
   * From arguments to answer, on behalf of the caller that is known; outside any call, of an anonymous agent.
   * @throws whatever the function or `validate` throws, unless values were used that the caller may not see; and
   * {@link RefCacheError}s of the cache's own.
   */
  async call(asked: Call): Promise<Answer> {
    const call = this.#long?.identified(asked) ?? asked;
    try {
      return await this.#answer(call);
    } catch (error) {
      if (!(error instanceof TextChangedError)) throw error;
      return this.#answer(call); // what was found went while it was read
    }
  }

  /** Lets this process run calls that were made elsewhere, or by a server that has died. */
  serve(served: ServedFunction): void {
    this.#long?.serve(served);
  }

  /** What {@link LongCalls} are made of. */
  #calls(): Calls {
    return {
      begin: (call, who) => this.#begin(call, who),
      ready: (begun) => this.#ready(begun),
      flightOf: (running, memo) => this.#flightOf(running, memo),
      generationOf: (running) => this.#generationOf(running),
      resultPolicy: (usage, policy) => this.#execution.resultPolicy(usage, policy),
      recall: (memo) => this.#recall(memo),
      produce: (running, params, memo, known) => this.#produce(running, params, memo, known),
      run: (running, params, memo, lease) => this.#run(running, params, memo, lease),
      mayKnow: (running, found, by) => this.#mayKnow(running, found, by),
      refresh: (running, params, memo, stale) => this.#refresh(running, params, memo, stale),
      keep: (operation) => this.#keep(operation),
    };
  }

  async #answer(call: Call): Promise<Answer> {
    const outer = currentUsage();
    const asker = currentActor() ?? ANONYMOUS_AGENT;
    const running = this.#begin(call, { caller: outer?.caller ?? asker, asker }, outer);
    const { questions, usage, place } = running;
    const watched = { tool: this.#toolOf(call), namespace: place.namespace, usage };
    const result = await this.#store.telemetry.call(watched, () =>
      runCall(usage, () => this.#resultOf(running), asker),
    );
    if (result instanceof Deferred) return this.#tell(result, running, outer);
    const { entry, refId } = result;
    if (this.#options.declassify && usage.policies.length > 0)
      questions.record("declassify", DECLASSIFIED, place.namespace, refId ?? undefined);
    const mayRead = await questions.permits("answer", entry, refId ?? undefined);
    if (mayRead) outer?.add(entry);
    const mayUse = mayRead || (await questions.wouldPermit("use", entry));
    const isLocal = refId !== null && this.#store.isLocal(refId);
    try {
      return await makeAnswer(
        { ...result, isLocal },
        { ...answerRequestOf(this.#options, place, this.#cache), mayRead, mayUse },
        usage,
      );
    } catch (error) {
      const isCovered = error instanceof StoreError && this.#cache.onStoreError === "answer";
      throw isCovered ? new TextChangedError() : error; // parts of a result that was found cannot be read
    }
  }

  #begin(call: Call, { caller, asker }: Pick<TaskOrder, "caller" | "asker">, outer?: Usage): Running {
    const usage = new Usage(caller, outer);
    const told = { usage, outer, tool: this.#toolOf(call) };
    const disclosure = new Disclosure(this.#store.questionsOf(caller), told, this.#cache);
    const questions = this.#store.questionsOf(asker);
    return { call, questions, usage, place: this.#placement.of(caller), disclosure, tags: [] };
  }

  async #tell(
    { task }: Deferred,
    { questions, usage }: Running,
    outer: Usage | undefined,
  ): Promise<TaskAnswer> {
    const mayRead = await questions.permits("answer", task.guarded, task.refId);
    if (mayRead) outer?.add(task.guarded);
    return tellTask(task, { mayRead, usage });
  }

  async #resultOf(begun: Running): Promise<Produced | Deferred> {
    const until = performance.now() + (this.asyncTimeout ?? 0);
    let running = begun;
    try {
      const ready = await this.#ready(begun);
      running = ready.running;
      if (this.#long !== undefined) return await this.#long.resultInTime(ready, until);
      const { prepared, memo } = ready;
      const run = () => this.#produce(running, prepared.params, memo);
      if (memo === undefined) return await run();
      const found = await this.#flights.run(this.#flightOf(running, memo), running.call.signal, run);
      if (!(await this.#mayKnow(running, found.entry, found.by)))
        return await this.#run(running, prepared.params);
      if (found.isStale) this.#refresh(running, prepared.params, memo, found);
      return found;
    } catch (error) {
      if (error instanceof NotReady) throw error.cause;
      throw await this.#asSeen(error, running);
    }
  }

  /** Finds out what a call is: its arguments, its tags, its name. */
  async #ready(begun: Running): Promise<Ready> {
    const { call, disclosure } = begun;
    const mayReadArguments = await disclosure.mayTell();
    const { params, missing } = await this.#arguments.prepare(begun).catch((error) => {
      throw new NotReady(error);
    });
    const prepared = { params: call.finish?.(params) ?? params, missing };
    const running = { ...begun, tags: this.#tagsOf(call, prepared.params) };
    const isNamed = mayReadArguments && (this.#options.key === undefined || (await disclosure.mayTell()));
    return { running, prepared, memo: isNamed ? this.#nameOf(running, prepared) : undefined };
  }

  /** A call after a clearing does not join a run from before it. */
  #flightOf(running: Running, memo: string): string {
    return `${this.#generationOf(running)} ${memo}`;
  }

  /** What another user's call made is not told of to those who may do nothing with it; theirs is made for them. */
  #mayKnow({ questions, usage }: Running, found: Guarded, by: Usage | undefined): boolean | Promise<boolean> {
    return this.#options.scope !== "shared" || by === usage || questions.wouldPermit("info", found);
  }

  /**
   * By the policy so far, too: a result that others may see must not answer a call whose arguments they may not. Where
   * the name would come from what the caller may not see, there must be none: equal names would tell equal values.
   */
  #nameOf({ call, questions, usage, place }: Running, prepared: Prepared): string | undefined {
    const policy = this.#execution.resultPolicy(usage, place.policy);
    const [caller, asker] = [actorText(usage.caller), actorText(questions.actor)];
    const principal = asker === caller ? caller : `${asker} for ${caller}`;
    return this.#names.nameOf(call, prepared, principal, { ...place, policy });
  }

  /** @param known what was recalled a moment ago: who leases can tell whether that still holds. */
  async #produce(
    running: Running,
    params: readonly unknown[],
    memo: string | undefined,
    known?: Recall,
  ): Promise<Produced> {
    if (memo === undefined) return this.#runOnce(running, params);
    const isLeased = this.#store.leasedRuns !== undefined && this.#coordination !== undefined;
    const recalled = known !== undefined && isLeased ? known : await this.#recall(memo);
    if (recalled.found !== undefined) return recalled.found;
    const { leasedRuns } = this.#store;
    const isKnown = recalled.hasFailed !== true; // a store that has just failed is not asked for a lease
    if (leasedRuns === undefined || this.#coordination === undefined || !isKnown)
      return this.#runOnce(running, params, memo);
    return leasedRuns.once(this.#job(running, params, memo, recalled.seen), this.#coordination);
  }

  #runOnce(
    running: Running,
    params: readonly unknown[],
    memo?: string,
    lease?: HeldLease,
  ): Promise<Produced> {
    if (this.#long === undefined) return this.#run(running, params, memo, lease);
    return this.#long.runOnce(running, params, memo, lease);
  }

  /** What other servers do once: it may be this one that runs. */
  #job(
    running: Running,
    params: readonly unknown[],
    memo: string,
    seen: string | undefined,
  ): SharedJob<Produced> {
    return {
      name: memo,
      seen,
      signal: running.run === undefined ? running.call.signal : running.run.abort.signal,
      find: () => this.#recall(memo),
      run: (lease) => this.#runOnce(running, params, memo, lease),
    };
  }

  async #recall(memo: string): Promise<Recall> {
    const recalled = await this.#keep(() => this.#store.recall(memo));
    if (recalled?.found === undefined) return recalled ?? { hasFailed: true };
    if (!this.#lifetime.isStale(recalled.found.entry)) return recalled;
    return { ...recalled, found: { ...recalled.found, isStale: true } };
  }

  /** Makes a stale result anew, on behalf of the caller who got it; no other call waits for that, here or elsewhere. */
  #refresh(running: Running, params: readonly unknown[], memo: string, { refId }: Produced): void {
    running.usage.isUnattended = true; // its function has not run, and what it was given may be used from outside the call
    const usage = new Usage(running.usage.caller, running.usage);
    const unattended = { ...running, usage };
    const { leasedRuns, background } = this.#store;
    const make = async (running: Running) => {
      const job = this.#job(running, params, memo, refId ?? undefined);
      if (leasedRuns === undefined || this.#coordination === undefined) await job.run();
      else await leasedRuns.onceIfFree(job, this.#coordination);
    };
    const refresh = () =>
      this.#long === undefined ? make(unattended) : this.#long.inRun(unattended, memo, make);
    background.start(memo, () =>
      runCall(usage, refresh, running.questions.actor).catch((error) => this.#notRefreshed(error, running)),
    );
  }

  /** Without the message, which may quote values. */
  #notRefreshed(error: unknown, { call }: Running): void {
    const cause = causeOf(error);
    const name = cause instanceof Error ? cause.name : typeof cause;
    this.#cache.logger.warn(
      `A stale result of ${this.#toolOf(call)} could not be made anew: ${name}. It is answered until it expires.`,
    );
  }

  async #run(
    running: Running,
    params: readonly unknown[],
    memo?: string,
    lease?: HeldLease,
  ): Promise<Produced> {
    const { run, usage } = running;
    const generation = this.#generationOf(running);
    const { entry, preview } = await this.#execution.run(running, params);
    const isCurrent = () => generation === this.#generationOf(running);
    const isTask = run !== undefined && this.#store.tasks.local.isKept(run);
    const save = (held: HeldLease | undefined) =>
      this.#save(entry, memo, isCurrent, held, isTask ? run.refId : undefined);
    if (run !== undefined && !isTask) run.isSaving = true;
    const store = isTask ? () => this.#saveTask(run, save, lease, "written" in entry) : () => save(lease);
    if ("written" in entry) return { ...(await this.#saveWritten(store)), by: usage };
    const refId = isTask ? await store() : ((await this.#keep(store)) ?? null);
    return { refId, entry: this.#store.showable(entry), preview, by: usage };
  }

  /**
   * Whose a task is, its record says. Where the store has lost the lease of its name, equal calls that wait for the task
   * may have taken that since; the name is to lead to the result all the same, unless that is stored for good already.
   */
  async #saveTask(
    run: TaskRun<Produced>,
    save: (held: HeldLease | undefined) => Promise<RefId>,
    lease: HeldLease | undefined,
    isWritten: boolean,
  ): Promise<RefId> {
    const { local } = this.#store.tasks;
    const refId = await local.save(run, () => save(lease));
    return lease?.wasTaken && !isWritten ? local.save(run, () => save(undefined)) : refId;
  }

  /** Of a text that is in the store already, nothing is left to answer with where that fails. */
  async #saveWritten(save: () => Promise<string>): Promise<Result> {
    const refId = await save();
    return { refId, entry: await this.#store.saved(refId) };
  }

  /** What was invalidated while it was made, or while it was being stored, is the caller's alone. */
  async #save(
    entry: Draft,
    memo: string | undefined,
    isCurrent: () => boolean,
    lease: HeldLease | undefined,
    given: RefId | undefined,
  ): Promise<RefId> {
    if (memo === undefined || !isCurrent()) return this.#store.save(entry, undefined, undefined, given);
    const refId = await this.#store.save(entry, memo, lease, given);
    if (isCurrent()) return refId;
    await this.#store.backend.delete(refId);
    if ("written" in entry) throw new TextChangedError(); // its text is gone: it is made again
    return this.#store.save(entry, undefined, undefined, given);
  }

  #generationOf({ call, place, tags }: Running): number {
    return this.#store.generationOf({ namespace: place.namespace, toolName: this.#toolOf(call), tags });
  }

  #tagsOf({ self }: Call, params: readonly unknown[]): readonly string[] {
    return typeof this.#tags === "function" ? checkTags(Reflect.apply(this.#tags, self, params)) : this.#tags;
  }

  /** What the function threw may quote what it used, and what it was about to return. */
  async #asSeen(error: unknown, { usage, place, disclosure }: Running): Promise<unknown> {
    if (error instanceof StoreError || error instanceof TextChangedError) return error;
    if (!(error instanceof RunFailure)) return disclosure.errorFor(error);
    usage.include(error.usage);
    usage.add(place);
    return disclosure.errorFor(error.cause);
  }

  /**
   * Who waits for a task waits as long as it lasts. Once the task of a server that has died is given up, nothing else of
   * that server may keep the next equal call from running.
   */
  #resolveCoordination(): Coordination | undefined {
    const { coordination: own } = this.#options;
    const { coordination: cache, tasks } = this.#cache;
    const resolved = own === undefined ? cache : resolveCoordination(own, cache);
    if (resolved === undefined || this.asyncTimeout === undefined) return resolved;
    return {
      lease: Math.min(resolved.lease, tasks.lease),
      wait: traitsOf(this.#options, tasks.maxAge).maxAge,
    };
  }

  #toolOf(call: Call): string {
    return toolOf(call, this.#function);
  }

  /** A failing store costs the reference, not the answer, unless the cache is told otherwise. */
  async #keep<T>(operation: () => Promise<T>): Promise<T | undefined> {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof StoreError) || this.#cache.onStoreError === "throw") throw error;
      this.#cache.logger.warn(`${error.message} A tool answers without a reference.`);
      this.#store.telemetry.fellBack(error.code);
      return undefined;
    }
  }
}

const DECLASSIFIED = { permitted: true, reason: "declassify" };
