import { nanoid } from "nanoid";
import { z } from "zod";
import { type Actor, actorText } from "./access/actor.js";
import { currentActor } from "./access/current.js";
import { checkNamespace } from "./access/namespace.js";
import { Permission } from "./access/permission.js";
import { makePolicy, type Policy } from "./access/policy.js";
import { type Answer, makeAnswer, type Result } from "./answer.js";
import type { Duration } from "./duration.js";
import type { EntryStore } from "./entry-store.js";
import { ConfigurationError, ReferenceUnavailableError, StoreError } from "./errors.js";
import { fingerprint, memoName } from "./memo.js";
import { checkShape, type PreviewOptions, type ResolvedOptions, resolveTtl } from "./options.js";
import { type Resolution, resolveReferences } from "./resolution.js";

/** How one cached function differs from its namespace. */
export interface CachedOptions extends PreviewOptions {
  /** How long results live: milliseconds, text such as `"1h"`, or `null` for ever. */
  readonly ttl?: Duration | null | undefined;
  readonly policy?: Partial<Policy> | undefined;
  /** `"user"` (default): a result is found again by the same principal only. `"shared"`: by everybody. */
  readonly scope?: "user" | "shared" | undefined;
  /**
   * What tells one call from another, in place of the arguments; gets the function's own parameters. `false`: every
   * call runs, as for random numbers.
   */
  readonly key?: false | ((this: never, ...params: never[]) => string) | undefined;
  /** The name under which results are found again. Default: the tool's, the method's or the function's. */
  readonly name?: string | undefined;
  /** `false`: references in the arguments stay texts. A list: only in these members of the first argument. */
  readonly resolveRefs?: boolean | readonly string[] | undefined;
}

/** One call, as the layer above the cached function makes it. */
export interface Call {
  readonly self: unknown;
  readonly params: readonly unknown[];
  /** The tool's name, where the layer above knows it. */
  readonly tool?: string | undefined;
  /** How many of the parameters make the call what it is; a context behind them does not. Default: all. */
  readonly keyed?: number | undefined;
  /** Checks the first argument once its references are resolved; throws what the caller shall see. */
  readonly validate?: ((resolved: unknown) => unknown) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const schema = z.strictObject({
  ttl: z.union([z.number(), z.string()]).nullable().optional(),
  policy: z.looseObject({}).optional(),
  preview: z.enum(["sample", "paginate", "truncate"]).optional(),
  maxSize: z.int().min(10).optional(),
  scope: z.enum(["user", "shared"]).optional(),
  key: z
    .custom((value) => value === false || typeof value === "function", {
      message: "must be a function or false",
    })
    .optional(),
  name: z.string().min(1).optional(),
  resolveRefs: z.union([z.boolean(), z.array(z.string())]).optional(),
});

/**
 * A function whose results are kept and answered by reference: resolves the references in its arguments, runs
 * once for equal calls, stores what it returns, and answers.
 */
export class CachedFunction {
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #namespace: string;
  readonly #options: CachedOptions;
  readonly #function: (...params: never[]) => unknown;
  readonly #running = new Map<string, Promise<Result>>();
  #source: string | undefined;
  #warned = false;

  /** @throws {ConfigurationError} naming the option that is not acceptable. */
  constructor(
    store: EntryStore,
    cache: ResolvedOptions,
    namespace: string,
    options: CachedOptions,
    fn: (...params: never[]) => unknown,
  ) {
    this.#store = store;
    this.#cache = cache;
    this.#namespace = checkNamespace(namespace);
    checkCachedOptions(options, cache);
    this.#options = options;
    this.#function = fn;
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
    const params = await this.#resolve(call, actor);
    const result = await this.#once(this.#memoName(call, actor), call, (memo) =>
      this.#produce(call, params, memo),
    );
    return this.#answer(result, actor);
  }

  /** The parameters with their references replaced, and the first one validated where the call asks for it. */
  async #resolve(call: Call, actor: Actor): Promise<readonly unknown[]> {
    const { value, missing } = await this.#resolveArguments(call, actor);
    const params = value as unknown[];
    if (call.validate === undefined) return params;
    try {
      return [await call.validate(params[0]), ...params.slice(1)];
    } catch (error) {
      throw missing.length > 0 ? new ReferenceUnavailableError() : error;
    }
  }

  async #resolveArguments(call: Call, actor: Actor): Promise<Resolution> {
    const { resolveRefs } = this;
    if (resolveRefs === false) return { value: call.params, used: [], missing: [] };
    const fetch = (refId: string) => this.#store.find(refId, actor, Permission.EXECUTE);
    const keyed = call.params.slice(0, call.keyed);
    const chosen = resolveRefs === true ? keyed : [pickMembers(keyed[0], resolveRefs)];
    const resolution = await resolveReferences(chosen, fetch, this.#cache.limits);
    if (resolution.used.length === 0) return { ...resolution, value: call.params };
    const resolved = resolution.value as unknown[];
    const first = resolveRefs === true ? resolved : [{ ...(keyed[0] as object), ...(resolved[0] as object) }];
    return { ...resolution, value: [...first, ...call.params.slice(first.length)] };
  }

  #memoName(call: Call, actor: Actor): string | undefined {
    const { key, scope } = this.#options;
    if (key === false) return undefined;
    const args = key === undefined ? call.params.slice(0, call.keyed) : this.#ownKey(key, call);
    const name = memoName({
      cacheName: this.#cache.name,
      namespace: this.#namespace,
      tool: this.#identity(call),
      principal: scope === "shared" ? "*" : actorText(actor),
      args,
    });
    if (name === undefined) this.#warnOnce(call);
    return name;
  }

  #ownKey(key: (this: never, ...params: never[]) => string, call: Call): string {
    const text: unknown = Reflect.apply(key, call.self, call.params);
    if (typeof text === "string") return text;
    throw new ConfigurationError("key", "must return a text");
  }

  /**
   * Names given on purpose stand alone; others are joined by the function's source, so that two functions which
   * happen to share a name do not share results, nor two versions of one.
   */
  #identity(call: Call): string {
    if (this.#options.name !== undefined) return this.#options.name;
    const name = call.tool ?? this.#function.name;
    this.#source ??= name === "" ? nanoid() : fingerprint(this.#function.toString());
    return `${name}#${this.#source}`;
  }

  #warnOnce(call: Call): void {
    if (this.#warned) return;
    this.#warned = true;
    const name = call.tool ?? this.#function.name;
    this.#cache.logger.warn(
      `Results of ${name} are not found again: its arguments are not plain data. Give the option key.`,
    );
  }

  /** Runs once for calls of one name at a time. A caller whose leader was cancelled does not share its fate. */
  async #once(
    memo: string | undefined,
    call: Call,
    run: (memo?: string) => Promise<Result>,
  ): Promise<Result> {
    if (memo === undefined) return run();
    const running = this.#running.get(memo);
    if (running === undefined) return this.#lead(memo, run);
    try {
      return await running;
    } catch (error) {
      if (!isAbort(error) || call.signal?.aborted === true) throw error;
      return this.#once(memo, call, run);
    }
  }

  async #lead(memo: string, run: (memo: string) => Promise<Result>): Promise<Result> {
    const result = run(memo).finally(() => this.#running.delete(memo));
    this.#running.set(memo, result);
    return result;
  }

  async #produce(call: Call, params: readonly unknown[], memo?: string): Promise<Result> {
    const known = memo === undefined ? undefined : await this.#recall(memo);
    if (known !== undefined) return known;
    const generation = this.#store.generation(this.#namespace);
    const live: unknown = await Reflect.apply(this.#function, call.self, params);
    const { ttl, policy } = this.#options;
    const toolName = call.tool ?? (this.#function.name || undefined);
    const entry = this.#store.make(live, { namespace: this.#namespace, ttl, policy, toolName });
    const isCurrent = generation === this.#store.generation(this.#namespace);
    const refId = await this.#keep(() => this.#store.save(entry, isCurrent ? memo : undefined));
    return { refId: refId ?? null, entry, live };
  }

  async #recall(memo: string): Promise<Result | undefined> {
    return this.#keep(async () => {
      const refId = await this.#store.follow(memo);
      const entry = refId === undefined ? undefined : await this.#store.backend.get(refId);
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

  #answer(result: Result, actor: Actor): Answer {
    const settings = this.#store.settings(this.#namespace);
    const { limits, measure } = this.#cache;
    return makeAnswer(result, {
      actor,
      measure,
      preview: this.#options.preview ?? settings.preview,
      maxSize: Math.min(this.#options.maxSize ?? settings.maxSize, limits.maxPreviewSize),
      maxPageSize: limits.maxPageSize,
    });
  }
}

function checkCachedOptions(options: CachedOptions, { limits, defaults }: ResolvedOptions): void {
  checkShape(schema, options);
  if (options.ttl !== undefined) resolveTtl(options.ttl, limits, "ttl");
  if (options.policy !== undefined) makePolicy(options.policy, "policy", defaults.policy);
}

function pickMembers(args: unknown, members: readonly string[]): Record<string, unknown> {
  const given = typeof args === "object" && args !== null ? Object.entries(args) : [];
  return Object.fromEntries(given.filter(([member]) => members.includes(member)));
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
