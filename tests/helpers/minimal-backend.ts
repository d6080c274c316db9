import { type CacheBackend, type Entry, EntryUnreadableError, MemoryBackend } from "../../src/index.js";

/** A backend with the six operations and no capability; its references come in the order in which they were stored. */
export class MinimalBackend implements CacheBackend {
  readonly #inner = new MemoryBackend();
  /** References whose entries cannot be read. */
  readonly unreadable = new Set<string>();

  async get(refId: string): Promise<Entry | undefined> {
    if (this.unreadable.has(refId)) throw new EntryUnreadableError(refId, "a test says so");
    return this.#inner.get(refId);
  }

  set(refId: string, entry: Entry): Promise<void> {
    return this.#inner.set(refId, entry);
  }

  delete(refId: string): Promise<boolean> {
    return this.#inner.delete(refId);
  }

  exists(refId: string): Promise<boolean> {
    return this.#inner.exists(refId);
  }

  clear(namespace?: string): Promise<number> {
    return this.#inner.clear(namespace);
  }

  keys(namespace?: string): AsyncIterable<string> {
    return this.#inner.keys(namespace);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}
