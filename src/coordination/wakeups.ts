import type { ChannelMessage, ChannelStore } from "../backends/backend.js";

/** The topic under which servers tell that leases have ended; the names are those of the leases. */
export const LEASE_ENDED = "lease_ended";

/** Milliseconds for which a subscription outlives its last use: to make one takes longer than to keep it. */
const LINGER_MS = 10_000;

/** One who waits for news of a name. */
export interface Watch {
  /**
   * Waits for news since the last time, or so many milliseconds; an event may be lost, so ask in either case.
   * @throws the signal's reason once it is aborted.
   */
  next(milliseconds: number, signal: AbortSignal | undefined): Promise<void>;
  /** To be called at the end. */
  end(): void;
}

/** Wakes those who wait for news from other servers, of one topic, by one subscription for all of them. */
export class Wakeups {
  readonly #channel: ChannelStore | undefined;
  readonly #topic: string;
  readonly #sleepers = new Map<string, Set<Sleeper>>();
  #unsubscribe: (() => void) | undefined;
  #lingering: NodeJS.Timeout | undefined;

  /** @param channel without one, everybody just waits for the time they have set. */
  constructor(channel: ChannelStore | undefined, topic = LEASE_ENDED) {
    this.#channel = channel;
    this.#topic = topic;
  }

  /** Watches a name from now on. */
  watch(name: string): Watch {
    const sleeper = new Sleeper();
    const sleepers = this.#sleepers.get(name) ?? new Set();
    this.#sleepers.set(name, sleepers.add(sleeper));
    this.#subscribe();
    return {
      next: (milliseconds, signal) => sleeper.sleep(milliseconds, signal),
      end: () => this.#forget(name, sleeper, sleepers),
    };
  }

  close(): void {
    clearTimeout(this.#lingering);
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #subscribe(): void {
    clearTimeout(this.#lingering);
    this.#unsubscribe ??= this.#channel?.subscribe({
      message: (message) => this.#hear(message),
      lost: () => this.#wake(this.#sleepers.keys()),
    });
  }

  #hear({ topic, names }: ChannelMessage): void {
    if (topic === this.#topic) this.#wake(names);
  }

  #wake(names: Iterable<string>): void {
    for (const name of names) for (const sleeper of this.#sleepers.get(name) ?? []) sleeper.wake();
  }

  #forget(name: string, sleeper: Sleeper, sleepers: Set<Sleeper>): void {
    sleepers.delete(sleeper);
    if (sleepers.size === 0 && this.#sleepers.get(name) === sleepers) this.#sleepers.delete(name);
    if (this.#sleepers.size > 0) return;
    clearTimeout(this.#lingering);
    this.#lingering = setTimeout(() => this.close(), LINGER_MS).unref();
  }
}

/** Sleeps until it is woken, and not at all where it was woken before. */
class Sleeper {
  #isWoken = false;
  #wake = () => {};

  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  async sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (!this.#isWoken) await this.#untilWoken(milliseconds, signal);
    this.#isWoken = false;
    signal?.throwIfAborted();
  }

  #untilWoken(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener("abort", end, { once: true });
      this.#wake = end;
    });
  }
}
