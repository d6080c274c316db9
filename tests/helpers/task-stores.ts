import { type CacheBackend, MemoryBackend, StoreUnavailableError } from "../../src/index.js";

/** A store as one of several servers sees it: with methods of its own, and still there for others when it closes it. */
export function viewOf(store: MemoryBackend, own: Partial<MemoryBackend> = {}): CacheBackend {
  const members = { close: async () => {}, sharesLeases: true };
  return new Proxy<MemoryBackend>(store, {
    get(target, name) {
      const source = [own, members].find((source) => name in source) ?? target;
      const value: unknown = Reflect.get(source, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A store whose records of tasks one server can lose sight of, as if it had died. */
export class LosableStore {
  readonly store = new MemoryBackend();
  isLost = false;

  /** What the server sees that may lose it. */
  get view(): CacheBackend {
    const { store } = this;
    const unlessLost =
      <P extends unknown[], R>(act: (...params: P) => Promise<R>) =>
      async (...params: P): Promise<R> => {
        if (this.isLost) throw new StoreUnavailableError("The store cannot be reached.");
        return act(...params);
      };
    return viewOf(store, {
      changeTask: unlessLost(store.changeTask.bind(store)),
      renewTask: unlessLost(store.renewTask.bind(store)),
      readTask: unlessLost(store.readTask.bind(store)),
    });
  }
}
