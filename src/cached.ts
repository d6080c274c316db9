import { ANONYMOUS_AGENT, SYSTEM } from "./access/actor.js";
import { actorText } from "./access/actor-text.js";
import type { Guarded } from "./access/checker.js";
import type { Questions } from "./access/control.js";
import { currentActor, currentUsage, runCall, runTask } from "./access/current.js";
import { makePolicy, type Policy } from "./access/policy.js";
import { Usage } from "./access/usage.js";
import {
  type Answer,
  type AnswerRequest,
  isAnswer,
  makeAnswer,
  previewAtOnce,
  type Result,
} from "./answer.js";
import type { CachedOptions, Call, Prepared, ServedFunction } from "./call.js";
import { CallNames } from "./call-names.js";
import type { HeldLease } from "./coordination/held-lease.js";
import type { Found, SharedJob } from "./coordination/leased-runs.js";
import { type Coordination, resolveCoordination } from "./coordination/options.js";
import { copyWith } from "./copy-with.js";
import { Disclosure } from "./disclosure.js";
import { parseDuration } from "./duration.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { checkTags } from "./entry/labels.js";
import type { EntryOptions, EntryStore } from "./entry-store.js";
import {
  HiddenArgumentError,
  ReferenceUnavailableError,
  StoreError,
  TaskCancelledError,
  TaskFailedError,
  ValueNotStorableError,
} from "./errors.js";
import { Lifetime } from "./lifetime.js";
import type { ResolvedOptions } from "./options.js";
import { TextChangedError } from "./outline/stored-text.js";
import type { Place, Placement } from "./placement.js";
import { mintTaskReference, type RefId } from "./reference.js";
import { type EntrySource, type IsHidden, resolveReferences } from "./resolution.js";
import { SingleFlight } from "./single-flight.js";
import { type Draft, discard } from "./streams/draft.js";
import { type StreamParts, streamParts } from "./streams/value-stream.js";
import { WritingFailure } from "./streams/written-text.js";
import { argsFromWire, argsToWire } from "./tasks/args-wire.js";
import { failureOf } from "./tasks/failure.js";
import { traitsOf } from "./tasks/function-options.js";
import { heardBy } from "./tasks/heard-by.js";
import type { KnownTask } from "./tasks/records.js";
import { RetryPlan } from "./tasks/retry.js";
import { RetryLater } from "./tasks/retry-later.js";
import { retrying } from "./tasks/retrying.js";
import type { TaskContext, TaskOrder } from "./tasks/task.js";
import type { TaskAnswer } from "./tasks/task-answer.js";
import { TaskFlights } from "./tasks/task-flights.js";
import { type TaskCall, TaskRun, type TaskTraits } from "./tasks/task-run.js";
import { Deferred } from "./tasks/tasks.js";
import { tellTask } from "./tasks/tell.js";

/** One call on its way: who asks, on whose behalf, what it has used, and where its result goes. */
interface Running {
  readonly call: Call;
  /** Of who asks: the caller, or whom `runAs` put in the caller's place. */
  readonly questions: Questions;
  readonly usage: Usage;
  readonly place: Place;
  readonly disclosure: Disclosure;
  /** What its result is invalidated by; known once its arguments are. */
  readonly tags: readonly string[];
  /** Its execution, where that may become a task. */
  readonly run?: TaskRun<Produced> | undefined;
}

/** A call whose arguments are known. */
interface Ready {
  readonly running: Running;
  readonly prepared: Prepared;
  /** The name of its result; `undefined` where it has none. */
  readonly memo: string | undefined;
}

/** A result, and the run that made it; `undefined` where it was found. */
interface Produced extends Result {
  readonly by?: Usage;
}

/** What a run made, before it is stored. */
interface Executed extends Pick<Result, "preview"> {
  readonly entry: Draft;
}

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
  readonly #runs = new TaskFlights<Produced>();
  readonly #traits: TaskTraits;
  readonly #retries: RetryPlan;
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
    this.#traits = traitsOf(options, cache.tasks.maxAge);
    this.#retries = RetryPlan.of(options.retries);
    this.#coordination = this.#resolveCoordination();
    this.#tags = typeof options.tags === "function" ? options.tags : checkTags(options.tags ?? []);
    this.#names = new CallNames(store, cache, { namespace: placement.template, options, fn });
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
  async call(call: Call): Promise<Answer> {
    try {
      return await this.#answer(call);
    } catch (error) {
      if (!(error instanceof TextChangedError)) throw error;
      return this.#answer(call); // what was found went while it was read
    }
  }

  /** Lets this process run calls that were made elsewhere, or by a server that has died. */
  serve(served: ServedFunction): void {
    if (this.asyncTimeout === undefined) return;
    const identity = this.#names.identityOf(served.tool ?? this.#function.name);
    this.#store.tasks.register(identity, {
      resume: (order, known) => this.#resume(served, order, known),
    });
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
    if (result instanceof Deferred) return this.#tell(result, questions, outer);
    const { entry, refId } = result;
    if (this.#options.declassify && usage.policies.length > 0)
      questions.record("declassify", DECLASSIFIED, place.namespace, refId ?? undefined);
    const mayRead = await questions.permits("answer", entry, refId ?? undefined);
    if (mayRead) outer?.add(entry);
    const mayUse = mayRead || (await questions.wouldPermit("use", entry));
    const isLocal = refId !== null && this.#store.isLocal(refId);
    try {
      return await makeAnswer({ ...result, isLocal }, { ...this.#request(place), mayRead, mayUse }, usage);
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

  async #tell({ task }: Deferred, questions: Questions, outer: Usage | undefined): Promise<TaskAnswer> {
    const mayRead = await questions.permits("answer", task.guarded, task.refId);
    if (mayRead) outer?.add(task.guarded);
    return tellTask(task, { mayRead });
  }

  async #resultOf(begun: Running): Promise<Produced | Deferred> {
    const until = this.asyncTimeout === undefined ? undefined : performance.now() + this.asyncTimeout;
    let running = begun;
    try {
      const ready = await this.#ready(begun);
      running = ready.running;
      if (until !== undefined) return await this.#resultInTime(ready, until);
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
    const { params, missing } = await this.#prepare(begun).catch((error) => {
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

  /** The result, where there is one in time; else what becomes of the call without its caller. */
  async #resultInTime(ready: Ready, until: number): Promise<Produced | Deferred> {
    const { running, prepared, memo } = ready;
    const begin = () => this.#beginRun(ready);
    const run = memo === undefined ? begin() : this.#runs.join(this.#flightOf(running, memo), begin);
    const outcome = await this.#waitFor(run, running, until);
    const found = outcome instanceof Deferred ? outcome.task.guarded : outcome.entry;
    const by = outcome instanceof Deferred ? run.call.usage : outcome.by;
    if (!(await this.#mayKnow(running, found, by)))
      return this.#waitFor(this.#beginRun({ ...ready, memo: undefined }), running, until);
    if (!(outcome instanceof Deferred) && outcome.isStale && memo !== undefined)
      this.#refresh(running, prepared.params, memo, outcome);
    return outcome;
  }

  #beginRun({ running, prepared, memo }: Ready): TaskRun<Produced> {
    return new TaskRun(this.#taskCall(running, memo), (run) =>
      this.#produce({ ...running, run }, prepared.params, memo),
    );
  }

  #waitFor(
    run: TaskRun<Produced>,
    { call: { signal, onProgress }, questions }: Running,
    until: number,
  ): Promise<Produced | Deferred> {
    return this.#store.tasks.wait(run, {
      until,
      signal,
      onProgress: onProgress && heardBy(questions, onProgress),
    });
  }

  /** What a run is to know of the call that it makes. */
  #taskCall(running: Running, name: string | undefined): TaskCall {
    const { call, usage, place, questions } = running;
    return {
      toolName: this.#toolOf(call),
      name,
      usage,
      starter: actorText(questions.actor),
      traits: this.#traits,
      expectedSchema: call.expectedSchema,
      guarded: () => ({ namespace: place.namespace, policy: usage.restrict(place.policy) }),
      order: (isElsewhere) => this.#orderOf(running, isElsewhere),
      failureOf: (error) =>
        failureOf(error instanceof RunFailure || error instanceof NotReady ? error.cause : error),
      mint: () => mintTaskReference(this.#cache.name),
    };
  }

  /** A call for another process to make; `undefined` where none could. */
  #orderOf({ call, usage, questions }: Running, isElsewhere: boolean): TaskOrder | undefined {
    const toolName = this.#toolOf(call);
    const tool = this.#names.identityOf(toolName);
    const args = tool === "" ? undefined : argsToWire(call.params[0], this.#cache.limits.maxDepth);
    if (args === undefined) return undefined;
    const who = { caller: usage.caller, asker: questions.actor };
    return { tool, toolName, ...who, args, isPending: call.validate !== undefined, isElsewhere };
  }

  #resume({ self, tool, validate, context, withTask }: ServedFunction, order: TaskOrder, known: KnownTask) {
    const call: Call = {
      self,
      params: [argsFromWire(order.args), context?.()],
      keyed: 1,
      tool: tool ?? order.toolName,
      validate: order.isPending ? validate : undefined,
      withTask,
      expectedSchema: known.state.expectedSchema,
    };
    const running = this.#begin(call, order);
    const work = (run: TaskRun<Produced>) =>
      runCall(running.usage, () => this.#resumed({ ...running, run }, run), order.asker);
    return new TaskRun(this.#taskCall(running, undefined), work, known.refId, known.state);
  }

  /** Who died may have stored the result before. */
  async #resumed(begun: Running, run: TaskRun<Produced>): Promise<Produced> {
    const { refId } = run;
    if (await this.#store.backend.exists(refId)) return { refId, entry: await this.#store.saved(refId) };
    const { running, prepared, memo } = await this.#ready(begun);
    return this.#store.tasks.beginHere(run, () => this.#run(running, prepared.params, memo));
  }

  /** What another user's call made is not told of to those who may do nothing with it; theirs is made for them. */
  async #mayKnow({ questions, usage }: Running, found: Guarded, by: Usage | undefined): Promise<boolean> {
    return this.#options.scope !== "shared" || by === usage || questions.wouldPermit("info", found);
  }

  /**
   * By the policy so far, too: a result that others may see must not answer a call whose arguments they may not. Where
   * the name would come from what the caller may not see, there must be none: equal names would tell equal values.
   */
  #nameOf({ call, questions, usage, place }: Running, prepared: Prepared): string | undefined {
    const policy = this.#resultPolicy(usage, place.policy);
    const [caller, asker] = [actorText(usage.caller), actorText(questions.actor)];
    const principal = asker === caller ? caller : `${asker} for ${caller}`;
    return this.#names.nameOf(call, prepared, principal, { ...place, policy });
  }

  /** Puts values where references are, and validates the first parameter where the call asks for it. */
  async #prepare(running: Running): Promise<Prepared> {
    const { call, questions } = running;
    if (this.resolveRefs === false) return { params: call.params, missing: [] };
    const source = this.#store.sourceFor(questions, "use");
    const isHidden = (head: EntryHead) => !questions.surelyPermits("get", head);
    const resolved = await this.#resolve(call, source, isHidden).catch(async (error: unknown) => {
      throw error instanceof StoreError ? error : await this.#misfit(error, running);
    });
    if (call.validate === undefined) return resolved;
    const { params, missing } = resolved;
    const [first, ...others] = params;
    try {
      return { params: [await call.validate(first), ...others], missing };
    } catch (error) {
      throw missing.length > 0 ? new ReferenceUnavailableError() : await this.#misfit(error, running);
    }
  }

  #misfit(error: unknown, { disclosure }: Running): Promise<unknown> {
    return disclosure.errorFor(error, () => new HiddenArgumentError());
  }

  async #resolve(call: Call, source: EntrySource, isHidden: IsHidden): Promise<Prepared> {
    const { limits } = this.#cache;
    const keyed = call.params.slice(0, call.keyed);
    if (this.resolveRefs === true) {
      const { value, missing } = await resolveReferences(keyed, source, limits, isHidden);
      return { params: [...(value as unknown[]), ...call.params.slice(keyed.length)], missing };
    }
    const members = pickMembers(keyed[0], this.resolveRefs || []);
    const { value, missing } = await resolveReferences(members, source, limits, isHidden);
    const first =
      Object.keys(members).length === 0 ? keyed[0] : { ...(keyed[0] as object), ...(value as object) };
    return { params: [first, ...call.params.slice(1)], missing };
  }

  async #produce(running: Running, params: readonly unknown[], memo: string | undefined): Promise<Produced> {
    if (memo === undefined) return this.#runOnce(running, params);
    const recalled = await this.#recall(memo);
    if (recalled.found !== undefined) return recalled.found;
    const { leasedRuns } = this.#store;
    const isKnown = recalled.hasFailed !== true; // a store that has just failed is not asked for a lease
    if (leasedRuns === undefined || this.#coordination === undefined || !isKnown)
      return this.#runOnce(running, params, memo);
    return leasedRuns.once(this.#job(running, params, memo, recalled.seen), this.#coordination);
  }

  /** Runs the function, unless another process runs it as a task already, or is to. */
  async #runOnce(
    running: Running,
    params: readonly unknown[],
    memo?: string,
    lease?: HeldLease,
  ): Promise<Produced> {
    const { run } = running;
    const { runner } = this.#cache.tasks;
    if (run === undefined) return this.#run(running, params, memo, lease);
    if (lease !== undefined) run.abort.onAbort(() => void lease.end().catch(() => {})); // nobody is to wait for its end
    const isShared = memo !== undefined && (lease !== undefined || runner !== undefined);
    const other = isShared ? await this.#keep(() => this.#store.tasks.unfinished(memo)) : undefined;
    if (other !== undefined)
      return this.#resultOfTask(await this.#store.tasks.follow(run, other.refId), ELSEWHERE);
    return this.#store.tasks.begin(run, {
      runHere: () => this.#run(running, params, memo, lease),
      resultOf: (known) => this.#resultOfTask(known, running.usage),
    });
  }

  /** What a task has come to that another process ran. */
  async #resultOfTask({ refId, state, guarded }: KnownTask, by: Usage): Promise<Produced> {
    if (state.status === "complete") return { refId, entry: await this.#store.saved(refId), by };
    if (state.status === "cancelled") throw new TaskCancelledError();
    const used = new Usage(by.caller);
    used.add(guarded);
    const { code, message } = state.error ?? failureOf(undefined);
    throw new RunFailure(new TaskFailedError(code, message), used);
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

  async #recall(memo: string): Promise<Found<Produced> & { hasFailed?: boolean }> {
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
      this.asyncTimeout === undefined ? make(unattended) : this.#inRun(unattended, memo, make);
    background.start(memo, () =>
      runCall(usage, refresh, running.questions.actor).catch((error) => this.#notRefreshed(error, running)),
    );
  }

  /** A run that nobody waits for, and nobody polls. */
  async #inRun(running: Running, memo: string, work: (running: Running) => Promise<void>): Promise<void> {
    await new TaskRun<void>(this.#taskCall(running, memo), (run) =>
      work({ ...running, run: run as unknown as TaskRun<Produced> }),
    ).outcome;
  }

  /** Without the message, which may quote values. */
  #notRefreshed(error: unknown, { call }: Running): void {
    const cause: unknown = error instanceof RunFailure ? error.cause : error;
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
    const { entry, preview } = await this.#executed(running, params);
    const isCurrent = () => generation === this.#generationOf(running);
    const isTask = run !== undefined && this.#store.tasks.isKept(run);
    const save = (held: HeldLease | undefined) =>
      this.#save(entry, memo, isCurrent, held, isTask ? run.refId : undefined);
    if (run !== undefined && !isTask) run.isSaving = true;
    const store = isTask ? () => this.#saveTask(run, save, lease, "written" in entry) : () => save(lease);
    if ("written" in entry) return { ...(await this.#saveWritten(store)), by: usage };
    const refId = isTask ? await store() : ((await this.#keep(store)) ?? null);
    return { refId, entry: this.#store.showable(entry), preview, by: usage };
  }

  /** Executes it as often as need be. */
  #executed(running: Running, params: readonly unknown[]): Promise<Executed> {
    const { run } = running;
    const all = this.#options.retries
      ? () => this.#executeAgain(running, params)
      : () => this.#execute(running, params);
    return run === undefined ? all() : runTask(run.context, all);
  }

  #executeAgain(running: Running, params: readonly unknown[]): Promise<Executed> {
    const { run, call } = running;
    const isElsewhere = run?.takenOver?.order?.isElsewhere === true;
    const attempt = () => {
      run?.note(undefined); // the wait for this attempt is over
      return this.#execute(running, params);
    };
    return retrying(this.#retries, attempt, {
      signal: run === undefined ? call.signal : run.abort.signal,
      done: run?.retryCount ?? 0,
      causeOf: (thrown) => (thrown instanceof RunFailure ? thrown.cause : thrown),
      onRetry: (count, delay) => {
        if (run === undefined) return;
        run.retryCount = count;
        if (isElsewhere) throw new RetryLater(delay);
        run.note(`Attempt ${count + 1} of ${this.#traits.retries + 1} in ${Math.ceil(delay / 1000)} s.`);
      },
    });
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

  async #execute(running: Running, params: readonly unknown[]): Promise<Executed> {
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
      const request = { ...this.#request(place), mayRead };
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
    if (isAnswer(value)) {
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
    const policy = this.#resultPolicy(usage, place.policy);
    const toolName = this.#toolOf(call) || undefined;
    return { namespace: place.namespace, ttl, policy, toolName, tags };
  }

  #resultPolicy(usage: Usage, policy: Policy): Policy {
    const { declassify = false } = this.#options;
    if (declassify === false) return usage.restrict(policy);
    return declassify === true ? policy : makePolicy(declassify([...usage.policies]), "declassify", policy);
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
    return { lease: Math.min(resolved.lease, tasks.lease), wait: this.#traits.maxAge };
  }

  #toolOf(call: Call): string {
    return call.tool ?? this.#function.name;
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

  #request({ settings }: Place): Omit<AnswerRequest, "mayRead"> {
    const { limits, measure } = this.#cache;
    const { preview, maxSize } = this.#options;
    return {
      measure,
      preview: preview ?? settings.preview,
      maxSize: Math.min(maxSize ?? settings.maxSize, limits.maxPreviewSize),
      maxPageSize: limits.maxPageSize,
      repeat: { max_size: maxSize },
    };
  }
}

const DECLASSIFIED = { permitted: true, reason: "declassify" };

/** What a run threw, with what it had used by then: others than its own caller may have joined it. */
class RunFailure {
  constructor(
    readonly cause: unknown,
    readonly usage: Usage,
  ) {}
}

/** What kept a call from being made, as its caller is to be told it. */
class NotReady {
  constructor(readonly cause: unknown) {}
}

/** Stands for the call of another process. */
const ELSEWHERE = new Usage(SYSTEM);

/** The function's context with what concerns its task. */
function withContext(
  [first, context, ...rest]: readonly unknown[],
  task: TaskContext,
  join: Exclude<Call["withTask"], undefined> = joinContext,
): readonly unknown[] {
  return [first, join(context, task), ...rest];
}

function joinContext(context: unknown, task: TaskContext): unknown {
  if (typeof context !== "object" || context === null) return task;
  return copyWith(context, { progress: task.progress, signal: task.signal });
}

function pickMembers(args: unknown, members: readonly string[]): Record<string, unknown> {
  const given = typeof args === "object" && args !== null ? Object.entries(args) : [];
  return Object.fromEntries(given.filter(([member]) => members.includes(member)));
}
