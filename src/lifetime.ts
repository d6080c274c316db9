import type { CachedOptions } from "./call.js";
import { parseDuration } from "./duration.js";
import { ConfigurationError } from "./errors.js";
import { type ResolvedLimits, resolveTtl } from "./options.js";

/**
 * How long the results of one cached function live. With `staleTtl` an entry lives for both times together, so that its
 * expiry is the truth for every reader; it is stale for the last `staleTtl` of its life. Nothing else is stored: the
 * expiry is what checksum and encryption cover already.
 */
export class Lifetime {
  readonly #ttl: CachedOptions["ttl"];
  readonly #stale: number;
  readonly #limits: ResolvedLimits;

  /** @throws {ConfigurationError} naming the option that is not acceptable. */
  constructor({ ttl, staleTtl }: CachedOptions, limits: ResolvedLimits) {
    this.#ttl = ttl;
    this.#stale = staleTtl === undefined ? 0 : parseDuration(staleTtl, "staleTtl");
    this.#limits = limits;
    if (typeof ttl === "function") return;
    const fixed = ttl === undefined ? undefined : resolveTtl(ttl, limits, "ttl");
    if (fixed === null && staleTtl !== undefined)
      throw new ConfigurationError("staleTtl", "needs a ttl that ends");
    if ((fixed ?? 0) + this.#stale > longest(limits))
      throw new ConfigurationError("staleTtl", "and ttl together are above limits.maxTtl");
  }

  /**
   * Milliseconds that references last, `null` for ever; `undefined` where each result has its own.
   * @param ttl the namespace's, in milliseconds.
   */
  known(ttl: number | null): number | null | undefined {
    if (typeof this.#ttl === "function") return undefined;
    return this.#whole(this.#ttl === undefined ? ttl : resolveTtl(this.#ttl, this.#limits, "ttl"));
  }

  /**
   * Milliseconds that a result lives, `null` for ever.
   * @param ttl the namespace's, in milliseconds.
   * @throws {ConfigurationError} when the function `ttl` does not return an acceptable duration.
   */
  of(args: unknown, value: unknown, ttl: number | null): number | null {
    if (typeof this.#ttl !== "function") return this.known(ttl) ?? null;
    const own = this.#ttl(args as never, value as never);
    return this.#whole(resolveTtl(own, this.#limits, "ttl"));
  }

  /** Tells whether a result is in the last part of its life. */
  isStale({ expiresAt }: { readonly expiresAt: number | null }, now = Date.now()): boolean {
    return this.#stale > 0 && expiresAt !== null && now >= expiresAt - this.#stale;
  }

  #whole(fresh: number | null): number | null {
    return fresh === null ? null : Math.min(fresh + this.#stale, longest(this.#limits));
  }
}

function longest({ maxTtl }: ResolvedLimits): number {
  return maxTtl ?? Number.POSITIVE_INFINITY;
}
