import { ConfigurationError } from "../../errors.js";
import type { CacheBackend } from "../backend.js";
import { checkInteger, LONGEST_TIMER } from "../options.js";

/** Bounds of the first tier. */
export interface CopyBounds {
  /** Entries copied before the least recently used goes; links have a bound of the same number. */
  readonly maxEntries: number;
  /** Bytes of copies, counted as `MemoryBackend` does. */
  readonly maxBytes: number;
  /** Bytes from which on an entry is not copied but for its head. */
  readonly maxEntryBytes: number;
}

/** When a store that fails is left alone. */
export interface BreakerOptions {
  /** Calls in a row that found the store away or too slow before it is no longer asked. Default 5. */
  readonly failures?: number;
  /** Milliseconds between two tries of a store that is left alone. Default 500. */
  readonly probeInterval?: number;
}

/** Options of {@link TieredBackend}. */
export interface TieredBackendOptions {
  /** The copies in this process: `maxEntries` 10,000, `maxBytes` 64 MiB, `maxEntryBytes` 1 MiB. */
  readonly l1?: Partial<CopyBounds>;
  /** The store behind them. It belongs to the tiers from now on, and is closed with them. */
  readonly l2: CacheBackend;
  /**
   * `"memory"`: while the store is away, go on with the last that is known, and keep what is stored here, within
   * the bounds of `l1` once more, until the store is back. Default: calls fail at once.
   */
  readonly fallback?: "memory" | undefined;
  readonly breaker?: BreakerOptions;
}

/** Options after all defaults. */
export interface TieredSettings {
  readonly bounds: CopyBounds;
  readonly l2: CacheBackend;
  readonly hasFallback: boolean;
  readonly breaker: Required<BreakerOptions>;
}

const MIB = 1024 * 1024;

/**
 * Puts options and defaults together.
 * @throws {ConfigurationError} naming the option that will not do.
 */
export function checkTieredOptions(options: TieredBackendOptions): TieredSettings {
  const { l1 = {}, l2, fallback, breaker = {} } = options;
  if (typeof l2?.get !== "function" || typeof l2.close !== "function")
    throw new ConfigurationError("l2", "must be a backend, such as new RedisBackend()");
  if (fallback !== undefined && fallback !== "memory")
    throw new ConfigurationError("fallback", 'must be "memory", or left out');
  const { failures = 5, probeInterval = 500 } = breaker;
  return {
    bounds: {
      maxEntries: checkInteger("l1.maxEntries", l1.maxEntries ?? 10_000),
      maxBytes: checkInteger("l1.maxBytes", l1.maxBytes ?? 64 * MIB),
      maxEntryBytes: checkInteger("l1.maxEntryBytes", l1.maxEntryBytes ?? MIB),
    },
    l2,
    hasFallback: fallback === "memory",
    breaker: {
      failures: checkInteger("breaker.failures", failures),
      probeInterval: checkInteger("breaker.probeInterval", probeInterval, 1, LONGEST_TIMER),
    },
  };
}
