/** What a wait gives that has come to its end before what was waited for. */
export const LATE = Symbol("late");

/**
 * What a promise gives, or {@link LATE} after so many milliseconds.
 * @throws what the promise rejects with; the signal's reason once it is aborted.
 */
export function within<T>(
  promise: Promise<T>,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const timer = setTimeout(() => {
      end();
      resolve(LATE);
    }, milliseconds);
    if (signal?.aborted) return abort();
    signal?.addEventListener("abort", abort, { once: true });
    promise.then(
      (value) => {
        end();
        resolve(value);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}
