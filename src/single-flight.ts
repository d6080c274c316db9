interface Flight<T> {
  readonly result: Promise<T>;
  readonly signal: AbortSignal | undefined;
}

/** Runs work of one name once at a time; who asks meanwhile gets the result of the run that is under way. */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();

  /**
   * Joins the run of a name, or starts it. A failure is everybody's, with one exception: those who joined a run
   * whose own caller was cancelled run again.
   *
   * @param signal the caller's: once it is aborted, nobody joins the run it started, and it waits for no other.
   */
  async run(name: string, signal: AbortSignal | undefined, start: () => Promise<T>): Promise<T> {
    const flight = this.#flights.get(name);
    if (flight === undefined || isAborted(flight.signal)) return this.#start(name, signal, start);
    try {
      return await unlessAborted(flight.result, signal);
    } catch (error) {
      if (!isAborted(flight.signal) || isAborted(signal)) throw error;
      return this.run(name, signal, start);
    }
  }

  #start(name: string, signal: AbortSignal | undefined, start: () => Promise<T>): Promise<T> {
    const flight = { result: start(), signal };
    this.#flights.set(name, flight);
    const end = () => {
      if (this.#flights.get(name) === flight) this.#flights.delete(name);
    };
    flight.result.then(end, end);
    return flight.result;
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
