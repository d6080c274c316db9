import { RefCacheError } from "../errors.js";
import type { CacheEvent, CacheEventName } from "./events.js";
import type { MethodObserver } from "./observed-backend.js";
import { OperationFigures } from "./operation-figures.js";
import type { CacheStats } from "./stats.js";

/** Gets what goes into an event. */
export type Tell = (name: CacheEventName, facts: Partial<CacheEvent> & { operation: string }) => void;

/** Methods that remove entries, and resolve to how many, or whether. */
const REMOVALS = new Set(["delete", "clear", "removeLabelled"]);
/** Methods that are told of an entry, and do not write it. */
const TOLD = new Set(["keepOutline"]);

/** Counts the calls of a backend: how many, how long, how many bytes, what failed. */
export class BackendFigures {
  readonly bytes = { in: 0, out: 0 };
  removed = 0;
  readonly #operations = new Map<string, OperationFigures>();
  readonly #errors = new Map<string, number>();
  readonly #tell: Tell;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  /** Counts the calls of a method from now on. */
  observerOf(method: string): MethodObserver {
    const figures = new OperationFigures();
    this.#operations.set(method, figures);
    const succeeded = (value: unknown, args?: readonly unknown[], milliseconds: number | null = null) => {
      this.bytes.out += charactersIn(value);
      if (args !== undefined && value) this.#removed(method, args, Number(value), milliseconds);
    };
    const failed = (error: unknown, milliseconds: number | null = null) => {
      figures.errors++;
      this.#failed(method, error, milliseconds);
    };
    const [done, refused] = [(value: unknown) => succeeded(value), (error: unknown) => failed(error)];
    const isRemoval = REMOVALS.has(method);
    const isWrite = !TOLD.has(method);
    return {
      begin: (args) => {
        if (isWrite) for (const arg of args) if (typeof arg === "object") this.bytes.in += charactersIn(arg);
        return figures.begin();
      },
      follow: (result, args, start) => {
        if (start === 0 && !isRemoval) return void result.then(done, refused);
        result.then(
          (value) => succeeded(value, isRemoval ? args : undefined, figures.end(start)),
          (error) => failed(error, figures.end(start)),
        );
      },
    };
  }

  /** What has been counted so far. */
  stats(): Pick<CacheStats, "bytes" | "removed" | "operations" | "errors"> {
    const operations = [...this.#operations].map(([method, figures]) => [method, figures.stats()] as const);
    return {
      bytes: { ...this.bytes },
      removed: this.removed,
      operations: Object.fromEntries(operations),
      errors: Object.fromEntries(this.#errors),
    };
  }

  #removed(method: string, [first]: readonly unknown[], count: number, milliseconds: number | null): void {
    this.removed += count;
    const named = typeof first === "string" ? first : null;
    const what = method === "delete" ? { refId: named } : { namespace: named };
    this.#tell("invalidate", { operation: method, count, milliseconds, ...what });
  }

  #failed(method: string, error: unknown, milliseconds: number | null): void {
    const code = error instanceof RefCacheError ? error.code : "other";
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
    this.#tell("error", { operation: method, code, milliseconds });
  }
}

/** Characters of JSON text in an entry or in a batch of them, bytes in parts of one; 0 for anything else. */
function charactersIn(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + charactersIn(item), 0);
  const { json, entry } = value as { json?: unknown; entry?: unknown };
  if (typeof json === "string") return json.length;
  return entry === undefined ? 0 : charactersIn(entry);
}
