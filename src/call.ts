import { z } from "zod";
import { makePolicy, type Policy } from "./access/policy.js";
import type { Duration } from "./duration.js";
import { checkShape, type PreviewOptions, previewShape, type ResolvedLimits, resolveTtl } from "./options.js";

/** How one cached function differs from its namespace. */
export interface CachedOptions extends PreviewOptions {
  /** How long results live: milliseconds, text such as `"1h"`, or `null` for ever. */
  readonly ttl?: Duration | null | undefined;
  readonly policy?: Partial<Policy> | undefined;
  /** `"user"` (default): a result is found again by the same principal only. `"shared"`: by everybody. */
  readonly scope?: "user" | "shared" | undefined;
  /**
   * What tells one call from another, in place of the arguments; gets the function's parameters as the function
   * does. `false`: every call runs, as for random numbers.
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

/** The parameters a function is called with, and what their references were. */
export interface Prepared {
  readonly params: readonly unknown[];
  /** Look-alikes that stayed texts, since they lead to nothing that this caller may use. */
  readonly missing: readonly string[];
}

const schema = z.strictObject({
  ttl: z.union([z.number(), z.string()]).nullable().optional(),
  policy: z.looseObject({}).optional(),
  ...previewShape,
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
 * Checks the options of a cached function.
 * @throws {ConfigurationError} naming the option that is not acceptable.
 */
export function checkCachedOptions(options: CachedOptions, limits: ResolvedLimits): void {
  checkShape(schema, options);
  if (options.ttl !== undefined) resolveTtl(options.ttl, limits, "ttl");
  if (options.policy !== undefined) makePolicy(options.policy);
}
