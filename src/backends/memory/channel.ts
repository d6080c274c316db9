import type { ChannelListener, ChannelMessage } from "../backend.js";
import { Listeners, readMessage, writeMessage } from "../channel.js";

/** Messages among those who use one memory store, which is one process. */
export class MemoryChannel {
  readonly #listeners = new Listeners();

  /** See {@link ChannelStore.publish}. Listeners hear it behind the present turn, as they would from afar. */
  publish(message: ChannelMessage): void {
    const copy = readMessage(writeMessage(message));
    if (copy !== undefined) setImmediate(() => this.#listeners.tell(copy));
  }

  /** See {@link ChannelStore.subscribe}. */
  subscribe(listener: ChannelListener): () => void {
    return this.#listeners.add(listener);
  }

  close(): void {
    this.#listeners.clear();
  }
}
