/**
 * Runs work that others wrote, for so many milliseconds at most.
 * @throws {Error} named `TimeoutError` when it takes longer; it may then go on, unheeded.
 */
export async function withTimeout<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DOMException("It took too long", "TimeoutError")), milliseconds);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}
