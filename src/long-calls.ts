import { SYSTEM } from "./access/actor.js";
import { actorText } from "./access/actor-text.js";
import type { Guarded } from "./access/checker.js";
import { outerTask, runCall } from "./access/current.js";
import { PUBLIC_NAMESPACE } from "./access/namespace.js";
import { type Policy, unseen } from "./access/policy.js";
import { Usage } from "./access/usage.js";
import { type CachedOptions, type Call, type ServedFunction, toolOf } from "./call.js";
import type { CallNames } from "./call-names.js";
import type { HeldLease } from "./coordination/held-lease.js";
import type { EntryStore } from "./entry-store.js";
import { ReferenceUnavailableError, TaskCancelledError, TaskFailedError } from "./errors.js";
import { canonicalText } from "./memo.js";
import type { ResolvedOptions } from "./options.js";
import { mintTaskReference } from "./reference.js";
import { causeOf, type Produced, type Ready, type Recall, RunFailure, type Running } from "./running.js";
import { SingleFlight } from "./single-flight.js";
import { argsFromWire, argsToWire } from "./tasks/args-wire.js";
import { failureOf } from "./tasks/failure.js";
import { traitsOf } from "./tasks/function-options.js";
import { heardBy } from "./tasks/heard-by.js";
import type { KnownTask } from "./tasks/records.js";
import type { TaskOrder } from "./tasks/task.js";
import { TaskFlights } from "./tasks/task-flights.js";
import { type TaskCall, TaskRun, type TaskTraits } from "./tasks/task-run.js";
import { Deferred } from "./tasks/told-task.js";

/** What calls of a function are made of, whether they may become tasks or not. */
export interface Calls {
  begin(call: Call, who: Pick<TaskOrder, "caller" | "asker">): Running;
  ready(begun: Running): Promise<Ready>;
  flightOf(running: Running, memo: string): string;
  generationOf(running: Running): number;
  resultPolicy(usage: Usage, policy: Policy): Policy;
  recall(memo: string): Promise<Recall>;
  /**
   * Finds the result, or makes it by {@link LongCalls.runOnce}.
   * @param known what was recalled a moment ago.
   */
  produce(
    running: Running,
    params: readonly unknown[],
    memo: string | undefined,
    known?: Recall,
  ): Promise<Produced>;
  run(running: Running, params: readonly unknown[], memo?: string, lease?: HeldLease): Promise<Produced>;
  mayKnow(running: Running, found: Guarded, by: Usage | undefined): boolean | Promise<boolean>;
  refresh(running: Running, params: readonly unknown[], memo: string, stale: Produced): void;
  keep<T>(operation: () => Promise<T>): Promise<T | undefined>;
}

/** What {@link LongCalls} are made with. */
export interface LongCallsOptions {
  readonly store: EntryStore;
  readonly cache: ResolvedOptions;
  readonly options: CachedOptions;
  /** Milliseconds after which callers are answered. */
  readonly timeout: number;
  readonly names: CallNames;
  readonly fn: (...params: never[]) => unknown;
  readonly calls: Calls;
}

/** The calls of one function that go on as tasks when their callers are answered. */
export class LongCalls {
  readonly #timeout: number;
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #names: CallNames;
  readonly #options: CachedOptions;
  readonly #function: (...params: never[]) => unknown;
  readonly #calls: Calls;
  readonly #traits: TaskTraits;
  readonly #recalls = new SingleFlight<Recall>();
  readonly #runs = new TaskFlights<Produced>();

  constructor({ store, cache, options, timeout, names, fn, calls }: LongCallsOptions) {
    this.#store = store;
    this.#cache = cache;
    this.#names = names;
    this.#function = fn;
    this.#calls = calls;
    this.#options = options;
    this.#timeout = timeout;
    this.#traits = traitsOf(options, cache.tasks.maxAge);
  }

  /**
   * The call as it is to be told from others. What comes behind the first argument is a context, unless it is plain data:
   * that tells calls apart.
   */
  identified(call: Call): Call {
    const isContext = call.keyed === undefined && call.params.length > 1;
    return isContext && canonicalText(call.params[1]) === undefined ? { ...call, keyed: 1 } : call;
  }

  /** Lets this process run calls that were made elsewhere, or by a server that has died. */
  serve(served: ServedFunction): void {
    const identity = this.#names.identityOf(served.tool ?? this.#function.name);
    const resume = (order: TaskOrder, known: KnownTask) => this.#resume(served, order, known);
    const isNamed = this.#options.name !== undefined;
    this.#store.tasks.caretaker.register(identity, { resume }, { fn: this.#function, isNamed });
  }

  /** The result, where there is one in time; else what becomes of the call without its caller. */
  async resultInTime(ready: Ready, until: number): Promise<Produced | Deferred> {
    const { running, prepared, memo } = ready;
    const outcome = await this.#outcomeOf(ready, until);
    const isEarly = outcome instanceof Deferred;
    const found = isEarly ? outcome.task.guarded : outcome.entry;
    const may = this.#calls.mayKnow(running, found, outcome.by);
    if (may !== true && !(await may))
      return this.#waitFor(this.#beginRun({ ...ready, memo: undefined }), running, until);
    if (!isEarly && outcome.isStale && memo !== undefined)
      this.#calls.refresh(running, prepared.params, memo, outcome);
    return outcome;
  }

  /** What is stored needs no run; who calls while one is under way joins it. */
  async #outcomeOf(ready: Ready, until: number): Promise<Produced | Deferred> {
    const { running, memo } = ready;
    if (memo === undefined) return this.#waitFor(this.#beginRun(ready), running, until);
    const flight = this.#calls.flightOf(running, memo);
    const known = this.#runs.has(flight)
      ? undefined
      : await this.#recalls.run(flight, undefined, () => this.#calls.recall(memo));
    if (known?.found !== undefined) return known.found;
    const run = this.#runs.join(flight, () => this.#beginRun(ready, known));
    return this.#waitFor(run, running, until);
  }

  #beginRun({ running, prepared, memo }: Ready, known?: Recall): TaskRun<Produced> {
    return new TaskRun(this.#taskCall(running, memo, prepared.missing), (run) =>
      this.#calls.produce({ ...running, run }, prepared.params, memo, known),
    );
  }

  #waitFor(
    run: TaskRun<Produced>,
    { call: { signal, onProgress }, questions }: Running,
    until: number,
  ): Promise<Produced | Deferred> {
    return this.#store.tasks.wait(run, {
      until,
      signal: signal ?? outerTask()?.signal,
      onProgress: onProgress && heardBy(questions, onProgress),
    });
  }

  /** What a run is to know of the call that it makes. */
  #taskCall(running: Running, name: string | undefined, missing: readonly string[]): TaskCall {
    const { call, usage, questions } = running;
    const generation = this.#calls.generationOf(running);
    const { policies: used } = usage; // so far
    return {
      toolName: toolOf(call, this.#function),
      name,
      usage,
      starter: actorText(questions.actor),
      traits: this.#traits,
      expectedSchema: call.expectedSchema,
      guarded: () => this.#guardOf(running),
      isCurrent: () => generation === this.#calls.generationOf(running),
      order: (isElsewhere) => this.#orderOf(running, { missing, used, isElsewhere }),
      failureOf: (error) => failureOf(causeOf(error), error instanceof RunFailure),
      mint: () => mintTaskReference(this.#cache.name),
    };
  }

  /**
   * Who may know of a call what its function says: whoever may READ all that it used. Of one that may show its result to
   * others all the same, those may know that there is one.
   */
  #guardOf({ usage, place, questions }: Running): Guarded {
    const { namespace } = place;
    const guarded = { namespace, policy: usage.restrict(place.policy) };
    if (questions.surelyPermits("info", guarded)) return guarded;
    return { namespace, policy: unseen(this.#calls.resultPolicy(usage, place.policy)) };
  }

  /**
   * A call for another process to make; `undefined` where none could: it knows what is plain data, and one function of a
   * name. Of a context it makes its own only where there is a layer above that can.
   */
  #orderOf(
    { call, usage, questions }: Running,
    facts: Pick<TaskOrder, "missing" | "used" | "isElsewhere">,
  ): TaskOrder | undefined {
    const toolName = toolOf(call, this.#function);
    const tool = this.#names.identityOf(toolName);
    const hasOwnContext = call.withTask === undefined && call.params[1] !== undefined;
    if (hasOwnContext || !this.#store.tasks.caretaker.functions.has(tool)) return undefined;
    const args = argsToWire(call.params[0], this.#cache.limits.maxDepth);
    if (args === undefined) return undefined;
    const who = { caller: usage.caller, asker: questions.actor };
    return { tool, toolName, ...who, args, isPending: call.validate !== undefined, ...facts };
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
    const running = this.#calls.begin(call, order);
    for (const policy of order.used) running.usage.add({ namespace: PUBLIC_NAMESPACE, policy });
    const work = (run: TaskRun<Produced>) =>
      runCall(running.usage, () => this.#resumed({ ...running, run }, run), order.asker);
    return new TaskRun(this.#taskCall(running, undefined, order.missing), work, known.refId, known.state);
  }

  /** Who died may have stored the result before. */
  async #resumed(begun: Running, run: TaskRun<Produced>): Promise<Produced> {
    const { refId } = run;
    if (await this.#store.backend.exists(refId)) return { refId, entry: await this.#store.saved(refId) };
    const { running, prepared, memo } = await this.#calls.ready(begun);
    const had = run.takenOver?.order?.missing;
    if (prepared.missing.some((text) => !had?.includes(text))) throw new ReferenceUnavailableError();
    return this.#store.tasks.beginHere(run, () => this.#calls.run(running, prepared.params, memo));
  }

  /** Runs the function, unless another process runs it as a task already, or is to. */
  async runOnce(
    running: Running,
    params: readonly unknown[],
    memo?: string,
    lease?: HeldLease,
  ): Promise<Produced> {
    const { run } = running;
    const { runner } = this.#cache.tasks;
    if (run === undefined) return this.#calls.run(running, params, memo, lease);
    run.letOthersRun = () => void lease?.end().catch(() => {});
    if (lease !== undefined) run.abort.onAbort(run.letOthersRun);
    const { tasks } = this.#store;
    const mayBeTask = lease !== undefined || runner !== undefined || !tasks.local.isEmpty;
    const other =
      memo !== undefined && mayBeTask ? await this.#calls.keep(() => tasks.unfinished(memo)) : undefined;
    if (other !== undefined) return this.#resultOfTask(await tasks.followQueued(run, other), ELSEWHERE);
    return tasks.begin(run, {
      runHere: () => this.#calls.run(running, params, memo, lease),
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

  /** A run whose result nobody waits for. One that takes long is a task, too, which equal calls join. */
  async inRun(running: Running, memo: string, work: (running: Running) => Promise<void>): Promise<void> {
    const run = new TaskRun<void>(this.#taskCall(running, memo, []), (run) =>
      work({ ...running, run: run as unknown as TaskRun<Produced> }),
    );
    const until = performance.now() + this.#timeout;
    await this.#store.tasks.wait(run, { until, signal: undefined, onProgress: undefined });
    await run.outcome; // until then nobody makes another
  }
}

/** Stands for the call of another process. */
const ELSEWHERE = new Usage(SYSTEM);
