import type { Actor } from "./access/actor.js";
import { isPermitted } from "./access/checker.js";
import { currentActor } from "./access/current.js";
import { Permission } from "./access/permission.js";
import { makePolicy, type Policy } from "./access/policy.js";
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
import type { Entry } from "./entry/entry.js";
import type { EntryStore } from "./entry-store.js";
import {
  EntryUnreadableError,
  HiddenArgumentError,
  ReferenceUnavailableError,
  StoreError,
  ValueNotStorableError,
} from "./errors.js";
import { type ResolvedOptions, resolveTtl } from "./options.js";
import { type FetchEntry, resolveReferences } from "./resolution.js";
import { SingleFlight } from "./single-flight.js";

/**
 * A function whose results are kept and answered by reference: resolves the references in its arguments, runs
 * once for equal calls, stores what it returns, and answers.
 */
export class CachedFunction {
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #namespace: string;
  readonly #options: CachedOptions;
  readonly #policy: Policy;
  readonly #function: (...params: never[]) => unknown;
  readonly #flights = new SingleFlight<Result>();
  readonly #names: CallNames;

  /** Takes options that have been checked. */
  constructor(
    store: EntryStore,
    cache: ResolvedOptions,
    namespace: string,
    options: CachedOptions,
    fn: (...params: never[]) => unknown,
  ) {
    this.#store = store;
    this.#cache = cache;
    this.#namespace = namespace;
    this.#options = options;
    this.#policy = makePolicy(options.policy ?? {}, "policy", store.settings(namespace).policy);
    this.#function = fn;
    this.#names = new CallNames(store, cache, { namespace, options, policy: this.#policy, fn });
  }

  /** The name the function was given, or an empty text. */
  get functionName(): string {
    return this.#function.name;
  }

  /** Milliseconds that results live, `null` for ever. */
  get ttl(): number | null {
    const { ttl } = this.#options;
    return ttl === undefined
      ? this.#store.settings(this.#namespace).ttl
      : resolveTtl(ttl, this.#cache.limits, "ttl");
  }

  /** Which members of the arguments take references. */
  get resolveRefs(): boolean | readonly string[] {
    return this.#options.resolveRefs ?? true;
  }

  /**
   * From arguments to answer.
   * @throws whatever the function or `validate` throws, and {@link RefCacheError}s of the cache's own.
   */
  async call(call: Call): Promise<Answer> {
    const actor = currentActor();
    const prepared = await this.#prepare(call, actor);
    const memo = this.#names.nameOf(call, prepared, actor);
    const run = () => this.#produce(call, prepared.params, memo, actor);
    const result =
      memo === undefined ? await run() : await this.#flights.run(this.#flightName(memo), call.signal, run);
    return makeAnswer(result, this.#request(actor));
  }

  /** A call after a clearing does not join a run from before it. */
  #flightName(memo: string): string {
    return `${this.#store.generationOf(this.#namespace)} ${memo}`;
  }

  /** Puts values where references are, and validates the first parameter where the call asks for it. */
  async #prepare(call: Call, actor: Actor): Promise<Prepared> {
    if (this.resolveRefs === false) return { params: call.params, missing: [] };
    let isHidden = false;
    const fetch = async (refId: string) => {
      const entry = await this.#store.find(refId, actor, Permission.EXECUTE);
      if (entry !== undefined && !isPermitted(actor, Permission.READ, entry.policy)) isHidden = true;
      return entry;
    };
    const { params, missing } = await this.#resolve(call, fetch);
    try {
      const validated = call.validate === undefined ? params[0] : await call.validate(params[0]);
      return { params: call.validate === undefined ? params : [validated, ...params.slice(1)], missing };
    } catch (error) {
      if (missing.length > 0) throw new ReferenceUnavailableError();
      throw isHidden ? new HiddenArgumentError() : error;
    }
  }

  async #resolve(call: Call, fetch: FetchEntry): Promise<Prepared> {
    const { limits } = this.#cache;
    const keyed = call.params.slice(0, call.keyed);
    if (this.resolveRefs === true) {
      const { value, missing } = await resolveReferences(keyed, fetch, limits);
      return { params: [...(value as unknown[]), ...call.params.slice(keyed.length)], missing };
    }
    const members = pickMembers(keyed[0], this.resolveRefs || []);
    const { value, missing } = await resolveReferences(members, fetch, limits);
    const first =
      Object.keys(members).length === 0 ? keyed[0] : { ...(keyed[0] as object), ...(value as object) };
    return { params: [first, ...call.params.slice(1)], missing };
  }

  async #produce(
    call: Call,
    params: readonly unknown[],
    memo: string | undefined,
    actor: Actor,
  ): Promise<Result> {
    const known = memo === undefined ? undefined : await this.#recall(memo);
    if (known !== undefined) return known;
    const generation = this.#store.generationOf(this.#namespace);
    const value: unknown = await Reflect.apply(this.#function, call.self, params);
    const entry = this.#makeEntry(call, value);
    const preview = previewAtOnce(value, entry, this.#request(actor));
    const name = generation === this.#store.generationOf(this.#namespace) ? memo : undefined;
    const refId = await this.#keep(() => this.#store.save(entry, name));
    return { refId: refId ?? null, entry, preview };
  }

  #makeEntry(call: Call, value: unknown): Entry {
    if (isAnswer(value)) {
      throw new ValueNotStorableError(
        "$",
        "it is an answer already; resolve its ref_id and return the value",
      );
    }
    const { ttl } = this.#options;
    const toolName = call.tool ?? (this.#function.name || undefined);
    return this.#store.make(value, { namespace: this.#namespace, ttl, policy: this.#policy, toolName });
  }

  /** An earlier result, if it is still there; one that cannot be read is made again. */
  async #recall(memo: string): Promise<Result | undefined> {
    return this.#keep(async () => {
      const refId = await this.#store.follow(memo);
      const entry = refId === undefined ? undefined : await this.#store.backend.get(refId).catch(unreadable);
      return refId === undefined || entry === undefined ? undefined : { refId, entry };
    });
  }

  /** A failing store costs the reference, not the answer, unless the cache is told otherwise. */
  async #keep<T>(operation: () => Promise<T>): Promise<T | undefined> {
    try {
      return await operation();
    } catch (error) {
      if (!(error instanceof StoreError) || this.#cache.onStoreError === "throw") throw error;
      this.#cache.logger.warn(`${error.message} A tool answers without a reference.`);
      return undefined;
    }
  }

  #request(actor: Actor): AnswerRequest {
    const settings = this.#store.settings(this.#namespace);
    const { limits, measure } = this.#cache;
    const { preview, maxSize } = this.#options;
    return {
      actor,
      measure,
      preview: preview ?? settings.preview,
      maxSize: Math.min(maxSize ?? settings.maxSize, limits.maxPreviewSize),
      maxPageSize: limits.maxPageSize,
      repeat: { max_size: maxSize },
    };
  }
}

function pickMembers(args: unknown, members: readonly string[]): Record<string, unknown> {
  const given = typeof args === "object" && args !== null ? Object.entries(args) : [];
  return Object.fromEntries(given.filter(([member]) => members.includes(member)));
}

function unreadable(error: unknown): undefined {
  if (error instanceof EntryUnreadableError) return undefined;
  throw error;
}
