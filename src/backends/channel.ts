import type { ChannelListener, ChannelMessage } from "./backend.js";

/** Those who listen to one backend. The fault of one is nobody else's. */
export class Listeners {
  readonly #listeners = new Set<{ readonly listener: ChannelListener }>();

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Adds a listener; what it returns takes it away, and then calls `ended` if nobody is left. */
  add(listener: ChannelListener, ended = () => {}): () => void {
    const subscription = { listener }; // one may subscribe twice
    this.#listeners.add(subscription);
    return () => {
      if (this.#listeners.delete(subscription) && this.isEmpty) ended();
    };
  }

  /** Hands a message on. */
  tell(message: ChannelMessage): void {
    this.#each((listener) => listener.message(message));
  }

  /** Says that messages may have been missed. */
  tellLost(): void {
    this.#each((listener) => listener.lost());
  }

  clear(): void {
    this.#listeners.clear();
  }

  #each(tell: (listener: ChannelListener) => void): void {
    for (const { listener } of [...this.#listeners]) {
      try {
        tell(listener);
      } catch {
        // It was told not to throw; the others shall hear all the same.
      }
    }
  }
}

/** Writes a message as the text that goes through a store. */
export function writeMessage({ topic, names }: ChannelMessage): string {
  return JSON.stringify({ topic, names });
}

/** Reads such a text; `undefined` for what is none, as other programs may write to the same store. */
export function readMessage(text: unknown): ChannelMessage | undefined {
  try {
    const { topic, names } = JSON.parse(String(text)) as Partial<Record<keyof ChannelMessage, unknown>>;
    if (typeof topic !== "string" || !isTexts(names)) return undefined;
    return { topic, names };
  } catch {
    return undefined;
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
