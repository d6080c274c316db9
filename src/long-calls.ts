import { SYSTEM } from "./access/actor.js";
import { actorText } from "./access/actor-text.js";
import type { Guarded } from "./access/checker.js";
import { outerTask, runCall } from "./access/current.js";
import { type Policy, unseen } from "./access/policy.js";
import { Usage } from "./access/usage.js";
import { type CachedOptions, type Call, type ServedFunction, toolOf } from "./call.js";
import type { CallNames } from "./call-names.js";
import type { HeldLease } from "./coordination/held-lease.js";
import type { EntryStore } from "./entry-store.js";
import { TaskCancelledError, TaskFailedError } from "./errors.js";
import type { ResolvedOptions } from "./options.js";
import { mintTaskReference } from "./reference.js";
import { causeOf, type Produced, type Ready, RunFailure, type Running } from "./running.js";
import { argsFromWire, argsToWire } from "./tasks/args-wire.js";
import { failureOf } from "./tasks/failure.js";
import { traitsOf } from "./tasks/function-options.js";
import { heardBy } from "./tasks/heard-by.js";
import type { KnownTask } from "./tasks/records.js";
import type { TaskOrder } from "./tasks/task.js";
import { TaskFlights } from "./tasks/task-flights.js";
import { type TaskCall, TaskRun, type TaskTraits } from "./tasks/task-run.js";
import { Deferred } from "./tasks/tasks.js";

/** What calls of a function are made of, whether they may become tasks or not. */
export interface Calls {
  begin(call: Call, who: Pick<TaskOrder, "caller" | "asker">): Running;
  ready(begun: Running): Promise<Ready>;
  flightOf(running: Running, memo: string): string;
  generationOf(running: Running): number;
  resultPolicy(usage: Usage, policy: Policy): Policy;
  /** Finds the result, or makes it by {@link LongCalls.runOnce}. */
  produce(running: Running, params: readonly unknown[], memo: string | undefined): Promise<Produced>;
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
  readonly names: CallNames;
  readonly fn: (...params: never[]) => unknown;
  readonly calls: Calls;
}

/** The calls of one function that go on as tasks when their callers are answered. */
export class LongCalls {
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #names: CallNames;
  readonly #function: (...params: never[]) => unknown;
  readonly #calls: Calls;
  readonly #traits: TaskTraits;
  readonly #runs = new TaskFlights<Produced>();

  constructor({ store, cache, options, names, fn, calls }: LongCallsOptions) {
    this.#store = store;
    this.#cache = cache;
    this.#names = names;
    this.#function = fn;
    this.#calls = calls;
    this.#traits = traitsOf(options, cache.tasks.maxAge);
  }

  /** Lets this process run calls that were made elsewhere, or by a server that has died. */
  serve(served: ServedFunction): void {
    const identity = this.#names.identityOf(served.tool ?? this.#function.name);
    this.#store.tasks.register(identity, {
      resume: (order, known) => this.#resume(served, order, known),
    });
  }

  /** The result, where there is one in time; else what becomes of the call without its caller. */
  async resultInTime(ready: Ready, until: number): Promise<Produced | Deferred> {
    const { running, prepared, memo } = ready;
    const begin = () => this.#beginRun(ready);
    const run = memo === undefined ? begin() : this.#runs.join(this.#calls.flightOf(running, memo), begin);
    const outcome = await this.#waitFor(run, running, until);
    const found = outcome instanceof Deferred ? outcome.task.guarded : outcome.entry;
    const by = outcome instanceof Deferred ? run.call.usage : outcome.by;
    const may = this.#calls.mayKnow(running, found, by);
    if (may !== true && !(await may))
      return this.#waitFor(this.#beginRun({ ...ready, memo: undefined }), running, until);
    if (!(outcome instanceof Deferred) && outcome.isStale && memo !== undefined)
      this.#calls.refresh(running, prepared.params, memo, outcome);
    return outcome;
  }

  #beginRun({ running, prepared, memo }: Ready): TaskRun<Produced> {
    return new TaskRun(this.#taskCall(running, memo), (run) =>
      this.#calls.produce({ ...running, run }, prepared.params, memo),
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
  #taskCall(running: Running, name: string | undefined): TaskCall {
    const { call, usage, questions } = running;
    const generation = this.#calls.generationOf(running);
    return {
      toolName: toolOf(call, this.#function),
      name,
      usage,
      starter: actorText(questions.actor),
      traits: this.#traits,
      expectedSchema: call.expectedSchema,
      guarded: () => this.#guardOf(running),
      isCurrent: () => generation === this.#calls.generationOf(running),
      order: (isElsewhere) => this.#orderOf(running, isElsewhere),
      failureOf: (error) => failureOf(causeOf(error)),
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

  /** A call for another process to make; `undefined` where none could. */
  #orderOf({ call, usage, questions }: Running, isElsewhere: boolean): TaskOrder | undefined {
    const toolName = toolOf(call, this.#function);
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
    const running = this.#calls.begin(call, order);
    const work = (run: TaskRun<Produced>) =>
      runCall(running.usage, () => this.#resumed({ ...running, run }, run), order.asker);
    return new TaskRun(this.#taskCall(running, undefined), work, known.refId, known.state);
  }

  /** Who died may have stored the result before. */
  async #resumed(begun: Running, run: TaskRun<Produced>): Promise<Produced> {
    const { refId } = run;
    if (await this.#store.backend.exists(refId)) return { refId, entry: await this.#store.saved(refId) };
    const { running, prepared, memo } = await this.#calls.ready(begun);
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
    const isShared = memo !== undefined && (lease !== undefined || runner !== undefined);
    const other = isShared ? await this.#calls.keep(() => this.#store.tasks.unfinished(memo)) : undefined;
    if (other !== undefined)
      return this.#resultOfTask(await this.#store.tasks.follow(run, other.refId), ELSEWHERE);
    return this.#store.tasks.begin(run, {
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

  /** A run that nobody waits for, and nobody polls. */
  async inRun(running: Running, memo: string, work: (running: Running) => Promise<void>): Promise<void> {
    await new TaskRun<void>(this.#taskCall(running, memo), (run) =>
      work({ ...running, run: run as unknown as TaskRun<Produced> }),
    ).outcome;
  }
}

/** Stands for the call of another process. */
const ELSEWHERE = new Usage(SYSTEM);
