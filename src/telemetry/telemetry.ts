import { type BackendHealth, type CacheBackend, hasEvictions, hasHealth } from "../backends/backend.js";
import type { EntryHead } from "../entry/entry.js";
import type { Logger } from "../logger.js";
import type { TaskStatus } from "../tasks/task.js";
import { BackendFigures } from "./backend-figures.js";
import { type CacheEvent, type CacheEventName, CacheEvents } from "./events.js";
import { NamespaceLabels } from "./namespace-labels.js";
import { observedBackend } from "./observed-backend.js";
import type { CacheStats } from "./stats.js";

/** What became of a reference that somebody asked for. */
export type ReadOutcome = "found" | "missing" | "denied";

/** A cached call. */
export interface WatchedCall {
  readonly tool: string;
  readonly namespace: string;
  /** Stands for the run of this call's own. */
  readonly usage: object;
}

/** What a cached call came to. */
export interface CallResult {
  readonly refId: string | null;
  readonly entry: EntryHead;
  /** Whose run made it; `undefined` where it was found. */
  readonly by?: object | undefined;
  readonly isStale?: boolean | undefined;
}

/** What is counted here of {@link CacheStats}. */
export interface CountedStats extends Omit<CacheStats, "tasks"> {
  readonly tasks: Omit<CacheStats["tasks"], "running" | "waiting">;
}

/** What a cached call came to whose caller was answered before its end. */
export interface DeferredCall {
  readonly task: { readonly refId: string };
}

/**
 * Counts what a cache does and tells those who listen. Always on: counting costs nanoseconds, and figures that have to
 * be switched on are missing when they are needed.
 */
export class Telemetry {
  readonly events: CacheEvents;
  /** The backend that all calls are to be made on. */
  readonly backend: CacheBackend;
  readonly #inner: CacheBackend;
  readonly #figures: BackendFigures;
  readonly #labels = new NamespaceLabels();
  readonly #calls = { stored: 0, stale: 0, joined: 0, ran: 0, deferred: 0, failed: 0 };
  readonly #tasks: Record<TaskStatus, number> = {
    pending: 0,
    processing: 0,
    complete: 0,
    failed: 0,
    cancelled: 0,
  };
  readonly #reads = { found: 0, missing: 0, denied: 0 };
  readonly #since = Date.now();
  readonly #stop: (() => void)[] = [];
  #stored = 0;
  #evictions = 0;
  #fallbacks = 0;

  constructor(backend: CacheBackend, logger: Logger) {
    this.events = new CacheEvents(logger);
    this.#inner = backend;
    this.#figures = new BackendFigures((name, facts) => this.#tell(name, facts));
    this.backend = observedBackend(backend, (method) => this.#figures.observerOf(method));
    this.#listen();
  }

  /** The time, where somebody wants to know how long a read takes. */
  start(): number {
    return this.events.isHeard("hit", "miss") ? performance.now() : 0;
  }

  /** Runs a cached call. */
  async call<T extends CallResult | DeferredCall>(
    { tool, namespace, usage }: WatchedCall,
    run: () => Promise<T>,
  ): Promise<T> {
    const start = this.start();
    let result: T;
    try {
      result = await run();
    } catch (error) {
      this.#calls.failed++;
      throw error;
    }
    const milliseconds = since(start);
    if ("task" in result) {
      this.#calls.deferred++;
      const { refId } = result.task;
      this.#tell("task", { operation: "call", code: "deferred", tool, namespace, refId, milliseconds });
      return result;
    }
    const code = outcomeOf(result, usage);
    this.#calls[code]++;
    const { refId, entry } = result;
    const bytes = entry.metadata.totalSize;
    const event = code === "ran" ? "miss" : "hit";
    this.#tell(event, { operation: "call", code, tool, namespace, refId, bytes, milliseconds });
    return result;
  }

  /** Counts a look at a reference. */
  read(
    operation: string,
    code: ReadOutcome,
    asked: { refId: string; head: EntryHead | undefined; start: number },
  ): void {
    this.#reads[code]++;
    if (!this.events.isHeard("hit", "miss")) return;
    const { refId, head, start } = asked;
    this.#tell(code === "found" ? "hit" : "miss", {
      ...{ operation, code, refId, milliseconds: since(start) },
      namespace: head?.namespace ?? null,
      tool: head?.metadata.toolName ?? null,
      bytes: head?.metadata.totalSize ?? null,
    });
  }

  /** Counts a task that has come to its end in this process. */
  taskEnded(status: TaskStatus, tool: string | null, namespace: string): void {
    this.#tasks[status]++;
    this.#tell("task", { operation: "task", code: status, tool, namespace });
  }

  /** Counts an entry that was stored. */
  stored(refId: string, { namespace, metadata: { toolName, totalSize } }: EntryHead): void {
    this.#stored++;
    this.#tell("set", { operation: "set", tool: toolName, namespace, refId, bytes: totalSize });
  }

  /** Counts a tool that answers without a reference. */
  fellBack(code: string): void {
    this.#fallbacks++;
    this.#tell("fallback", { operation: "call", code });
  }

  /** What has been counted so far. */
  async stats(): Promise<CountedStats> {
    const { stored, stale, joined, ran, deferred, failed } = this.#calls;
    const { complete, failed: failedTasks, cancelled, pending: handedOver } = this.#tasks;
    const answered = stored + stale + joined + ran;
    const tiers = hasHealth(this.#inner) ? { tiers: await this.#inner.health() } : {};
    return {
      since: this.#since,
      calls: {
        hits: stored,
        stale,
        joined,
        misses: ran,
        deferred,
        failed,
        hitRate: answered && 1 - ran / answered,
      },
      tasks: { complete, failed: failedTasks, cancelled, handedOver },
      reads: { ...this.#reads },
      stored: this.#stored,
      evictions: this.#evictions,
      fallbacks: this.#fallbacks,
      ...this.#figures.stats(),
      ...tiers,
    };
  }

  /** Listens to the backend no longer. */
  close(): void {
    for (const stop of this.#stop.splice(0)) stop();
  }

  #listen(): void {
    const backend = this.#inner;
    if (hasEvictions(backend)) {
      this.#stop.push(
        backend.onEviction(({ namespace, refId, bytes }) => {
          this.#evictions++;
          this.#tell("evict", { operation: "evict", code: "room", namespace, refId, bytes });
        }),
      );
    }
    if (hasHealth(backend)) this.#stop.push(this.#followState(backend));
  }

  /** A backend tells of its breaker as well; an event there is for its state alone. */
  #followState(backend: { onHealth(listener: (health: BackendHealth) => void): () => void }): () => void {
    let last: BackendHealth["state"] = "up";
    return backend.onHealth(({ state }) => {
      if (state === last) return;
      last = state;
      this.#tell("fallback", { operation: "backend", code: state });
    });
  }

  #tell(name: CacheEventName, facts: Partial<CacheEvent> & { operation: string }): void {
    this.events.emit(name, () => {
      const { namespace = null } = facts;
      const namespaceLabel = namespace === null ? null : this.#labels.of(namespace);
      return { ...NOTHING, ...facts, namespace, namespaceLabel };
    });
  }
}

const NOTHING = { code: null, tool: null, refId: null, milliseconds: null, bytes: null, count: 1 };

function outcomeOf({ by, isStale }: CallResult, usage: object): "stored" | "stale" | "joined" | "ran" {
  if (by === undefined) return isStale === true ? "stale" : "stored";
  return by === usage ? "ran" : "joined";
}

function since(start: number): number | null {
  return start === 0 ? null : performance.now() - start;
}
