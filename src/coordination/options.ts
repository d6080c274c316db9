import { z } from "zod";
import { type Duration, parseDuration } from "../duration.js";

/** How servers on one store share the work of equal calls. */
export interface CoordinationOptions {
  /**
   * After how long another server takes over from one that has died, or hangs as a whole, in the middle of a run.
   * Renewed while it runs, however long that takes. Default `"10s"`.
   */
  readonly lease?: Duration | undefined;
  /** The most that a call waits for another server's run before it runs by itself. Default `"1m"`. */
  readonly wait?: Duration | undefined;
}

/** The same in milliseconds. */
export interface Coordination {
  readonly lease: number;
  readonly wait: number;
}

/** What {@link CoordinationOptions}, or `false`, must be. */
export const coordinationShape = z.union([
  z.literal(false),
  z.strictObject({
    lease: z.union([z.number(), z.string()]).optional(),
    wait: z.union([z.number(), z.string()]).optional(),
  }),
]);

const DEFAULTS: Coordination = { lease: 10_000, wait: 60_000 };

/**
 * Fills in what is not said.
 * @param cache what holds for the cache, where the options are a tool's.
 * @returns `undefined` where calls are not coordinated.
 * @throws {ConfigurationError} naming the option.
 */
export function resolveCoordination(
  options: CoordinationOptions | false | undefined,
  cache: Coordination | undefined = DEFAULTS,
): Coordination | undefined {
  if (options === false) return undefined;
  const { lease, wait } = options ?? {};
  return {
    lease: lease === undefined ? cache.lease : parseDuration(lease, "coordination.lease"),
    wait: wait === undefined ? cache.wait : parseDuration(wait, "coordination.wait"),
  };
}
