/** An `AbortController` that is made only when somebody wants its signal: most calls end before anybody does. */
export class LazyAbort {
  #controller: AbortController | undefined;
  #reason: Error | undefined;
  #listeners: Set<(reason: Error) => void> | undefined;

  /** Why it was aborted; `undefined` where it was not. */
  get reason(): Error | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  /** The first reason stays. */
  abort(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const listener of this.#listeners ?? []) listener(reason);
  }

  /** @throws the reason. */
  check(): void {
    if (this.#reason !== undefined) throw this.#reason;
  }

  /** Calls a listener when it is aborted, and at once where it was; until the function that it returns is called. */
  onAbort(listener: (reason: Error) => void): () => void {
    if (this.#reason !== undefined) listener(this.#reason);
    this.#listeners ??= new Set();
    const listeners = this.#listeners.add(listener);
    return () => listeners.delete(listener);
  }
}
