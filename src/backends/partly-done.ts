import { StoreError, type StoreErrorOptions } from "../errors.js";

/** The failure of work in steps: the same, with an outcome that is unknown where some were done. */
export function partlyDone(error: unknown, done: number): unknown {
  if (done === 0 || !(error instanceof StoreError) || error.outcomeUnknown) return error;
  const Class = error.constructor as new (message: string, options: StoreErrorOptions) => StoreError;
  return new Class(`${error.message} A part had been done by then.`, {
    cause: error.cause,
    outcomeUnknown: true,
  });
}
