/** What a wait gives that has come to its end before what was waited for. */
export const LATE = Symbol("late");

/** What has been waited for. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

/** Something that settles once. */
export interface Settling<T> {
  /** Calls a listener once it is settled, and now where it is; until the function that it returns is called. */
  onSettled(listener: (settled: Settled<T>) => void): () => void;
}

/**
 * What something settles to, or {@link LATE} after so many milliseconds.
 * @throws the error that it settles to; the signal's reason once it is aborted.
 */
export function within<T>(
  awaited: Settling<T>,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<T | typeof LATE> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      forget();
    };
    const abort = () => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      end();
      resolve(LATE);
    }, milliseconds);
    signal?.addEventListener("abort", abort, { once: true });
    let forget = () => {};
    forget = awaited.onSettled((settled) => {
      end();
      if ("error" in settled) reject(settled.error);
      else resolve(settled.value);
    });
  });
}

/** Settles when all of these have, however. */
export function allOf(all: readonly Promise<unknown>[]): Settling<unknown> {
  const settled = Promise.allSettled(all);
  return {
    onSettled: (listener) => {
      void settled.then((value) => listener({ value }));
      return () => {};
    },
  };
}
