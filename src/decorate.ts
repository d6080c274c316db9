import type { Answer } from "./answer.js";
import type { CachedFunction } from "./cached.js";
import type { TaskContext } from "./tasks/task.js";

/** Any function a cache may stand before. */
type AnyFunction = (...params: never[]) => unknown;

/**
 * What `cache.cached(namespace)` gives: one thing that wraps a function, and decorates a method under standard
 * and under legacy decorators.
 */
export interface CachedDecorator {
  /**
   * A standard method decorator. The method is bound to its instance, so that it can be handed on as a tool's
   * `execute`. It answers; TypeScript does not let a decorator say so, hence the unchanged type.
   */
  <This, Params extends unknown[], R>(
    method: (this: This, ...params: Params) => Promise<R>,
    context: ClassMethodDecoratorContext<This, (this: This, ...params: Params) => Promise<R>>,
  ): (this: This, ...params: Params) => Promise<R>;
  /** Wraps a function; what comes back takes the same parameters and answers. */
  <Params extends unknown[], R>(
    fn: (...params: Params) => R,
  ): (...params: Params) => Promise<Answer<Awaited<R>>>;
  /** A legacy method decorator (`experimentalDecorators`). */
  <Method extends (...params: never[]) => Promise<unknown>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): TypedPropertyDescriptor<Method>;
}

/** What `cache.cached(namespace, { asyncTimeout })` gives: as {@link CachedDecorator}, of functions that get a {@link TaskContext}. */
export interface TaskDecorator {
  /** A standard method decorator. The method gets the context behind its first argument; `taskContext()` gives it, too. */
  <This, Params extends unknown[], R>(
    method: (this: This, ...params: Params) => Promise<R>,
    context: ClassMethodDecoratorContext<This, (this: This, ...params: Params) => Promise<R>>,
  ): (this: This, ...params: Params) => Promise<R>;
  /** Wraps a function; what comes back takes the argument alone, or with a context of the layer above, an object. */
  <Args, Context extends object, R>(
    fn: (args: Args, context: Context & TaskContext) => R,
  ): (args: Args, context?: Context) => Promise<Answer<Awaited<R>>>;
  /** A legacy method decorator (`experimentalDecorators`). */
  <Method extends (...params: never[]) => Promise<unknown>>(
    target: object,
    key: string | symbol,
    descriptor: TypedPropertyDescriptor<Method>,
  ): TypedPropertyDescriptor<Method>;
}

/** What a cached method may declare that it returns, so that code which calls it sees the truth. */
export type Answered<T> = T | Answer<T>;

/** The cached function behind a wrapper, and the object it is a method of. */
export interface CachedTarget {
  readonly cached: CachedFunction;
  readonly self: unknown;
}

/** Shared by all copies of the package in a process: an adapter must know the wrappers of another copy's cache. */
const TARGET = Symbol.for("mcp-refcache.cached");

/** The cached function behind a function, or `undefined` when it is not a wrapper. */
export function cachedTarget(fn: unknown): CachedTarget | undefined {
  return typeof fn === "function" ? (fn as { [TARGET]?: CachedTarget })[TARGET] : undefined;
}

/** Makes the decorator of which `make` makes the cached functions. */
export function makeDecorator(make: (fn: AnyFunction) => CachedFunction): CachedDecorator {
  const decorate = (fn: unknown, second?: unknown, descriptor?: PropertyDescriptor): unknown => {
    if (descriptor !== undefined) return decorateLegacy(make, second as string | symbol, descriptor);
    if (typeof fn !== "function")
      throw new TypeError("cached(namespace) wraps a function or decorates a method");
    if (second === undefined) return wrap(make(fn as AnyFunction), undefined);
    return decorateStandard(make(fn as AnyFunction), second as ClassMethodDecoratorContext);
  };
  return decorate as CachedDecorator;
}

function decorateStandard(cached: CachedFunction, context: ClassMethodDecoratorContext): unknown {
  const method = unbound(cached);
  if (!context.private) {
    context.addInitializer(function (this: unknown) {
      const self = this as object;
      // A subclass may have overridden the method; its own must not be hidden by ours.
      if (Reflect.get(self, context.name) === method) defineBound(self, context.name, cached);
    });
  }
  return method;
}

/**
 * Legacy decorators have no initialisers; the first access through an instance, or a class for static ones, binds.
 * The prototype itself, and `super`, get the method as it is.
 */
function decorateLegacy(
  make: (fn: AnyFunction) => CachedFunction,
  key: string | symbol,
  { value, ...rest }: PropertyDescriptor,
): PropertyDescriptor {
  const cached = make(value as AnyFunction);
  const { enumerable = false } = rest;
  const method = unbound(cached);
  function get(this: object): unknown {
    if (typeof this !== "function" && Object.hasOwn(this, key)) return method;
    return nearestDescriptor(this, key)?.get === get ? defineBound(this, key, cached) : method;
  }
  return { configurable: true, enumerable, get };
}

function nearestDescriptor(self: object, key: string | symbol): PropertyDescriptor | undefined {
  for (let at: object | null = self; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

function defineBound(self: object, key: string | symbol, cached: CachedFunction): unknown {
  const bound = wrap(cached, self, className(self));
  Object.defineProperty(self, key, { value: bound, configurable: true, writable: true });
  return bound;
}

/** What stands on the prototype, for calls by `super` or `call`. */
function unbound(cached: CachedFunction): unknown {
  return function (this: unknown, ...params: unknown[]) {
    return cached.call({ self: this, params, tool: methodName(className(this), cached) });
  };
}

function wrap(cached: CachedFunction, self: unknown, owner?: string): unknown {
  const tool = owner === undefined ? {} : { tool: methodName(owner, cached) };
  cached.serve({ self, ...tool });
  const wrapper = (...params: unknown[]) => cached.call({ self, params, ...tool });
  Object.defineProperty(wrapper, "name", { value: cached.functionName, configurable: true });
  return Object.defineProperty(wrapper, TARGET, { value: { cached, self } satisfies CachedTarget });
}

function className(self: unknown): string {
  if (typeof self === "function") return self.name;
  return (self as object | undefined)?.constructor?.name ?? "";
}

function methodName(owner: string, cached: CachedFunction): string {
  return `${owner}.${cached.functionName}`;
}
