import { AsyncLocalStorage } from "node:async_hooks";
import type { TaskContext } from "../tasks/task.js";
import { type Actor, checkActor } from "./actor.js";
import type { Usage } from "./usage.js";

/** What is known while a call runs. */
interface Running {
  readonly actor: Actor;
  /** What the call has used; absent where only an actor was set. */
  readonly usage?: Usage | undefined;
  /** What the call's function tells its progress to, where it may become a task. */
  readonly task?: TaskContext | undefined;
}

/** One for all copies of the package in a process: an adapter of one copy may call a cache of another. */
const KEY = Symbol.for("mcp-refcache.call");
const shared = globalThis as { [KEY]?: AsyncLocalStorage<Running> };
shared[KEY] ??= new AsyncLocalStorage<Running>();
const current = shared[KEY];

/**
 * Runs a function as an actor; everything it awaits is done in the actor's name. Within a call it changes who asks,
 * and what is used still counts as used by the call.
 * @throws {ConfigurationError} when it is no actor.
 */
export function runAs<T>(actor: Actor, run: () => T): T {
  const { usage, task } = current.getStore() ?? {};
  return current.run({ actor: checkActor(actor, "actor"), usage, task }, run);
}

/** Runs a call, which keeps account of what it uses. Who asks is its caller, unless {@link runAs} put somebody else there. */
export function runCall<T>(usage: Usage, run: () => T, asker: Actor = usage.caller): T {
  return current.run({ actor: asker, usage, task: current.getStore()?.task }, run);
}

/** Runs the function of a call that may become a task. */
export function runTask<T>(task: TaskContext, run: () => T): T {
  const running = current.getStore();
  return running === undefined ? run() : current.run({ ...running, task }, run);
}

/** The actor of the call that is running, or `undefined` outside any. */
export function currentActor(): Actor | undefined {
  return current.getStore()?.actor;
}

/** What the call that is running has used so far, or `undefined` outside any. */
export function currentUsage(): Usage | undefined {
  return current.getStore()?.usage;
}

/**
 * How far the call that is running is, and whether it is to end, for what has no context at hand: methods, and functions
 * further inside. Outside any call of a tool with `asyncTimeout`, nobody listens, and nothing is aborted.
 */
export function taskContext(): TaskContext {
  return current.getStore()?.task ?? NO_TASK;
}

/** The task in whose course something is done, if there is one. */
export function outerTask(): TaskContext | undefined {
  return current.getStore()?.task;
}

const NO_TASK: TaskContext = Object.freeze({ progress: () => {}, signal: new AbortController().signal });
