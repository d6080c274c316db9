import { AsyncLocalStorage } from "node:async_hooks";
import { type Actor, SYSTEM } from "./actor.js";

const current = new AsyncLocalStorage<Actor>();

/** Runs a function as an actor; everything it awaits is done in the actor's name. */
export function runAs<T>(actor: Actor, run: () => T): T {
  return current.run(actor, run);
}

/** The actor of the call that is running, or the server itself outside any call. */
export function currentActor(): Actor {
  return current.getStore() ?? SYSTEM;
}
