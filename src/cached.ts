import { ANONYMOUS_AGENT } from "./access/actor.js";
import { actorText } from "./access/actor-text.js";
import type { Questions } from "./access/control.js";
import { currentActor, currentUsage, runCall } from "./access/current.js";
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
import type { CachedOptions, Call, Prepared } from "./call.js";
import { CallNames } from "./call-names.js";
import type { HeldLease } from "./coordination/held-lease.js";
import type { Found, SharedJob } from "./coordination/leased-runs.js";
import { type Coordination, resolveCoordination } from "./coordination/options.js";
import { Disclosure } from "./disclosure.js";
import type { Entry, EntryHead } from "./entry/entry.js";
import { checkTags } from "./entry/labels.js";
import type { EntryOptions, EntryStore } from "./entry-store.js";
import {
  HiddenArgumentError,
  ReferenceUnavailableError,
  StoreError,
  ValueNotStorableError,
} from "./errors.js";
import { Lifetime } from "./lifetime.js";
import type { ResolvedOptions } from "./options.js";
import { TextChangedError } from "./outline/stored-text.js";
import type { Place, Placement } from "./placement.js";
import { type EntrySource, type IsHidden, resolveReferences } from "./resolution.js";
import { SingleFlight } from "./single-flight.js";
import { type Draft, discard } from "./streams/draft.js";
import { type StreamParts, streamParts } from "./streams/value-stream.js";
import { WritingFailure } from "./streams/written-text.js";

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
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #options: CachedOptions;
  readonly #function: (...params: never[]) => unknown;
  readonly #flights = new SingleFlight<Produced>();
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
    this.#coordination =
      options.coordination === undefined
        ? cache.coordination
        : resolveCoordination(options.coordination, cache.coordination);
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

  async #answer(call: Call): Promise<Answer> {
    const outer = currentUsage();
    const asker = currentActor() ?? ANONYMOUS_AGENT;
    const usage = new Usage(outer?.caller ?? asker, outer);
    const questions = this.#store.questionsOf(asker);
    const place = this.#placement.of(usage.caller);
    const told = { usage, outer, tool: this.#toolOf(call) };
    const disclosure = new Disclosure(this.#store.questionsOf(usage.caller), told, this.#cache);
    const running = { call, questions, usage, place, disclosure, tags: [] };
    const watched = { tool: told.tool, namespace: place.namespace, usage };
    const result = await this.#store.telemetry.call(watched, () =>
      runCall(usage, () => this.#resultOf(running), asker),
    );
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

  async #resultOf(begun: Running): Promise<Produced> {
    const { call, disclosure } = begun;
    const mayReadArguments = await disclosure.mayTell();
    const { params, missing } = await this.#prepare(begun);
    const prepared = { params: call.finish?.(params) ?? params, missing };
    let running = begun;
    try {
      running = { ...begun, tags: this.#tagsOf(call, prepared.params) };
      const isNamed = mayReadArguments && (this.#options.key === undefined || (await disclosure.mayTell()));
      const memo = isNamed ? this.#nameOf(running, prepared) : undefined;
      const run = () => this.#produce(running, prepared.params, memo);
      if (memo === undefined) return await run();
      // A call after a clearing does not join a run from before it.
      const flight = `${this.#generationOf(running)} ${memo}`;
      const found = await this.#flights.run(flight, call.signal, run);
      if (!(await this.#mayKnow(running, found))) return await this.#run(running, prepared.params);
      if (found.isStale) this.#refresh(running, prepared.params, memo, found);
      return found;
    } catch (error) {
      throw await this.#asSeen(error, running);
    }
  }

  /** What another user's call made is not told of to those who may do nothing with it; theirs is made for them. */
  async #mayKnow({ questions, usage }: Running, { by, entry }: Produced): Promise<boolean> {
    return this.#options.scope !== "shared" || by === usage || questions.wouldPermit("info", entry);
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
    if (memo === undefined) return this.#run(running, params);
    const recalled = await this.#recall(memo);
    if (recalled.found !== undefined) return recalled.found;
    const { leasedRuns } = this.#store;
    const isKnown = recalled.hasFailed !== true; // a store that has just failed is not asked for a lease
    if (leasedRuns === undefined || this.#coordination === undefined || !isKnown)
      return this.#run(running, params, memo);
    return leasedRuns.once(this.#job(running, params, memo, recalled.seen), this.#coordination);
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
      signal: running.call.signal,
      find: () => this.#recall(memo),
      run: (lease) => this.#run(running, params, memo, lease),
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
    const refresh = async () => {
      const job = this.#job(unattended, params, memo, refId ?? undefined);
      if (leasedRuns === undefined || this.#coordination === undefined) await job.run();
      else await leasedRuns.onceIfFree(job, this.#coordination);
    };
    background.start(memo, () =>
      runCall(usage, refresh, running.questions.actor).catch((error) => this.#notRefreshed(error, running)),
    );
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
    const generation = this.#generationOf(running);
    const { entry, preview } = await this.#execute(running, params);
    const isCurrent = () => generation === this.#generationOf(running);
    const save = () => this.#save(entry, memo, isCurrent, lease);
    if ("written" in entry) return { ...(await this.#saveWritten(save)), by: running.usage };
    const refId = (await this.#keep(save)) ?? null;
    return { refId, entry: this.#store.showable(entry), preview, by: running.usage };
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
  ): Promise<string> {
    if (memo === undefined || !isCurrent()) return this.#store.save(entry);
    const refId = await this.#store.save(entry, memo, lease);
    if (isCurrent()) return refId;
    await this.#store.backend.delete(refId);
    if ("written" in entry) throw new TextChangedError(); // its text is gone: it is made again
    return this.#store.save(entry);
  }

  #generationOf({ call, place, tags }: Running): number {
    return this.#store.generationOf({ namespace: place.namespace, toolName: this.#toolOf(call), tags });
  }

  #tagsOf({ self }: Call, params: readonly unknown[]): readonly string[] {
    return typeof this.#tags === "function" ? checkTags(Reflect.apply(this.#tags, self, params)) : this.#tags;
  }

  async #execute(running: Running, params: readonly unknown[]): Promise<Executed> {
    const { call, questions, usage, place } = running;
    try {
      this.#notePlace(running);
      const value: unknown = await Reflect.apply(this.#function, call.self, params);
      const parts = streamParts(value);
      if (parts !== undefined) return { entry: await this.#receive(running, params, value, parts) };
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
    const received = await this.#store.receive(parts);
    try {
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

function pickMembers(args: unknown, members: readonly string[]): Record<string, unknown> {
  const given = typeof args === "object" && args !== null ? Object.entries(args) : [];
  return Object.fromEntries(given.filter(([member]) => members.includes(member)));
}
