import { isExpired } from "../../entry/entry.js";
import { type CacheBackend, hasLinks, type LinkStore } from "../backend.js";
import { isAway } from "./breaker.js";
import type { Guard } from "./guard.js";
import type { Local, Waiting } from "./local.js";

/** Entries written at a time when the store is back. */
const AT_ONCE = 16;
/** The longest pause between two tries to write what the store refuses, in milliseconds. */
const LONGEST_PAUSE_MS = 30_000;

/** Tries a store that is away, until it is back and has what was stored meanwhile. Keeps no process alive. */
export class Recovery {
  readonly #guard: Guard;
  readonly #local: Local | undefined;
  readonly #interval: number;
  #pause: number;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param interval milliseconds between two tries. */
  constructor(guard: Guard, local: Local | undefined, interval: number) {
    this.#guard = guard;
    this.#local = local;
    this.#interval = interval;
    this.#pause = interval;
  }

  /** Begins to try, if it has not begun. */
  start(): void {
    if (this.#isStopped) return;
    this.#timer ??= setTimeout(() => void this.#try(), this.#pause).unref();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /**
   * Writes through what waits, once. What the store refuses goes on waiting, until it expires.
   * @throws {StoreError} when the store is away again.
   */
  async flush(): Promise<void> {
    const local = this.#local;
    if (local === undefined) return;
    local.removeExpired();
    for (const refId of local.deleted()) {
      await this.#guard.ask(() => this.#guard.store.delete(refId));
      local.settled(refId);
    }
    const waiting = local.waiting();
    for (let at = 0; at < waiting.length; at += AT_ONCE)
      await Promise.all(waiting.slice(at, at + AT_ONCE).map((one) => this.#writeThrough(local, one)));
  }

  async #try(): Promise<void> {
    const isBack = await this.#guard.probe();
    const hasFlushed = isBack && (await this.flush().then(...YES_OR_NO));
    const isDone = hasFlushed && this.#local?.isEmpty !== false;
    this.#pause = hasFlushed && !isDone ? Math.min(2 * this.#pause, LONGEST_PAUSE_MS) : this.#interval;
    this.#timer = undefined;
    if (!isDone) this.start();
  }

  async #writeThrough(local: Local, waiting: Waiting): Promise<void> {
    try {
      await this.#guard.ask(() => this.#write(waiting));
    } catch (error) {
      if (isAway(error)) throw error;
      return;
    }
    local.settled(waiting);
  }

  async #write({ refId, entry, name, before }: Waiting): Promise<void> {
    if (isExpired(entry, Date.now())) return;
    const { store } = this.#guard;
    if (name !== undefined && hasLinks(store) && (await this.#mayPoint(store, name, [refId, before])))
      await store.setLinked(refId, entry, name);
    else await store.set(refId, entry);
  }

  /** What a name leads to by now may be newer, and nobody asked whether the caller may write over it. */
  async #mayPoint(
    store: CacheBackend & LinkStore,
    name: string,
    known: readonly (string | undefined)[],
  ): Promise<boolean> {
    const present = await store.getLink(name);
    return present === undefined || known.includes(present) || !(await store.exists(present));
  }
}

const YES_OR_NO = [() => true, () => false] as const;
