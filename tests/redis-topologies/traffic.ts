import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { RedisBackend, type RedisBackendOptions } from "../../src/backends/redis/index.js";
import { RefCache, ReferenceUnavailableError, StoreError, SYSTEM } from "../../src/index.js";
import { recordingLogger } from "../helpers/recording-logger.js";

const SERVERS = 4;
const WRITERS = 8;
const READERS = 8;
/** Between two calls of one of them. */
const PAUSE_MS = 3;
/** How many are read back at once. */
const BATCH = 200;
const ACTOR = { actor: SYSTEM };

/** A write that was acknowledged. */
export interface Acknowledged {
  readonly refId: string;
  readonly key: string;
  readonly value: { writer: number; n: number; text: string };
  /** When it was, on the clock of `performance.now()`. */
  readonly at: number;
}

/** A call that failed. */
export interface Failure {
  readonly error: unknown;
  readonly startedAt: number;
}

/** Eight writers and eight readers on four servers, each with a cache and a connection of its own. */
export class Traffic {
  readonly acknowledged: Acknowledged[] = [];
  readonly failures: Failure[] = [];
  /** What a reader got that was never written, or was another's. */
  readonly wrong: unknown[] = [];
  /** The longest that any call took, in milliseconds. */
  longest = 0;
  reads = 0;
  readonly #caches: RefCache[];
  readonly #options: RedisBackendOptions;
  #workers: Promise<void>[] = [];
  #isOver = false;

  constructor(options: RedisBackendOptions) {
    this.#options = options;
    this.#caches = Array.from({ length: SERVERS }, () => cacheOn(options));
  }

  /** Begins, and waits until every server has stored something. */
  async start(): Promise<this> {
    const loops = [
      ...Array.from({ length: WRITERS }, (_, n) => this.#write(n)),
      ...Array.from({ length: READERS }, (_, n) => this.#read(n)),
    ];
    this.#workers = loops;
    while (new Set(this.acknowledged.map(({ value }) => value.writer)).size < WRITERS) await sleep(10);
    return this;
  }

  /** Ends it, once every call has settled. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
    await Promise.all(this.#caches.map((cache) => cache.close()));
  }

  /** Reads everything back that was acknowledged, on a new connection; gives what is gone. */
  async lost(): Promise<Acknowledged[]> {
    const cache = cacheOn(this.#options);
    const lost: Acknowledged[] = [];
    for (let n = 0; n < this.acknowledged.length; n += BATCH) {
      const batch = this.acknowledged.slice(n, n + BATCH);
      const found = await Promise.all(batch.map((write) => this.#check(cache, write)));
      lost.push(...batch.filter((_, index) => found[index] === false));
    }
    await cache.close();
    return lost;
  }

  /** Milliseconds after a moment until no call failed any more that began from then on. */
  recovery(since: number): number {
    return Math.max(0, ...this.failures.map(({ startedAt }) => startedAt - since));
  }

  async #write(writer: number): Promise<void> {
    const cache = this.#caches[writer % SERVERS] as RefCache;
    for (let n = 0; !this.#isOver; n++) {
      const key = `${writer}-${n % 50}`;
      const value = { writer, n, text: "x".repeat((n * 37) % 3000) };
      const stored = await this.#call(() => cache.set(key, value, ACTOR));
      if (stored !== undefined) {
        this.acknowledged.push({ refId: stored.refId, key, value, at: performance.now() });
      }
      await sleep(PAUSE_MS);
    }
  }

  async #read(reader: number): Promise<void> {
    const cache = this.#caches[reader % SERVERS] as RefCache;
    for (let n = 0; !this.#isOver; n++) {
      const recent = this.acknowledged.slice(-100);
      const write = recent[(n * 31 + reader) % Math.max(recent.length, 1)];
      if (write !== undefined) await this.#call(() => this.#check(cache, write));
      if (write !== undefined && n % 10 === 0) await this.#call(() => this.#lookUp(cache, write));
      this.reads++;
      await sleep(PAUSE_MS);
    }
  }

  /** Reads one write back: whether it is there. */
  async #check(cache: RefCache, { refId, value }: Acknowledged): Promise<boolean> {
    try {
      const read = await cache.resolve(refId, ACTOR);
      if (!isDeepStrictEqual(read, value)) this.wrong.push({ read, value });
      return true;
    } catch (error) {
      if (error instanceof ReferenceUnavailableError) return false;
      throw error;
    }
  }

  /** A key leads to a value that was written under it, older or newer. */
  async #lookUp(cache: RefCache, { key, value }: Acknowledged): Promise<void> {
    const refId = (await cache.lookup(key, ACTOR))?.refId;
    const read = refId === undefined ? undefined : await cache.resolve(refId, ACTOR).catch(missing);
    const { writer, n } = (read ?? value) as Acknowledged["value"];
    if (key !== `${writer}-${n % 50}`) this.wrong.push({ key, read });
  }

  async #call<T>(run: () => Promise<T>): Promise<T | undefined> {
    const startedAt = performance.now();
    try {
      return await run();
    } catch (error) {
      this.failures.push({ error, startedAt });
      return undefined;
    } finally {
      this.longest = Math.max(this.longest, performance.now() - startedAt);
    }
  }
}

/** Failures that are no typed error of the store. */
export function untyped(failures: readonly Failure[]): unknown[] {
  return failures.map(({ error }) => error).filter((error) => !(error instanceof StoreError));
}

function cacheOn(options: RedisBackendOptions): RefCache {
  return new RefCache({ name: "traffic", backend: new RedisBackend(options), logger: recordingLogger() });
}

function missing(error: unknown): undefined {
  if (error instanceof ReferenceUnavailableError) return undefined;
  throw error;
}
