/** Work that nobody waits for, but for the end of the cache. */
export class Background {
  readonly #running = new Map<string, Promise<void>>();
  #isClosed = false;

  /** Starts work, unless the one of this name still runs. It must not reject. */
  start(name: string, work: () => Promise<void>): void {
    if (this.#isClosed || this.#running.has(name)) return;
    const end = () => void this.#running.delete(name);
    this.#running.set(name, work().then(end, end));
  }

  /** Starts nothing more, and waits for what runs, so many milliseconds at most. */
  async close(milliseconds: number): Promise<void> {
    this.#isClosed = true;
    if (this.#running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
    });
    await Promise.race([Promise.all(this.#running.values()), late]);
    clearTimeout(timer);
  }
}
