import { AsyncLocalStorage } from "node:async_hooks";
import { type Actor, SYSTEM } from "./actor.js";

/** One for all copies of the package in a process: an adapter of one copy may call a cache of another. */
const KEY = Symbol.for("mcp-refcache.actor");
const shared = globalThis as { [KEY]?: AsyncLocalStorage<Actor> };
shared[KEY] ??= new AsyncLocalStorage<Actor>();
const current = shared[KEY];

/** Runs a function as an actor; everything it awaits is done in the actor's name. */
export function runAs<T>(actor: Actor, run: () => T): T {
  return current.run(actor, run);
}

/** The actor of the call that is running, or the server itself outside any call. */
export function currentActor(): Actor {
  return current.getStore() ?? SYSTEM;
}
