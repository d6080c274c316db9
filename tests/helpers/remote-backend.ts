import {
  type CacheBackend,
  type ChangeFeed,
  type ChangeListener,
  type ChangeWatch,
  type CopiedKey,
  type Entry,
  type HeadStore,
  type LinkStore,
  MemoryBackend,
  type ReplaceStore,
} from "../../src/index.js";

/** A store as if far away: it fails, is slow and tells of changes on demand, and counts what it is asked. */
export class RemoteBackend implements CacheBackend, HeadStore, LinkStore, ReplaceStore, ChangeFeed {
  /** What is stored, for those who change it behind the back of all others. */
  readonly inner = new MemoryBackend();
  /** The names of the methods that were called, in order. */
  readonly calls: string[] = [];
  /** What every call rejects with, if anything. */
  failure: Error | undefined;
  /** Whether changes are heard. */
  isCurrent = true;
  /** By when the store itself drops something, where that is earlier than the entry says. */
  readonly ends = new Map<string, number>();
  #listener: ChangeListener | undefined;
  #gate: Promise<void> = Promise.resolve();

  /** Answers to what is asked from now on arrive only once the function that it returns is called. */
  hold(): () => void {
    let release = () => {};
    this.#gate = new Promise((resolve) => {
      release = resolve;
    });
    return () => {
      this.#gate = Promise.resolve();
      release();
    };
  }

  /** Tells that an entry, or a link, has changed. */
  tell(name: string, kind: CopiedKey["kind"] = "entry"): void {
    this.#listener?.changed({ kind, name });
  }

  /** Changes go unheard. */
  lose(): void {
    this.isCurrent = false;
    this.#listener?.lost();
  }

  /** Changes are heard again. */
  regain(): void {
    this.isCurrent = true;
    this.#listener?.changedAll();
  }

  watch(listener: ChangeListener): ChangeWatch {
    this.#listener = listener;
    return { isCurrent: () => this.isCurrent, settle: async () => {}, stop: () => {} };
  }

  endsOf(keys: readonly CopiedKey[]): Promise<(number | null | undefined)[]> {
    return Promise.all(keys.map((key) => this.#endOf(key)));
  }

  async #endOf({ kind, name }: CopiedKey): Promise<number | null | undefined> {
    const refId = kind === "entry" ? name : await this.inner.getLink(name);
    const entry = refId === undefined ? undefined : await this.inner.get(refId);
    return this.ends.get(name) ?? entry?.expiresAt;
  }

  get(refId: string) {
    return this.#answer("get", () => this.inner.get(refId));
  }

  head(refId: string) {
    return this.#answer("head", () => this.inner.head(refId));
  }

  async *heads(namespace?: string) {
    await this.#answer("heads", async () => {});
    yield* this.inner.heads(namespace);
  }

  set(refId: string, entry: Entry) {
    return this.#answer("set", () => this.inner.set(refId, entry));
  }

  replace(refId: string, entry: Entry) {
    return this.#answer("replace", () => this.inner.replace(refId, entry));
  }

  delete(refId: string) {
    return this.#answer("delete", () => this.inner.delete(refId));
  }

  exists(refId: string) {
    return this.#answer("exists", () => this.inner.exists(refId));
  }

  clear(namespace?: string) {
    return this.#answer("clear", () => this.inner.clear(namespace));
  }

  async *keys(namespace?: string) {
    await this.#answer("keys", async () => {});
    yield* this.inner.keys(namespace);
  }

  getLink(name: string) {
    return this.#answer("getLink", () => this.inner.getLink(name));
  }

  setLinked(refId: string, entry: Entry, name: string) {
    return this.#answer("setLinked", () => this.inner.setLinked(refId, entry, name));
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  /** The store does its work when it is asked; its answer may be long on the way. */
  async #answer<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.calls.push(name);
    const gate = this.#gate;
    if (this.failure !== undefined) {
      await gate;
      throw this.failure;
    }
    const result = await work();
    await gate;
    return result;
  }
}
