import { nanoid } from "nanoid";
import type { CachedOptions, Call, Prepared } from "./call.js";
import type { EntryStore } from "./entry-store.js";
import { ConfigurationError } from "./errors.js";
import { fingerprint, memoName } from "./memo.js";
import type { ResolvedOptions } from "./options.js";
import type { Place } from "./placement.js";

/** The function whose calls get names. */
export interface NamedFunction {
  readonly namespace: string;
  readonly options: CachedOptions;
  readonly fn: (...params: never[]) => unknown;
}

/** Gives calls of one function the names under which their results are found again. */
export class CallNames {
  readonly #store: EntryStore;
  readonly #cache: ResolvedOptions;
  readonly #named: NamedFunction;
  readonly #anonymous = nanoid();
  readonly #source: string;
  readonly #warnings = new Set<string>();

  constructor(store: EntryStore, cache: ResolvedOptions, named: NamedFunction) {
    this.#store = store;
    this.#cache = cache;
    this.#named = named;
    const source = named.fn.toString();
    this.#source = source.includes("[native code]") ? this.#anonymous : fingerprint(source); // a bound one hides its own
  }

  /**
   * The link name of a call's result; `undefined` where every call is to run, or calls cannot be told apart.
   * @throws {ConfigurationError} when the option `key` does not return a text.
   */
  nameOf(call: Call, { params, missing }: Prepared, principal: string, place: Place): string | undefined {
    const { key, scope } = this.#named.options;
    if (key === false) return undefined;
    const name = memoName({
      cacheName: this.#cache.name,
      namespace: place.namespace,
      tool: this.#identity(call),
      principal: scope === "shared" ? "*" : principal,
      policy: JSON.stringify(place.policy),
      args: key === undefined ? call.params.slice(0, call.keyed) : this.#ownKey(key, call.self, params),
      missing,
    });
    if (name === undefined) this.#warnOnce(call, "its arguments are not plain data. Give the option key");
    return name;
  }

  /** By what another process knows the function; empty where none can. */
  identityOf(toolName: string): string {
    const { namespace, options } = this.#named;
    if (options.name !== undefined) return `${namespace} ${options.name}`;
    return toolName === "" ? "" : `${namespace} ${toolName}#${this.#source}`;
  }

  #ownKey(
    key: (this: never, ...params: never[]) => string,
    self: unknown,
    params: readonly unknown[],
  ): string {
    const text: unknown = Reflect.apply(key, self, params);
    if (typeof text === "string") return text;
    throw new ConfigurationError("key", "must return a text");
  }

  /**
   * Names given on purpose stand alone. Others are joined by the function's source, so that two functions which
   * happen to share a name do not share results, nor two versions of one; of two closures of one source, the
   * second is known to this process only.
   */
  #identity(call: Call): string {
    const { namespace, options, fn } = this.#named;
    if (options.name !== undefined) return options.name;
    const name = call.tool ?? fn.name;
    const identity = `${name}#${this.#source}`;
    if (name === "") return this.#anonymous;
    if (this.#store.claimName(`${namespace} ${identity}`, fn)) return identity;
    this.#warnOnce(call, "another function of the same name and source came first. Give the option name");
    return this.#anonymous;
  }

  #warnOnce(call: Call, reason: string): void {
    if (this.#warnings.has(reason)) return;
    this.#warnings.add(reason);
    const name = call.tool ?? this.#named.fn.name;
    this.#cache.logger.warn(`Results of ${name} may not be found again: ${reason}.`);
  }
}
