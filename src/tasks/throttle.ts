/**
 * Does something as often as it is asked for, but once an interval at most, and never twice at a time. What is asked for
 * meanwhile is done once, at the end of the interval.
 */
export class Throttle {
  readonly #interval: number;
  readonly #act: () => Promise<void>;
  #isWanted = false;
  #isStopped = false;
  #isRunning = false;
  /** The act that runs, or the last one. */
  #running: Promise<void> | undefined;
  /** Runs from the beginning of an act to the end of its interval. */
  #timer: NodeJS.Timeout | undefined;

  /** @param act reports its own failures: what it throws is lost. */
  constructor(interval: number, act: () => Promise<void>) {
    this.#interval = interval;
    this.#act = act;
  }

  /** Asks for it: now, or as soon as it may be. */
  request(): void {
    if (this.#isStopped) return;
    this.#isWanted = true;
    this.#runIfDue();
  }

  /** Does what was asked for now, whatever the interval, and waits until it is done. */
  async flush(): Promise<void> {
    await this.#running;
    if (this.#isWanted && !this.#isRunning) this.#run();
    await this.#running;
  }

  /** Begins nothing more. What runs goes on; {@link flush} waits for it. */
  stop(): void {
    this.#isStopped = true;
    this.#isWanted = false;
    clearTimeout(this.#timer);
  }

  #runIfDue(): void {
    if (this.#isWanted && !this.#isRunning && this.#timer === undefined) this.#run();
  }

  #run(): void {
    this.#isWanted = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#runIfDue();
    }, this.#interval).unref();
    this.#isRunning = true;
    this.#running = this.#perform();
  }

  async #perform(): Promise<void> {
    try {
      await this.#act();
    } catch {
      // see the constructor
    }
    this.#isRunning = false;
    this.#runIfDue();
  }
}
