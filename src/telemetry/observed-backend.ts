import type { CacheBackend } from "../backends/backend.js";

type Method = (...args: unknown[]) => unknown;

/** Looks on at the calls of one method. Must not throw. */
export interface MethodObserver {
  /** Called before a call; tells when it began, or 0 where nobody wants to know how long it takes. */
  begin(args: readonly unknown[]): number;
  /** Called with the promise a call returned. Nobody waits for what is done with it. */
  follow(result: Promise<unknown>, args: readonly unknown[], start: number): void;
}

/**
 * A backend in front of another, with exactly its members, whatever capabilities those make up, so that those to come
 * are looked on as well. Methods are looked up when they are called: they may be replaced.
 */
export function observedBackend(
  backend: CacheBackend,
  observerOf: (method: string) => MethodObserver,
): CacheBackend {
  const members = backend as unknown as Record<PropertyKey, unknown>;
  const front: Record<PropertyKey, unknown> = {};
  for (const member of membersOf(backend)) {
    const isMethod = typeof member === "string" && typeof members[member] === "function";
    if (isMethod) front[member] = observedMethod(members, member, observerOf);
    else passOn(front, members, member);
  }
  return front as unknown as CacheBackend;
}

/** This costs every call of a backend: one promise reaction, and no turn of waiting. */
function observedMethod(
  backend: Record<PropertyKey, unknown>,
  name: string,
  observerOf: (method: string) => MethodObserver,
): Method {
  let observer: MethodObserver | undefined;
  return (...args) => {
    observer ??= observerOf(name);
    const start = observer.begin(args);
    const result = (backend[name] as Method)(...args);
    if (result instanceof Promise) observer.follow(result, args, start);
    return result;
  };
}

function passOn(front: object, members: Record<PropertyKey, unknown>, member: PropertyKey): void {
  Object.defineProperty(front, member, {
    enumerable: true,
    get: () => {
      const value = members[member];
      return typeof value === "function" ? value.bind(members) : value;
    },
    set: (value: unknown) => {
      members[member] = value;
    },
  });
}

/** Own and inherited, but for what every object has. */
function membersOf(object: object): Set<PropertyKey> {
  const members = new Set<PropertyKey>();
  for (let at: object | null = object; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at))
    for (const member of Reflect.ownKeys(at)) if (member !== "constructor") members.add(member);
  return members;
}
