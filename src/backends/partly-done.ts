import { StoreError, type StoreErrorOptions } from "../errors.js";

/**
 * The results of writes that were begun together, once all have ended; the failure of one says whether any may have been
 * done.
 */
export async function allDone<T>(writes: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(writes);
  const errors = ended.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
  if (errors.length === 0) return Promise.all(writes);
  const unknown = errors.find((error) => error instanceof StoreError && error.outcomeUnknown);
  throw unknown ?? partlyDone(errors[0], ended.length - errors.length);
}

/** Does one step of a write after the other; the failure of a later one says that a part was done. */
export async function stepByStep<T, R>(steps: Iterable<T>, work: (step: T) => R | Promise<R>): Promise<R[]> {
  const results: R[] = [];
  try {
    for (const step of steps) results.push(await work(step));
  } catch (error) {
    throw partlyDone(error, results.length);
  }
  return results;
}

/** The failure of work in steps: the same, with an outcome that is unknown where some were done. */
export function partlyDone(error: unknown, done: number): unknown {
  if (done === 0 || !(error instanceof StoreError) || error.outcomeUnknown) return error;
  const Class = error.constructor as new (message: string, options: StoreErrorOptions) => StoreError;
  return new Class(`${error.message} A part had been done by then.`, {
    cause: error.cause,
    outcomeUnknown: true,
  });
}
