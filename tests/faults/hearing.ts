import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { ChannelListener, ChannelMessage } from "../../src/backends/backend.js";
import type { Server } from "./operations.js";

const TOPIC = "hearing";

/**
 * What a server hears of what another says while a store fails: each message that was sent is heard, or it is told
 * that some may have been missed; and afterwards it hears again.
 */
export class Hearing implements ChannelListener {
  readonly #speaker: Server;
  readonly #stop: () => void;
  readonly #heard = new Set<string>();
  readonly #twice: string[] = [];
  /** Messages that the store has taken, and that were neither heard nor told to be missed. */
  readonly #open = new Set<string>();
  #said = 0;

  private constructor(listener: Server, speaker: Server) {
    this.#speaker = speaker;
    this.#stop = listener.backend.subscribe(this);
  }

  /** Begins to listen, and waits until something is heard. */
  static async begin(listener: Server, speaker: Server): Promise<Hearing> {
    const hearing = new Hearing(listener, speaker);
    await hearing.#hearsWithin(10_000);
    return hearing;
  }

  /** See {@link ChannelListener.message}. */
  message({ topic, names }: ChannelMessage): void {
    if (topic !== TOPIC) return;
    for (const name of names) {
      if (this.#heard.has(name)) this.#twice.push(name);
      this.#heard.add(name);
      this.#open.delete(name);
    }
  }

  /** See {@link ChannelListener.lost}. */
  lost(): void {
    this.#open.clear();
  }

  /** Says something, where the store takes it. */
  async say(): Promise<string> {
    const name = String(this.#said++);
    this.#open.add(name);
    await this.#speaker.backend.publish({ topic: TOPIC, names: [name] }).catch(() => this.#open.delete(name));
    return name;
  }

  /**
   * Checks that it hears again within so many milliseconds, and of all that was said meanwhile; then ends.
   * @param mayMiss whether what was said meanwhile may be gone.
   */
  async end(within: number, mayMiss = false): Promise<void> {
    try {
      await this.#hearsWithin(within);
      if (mayMiss) this.#open.clear();
      await expect
        .poll(() => [...this.#open], { message: "what was missed unnoticed", timeout: within })
        .toEqual([]);
      expect(this.#twice).toEqual([]);
    } finally {
      this.#stop();
    }
  }

  async #hearsWithin(milliseconds: number): Promise<void> {
    const end = performance.now() + milliseconds;
    while (performance.now() < end) {
      const name = await this.say();
      for (let waited = 0; waited < 100; waited += 5) {
        if (this.#heard.has(name)) return;
        await sleep(5);
      }
    }
    throw new Error(`nothing was heard for ${milliseconds} ms`);
  }
}
