import { z } from "zod";
import type { Policy } from "./access/policy.js";
import { type CoordinationOptions, coordinationShape, resolveCoordination } from "./coordination/options.js";
import type { Duration } from "./duration.js";
import { checkTags } from "./entry/labels.js";
import { Lifetime } from "./lifetime.js";
import { checkShape, type PreviewOptions, previewShape, type ResolvedLimits } from "./options.js";
import { type OwnershipOptions, ownershipShape } from "./placement.js";
import { checkTaskOptions } from "./tasks/function-options.js";
import { type Retries, retriesShape } from "./tasks/retry.js";
import type { TaskContext, TaskFormat, TaskProgress } from "./tasks/task.js";

/** How one cached function differs from its namespace. */
export interface CachedOptions extends PreviewOptions, OwnershipOptions {
  /**
   * How long results live: milliseconds, text such as `"1h"`, or `null` for ever; or a function of the call's first
   * argument, references resolved, and of what the function returned.
   */
  readonly ttl?: Duration | null | ResultTtl | undefined;
  /**
   * How long results are answered beyond their `ttl`, marked `stale`, while one server makes a new one in the
   * background. Default: not at all.
   */
  readonly staleTtl?: Duration | undefined;
  /** How servers on one store share the work of equal calls. Default: the cache's. `false`: each runs for itself. */
  readonly coordination?: CoordinationOptions | false | undefined;
  /** `"user"` (default): a result is the caller's, and found again by the same caller only. `"shared"`: everybody's. */
  readonly scope?: "user" | "shared" | undefined;
  /**
   * The one door out of private computation. A result is closed to all who may not do the same with every value it
   * was made from. `true`: it is as open as the tool's policy says, as a mean or a yes may be. A function gets the
   * policies of the values used and gives the members that differ from the tool's policy.
   */
  readonly declassify?: Declassify | undefined;
  /**
   * What tells one call from another, in place of the arguments; gets the function's parameters as the function
   * does. `false`: every call runs, as for random numbers.
   */
  readonly key?: false | ((this: never, ...params: never[]) => string) | undefined;
  /** The name under which results are found again. Default: the tool's, the method's or the function's. */
  readonly name?: string | undefined;
  /**
   * Texts by which results are invalidated (`cache.invalidate`), or a function that gives them; it gets the function's
   * parameters as the function does. At most 32 of at most 128 characters. They are not encrypted in the store.
   */
  readonly tags?: readonly string[] | ((this: never, ...params: never[]) => readonly string[]) | undefined;
  /**
   * How long a caller waits for the function. A call that takes longer is answered with a reference at once, goes on as a
   * task, and is polled by that reference. The function then gets a {@link TaskContext} behind its first argument.
   * Default: as long as it takes.
   */
  readonly asyncTimeout?: Duration | undefined;
  /** How failures of the function are tried again. Default: not at all. */
  readonly retries?: Retries | undefined;
  /**
   * Whether the function may be run again by another server when the one that runs it dies, as nothing is done twice by
   * it. Default `false`: such a task has failed, as `interrupted`. Needs `asyncTimeout`.
   */
  readonly idempotent?: boolean | undefined;
  /** The longest a call may take before it is given up. Default: the cache's `tasks.maxAge`. Needs `asyncTimeout`. */
  readonly maxAge?: Duration | undefined;
  /** How much is told of a task where a poll does not say. Default `"standard"`. Needs `asyncTimeout`. */
  readonly asyncResponseFormat?: TaskFormat | undefined;
  /** `false`: references in the arguments stay texts. A list: only in these members of the first argument. */
  readonly resolveRefs?: boolean | readonly string[] | undefined;
}

/** See {@link CachedOptions.ttl}. */
export type ResultTtl = (args: never, value: never) => Duration | null;

/** See {@link CachedOptions.declassify}. */
export type Declassify = boolean | ((used: readonly Policy[]) => Partial<Policy>);

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
  /** Makes of the parameters what the function gets, in the course of the call, once references are resolved. */
  readonly finish?: ((params: readonly unknown[]) => readonly unknown[]) | undefined;
  /** Makes of the second parameter what a function gets that may become a task. Default: it has the members of `task`, too. */
  readonly withTask?: ((context: unknown, task: TaskContext) => unknown) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears, while the caller waits, how far the call is; nothing is told but that there is progress to who may not know. */
  readonly onProgress?: ((progress: TaskProgress | undefined) => void) | undefined;
  /** The JSON Schema of the result, where the layer above knows it. */
  readonly expectedSchema?: unknown;
}

/** A function as this process can run it without a caller. */
export interface ServedFunction {
  readonly self: unknown;
  /** The tool's name, where it is not the function's. */
  readonly tool?: string | undefined;
  /** See {@link Call.validate}. */
  readonly validate?: ((resolved: unknown) => unknown) | undefined;
  /** Makes what it gets behind its first argument, where it expects more than a {@link TaskContext}. */
  readonly context?: (() => object) | undefined;
  /** See {@link Call.withTask}. */
  readonly withTask?: Call["withTask"];
}

/** The parameters a function is called with, and what their references were. */
export interface Prepared {
  readonly params: readonly unknown[];
  /** Look-alikes that stayed texts, since they lead to nothing that this caller may use. */
  readonly missing: readonly string[];
}

const duration = z.union([z.number(), z.string()]);

const schema = z.strictObject({
  ttl: z
    .union([duration, z.custom((value) => typeof value === "function")], {
      error: "must be a duration, null or a function",
    })
    .nullable()
    .optional(),
  staleTtl: duration.optional(),
  coordination: coordinationShape.optional(),
  ...previewShape,
  ...ownershipShape,
  declassify: z
    .custom((value) => typeof value === "boolean" || typeof value === "function", {
      message: "must be true, false or a function",
    })
    .optional(),
  key: z
    .custom((value) => value === false || typeof value === "function", {
      message: "must be a function or false",
    })
    .optional(),
  name: z.string().min(1).optional(),
  tags: z.unknown().optional(),
  resolveRefs: z.union([z.boolean(), z.array(z.string())]).optional(),
  asyncTimeout: duration.optional(),
  retries: retriesShape.optional(),
  idempotent: z.boolean().optional(),
  maxAge: duration.optional(),
  asyncResponseFormat: z.enum(["minimal", "standard", "full"]).optional(),
});

/**
 * Checks the options of a cached function.
 * @throws {ConfigurationError} naming the option that is not acceptable.
 */
export function checkCachedOptions(options: CachedOptions, limits: ResolvedLimits): void {
  checkShape(schema, options);
  resolveCoordination(options.coordination);
  new Lifetime(options, limits);
  checkTaskOptions(options);
  if (options.tags !== undefined && typeof options.tags !== "function") checkTags(options.tags);
}

/** The name of the tool that a call is made by: the layer above may know it better. */
export function toolOf({ tool }: Call, fn: { readonly name: string }): string {
  return tool ?? fn.name;
}
