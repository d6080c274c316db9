import type { CacheBackend } from "../../src/index.js";

/** A real store that fails on demand and tells what it is asked. */
export interface WatchedStore<B extends CacheBackend> {
  /** The store, with all that it can do. */
  readonly store: B;
  /** The names of its methods that were called, in order. */
  readonly calls: string[];
  /** What every call that gives a promise rejects with, if anything. */
  failure: Error | undefined;
}

/** Looks on at a store. */
export function watched<B extends CacheBackend>(inner: B): WatchedStore<B> {
  const state: { calls: string[]; failure: Error | undefined } = { calls: [], failure: undefined };
  const store = new Proxy(inner, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        state.calls.push(String(name));
        if (state.failure !== undefined && name !== "close" && name !== "watch")
          return Promise.reject(state.failure);
        return member.apply(target, args) as unknown;
      };
    },
  });
  return Object.assign(state, { store });
}
